"""Texts: sentences and source code for inputs that are strings. It opens no file."""

from collections.abc import Sequence
from itertools import chain

from pipeline.proof.inputs.random_stream import Stream

SENTENCES = (
    "The cat sat on the mat and watched the rain fall outside the window.",
    "How do I reset my password? I have tried everything and nothing works!",
    "A wonderful film: warm, funny, and far better than the trailer promised.",
    "Die Sitzung beginnt um neun Uhr; bitte bringen Sie die Unterlagen mit.",
    "This is the worst service I have ever had, and you should be ashamed.",
    "The committee will meet again on 14 March 2025 in Geneva to vote on it.",
)
PROGRAMS = (
    """import sys

def main(paths: list[str]) -> int:
    for path in paths:
        with open(path) as file:
            print(path, sum(1 for line in file if line.strip()))
    return 0

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
""",
    """#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    double total = 0.0;
    for (int i = 1; i < argc; i++) {
        total += strtod(argv[i], NULL);
    }
    printf("%.3f\\n", total);
    return 0;
}
""",
    """const express = require("express");
const app = express();

app.get("/items/:id", async (request, response) => {
  const item = await items.findOne({ id: request.params.id });
  if (!item) return response.status(404).json({ error: "not found" });
  response.json(item);
});

app.listen(3000, () => console.log("listening"));
""",
    """SELECT customers.name, COUNT(orders.id) AS orders, SUM(orders.total) AS total
FROM customers LEFT JOIN orders ON orders.customer_id = customers.id
WHERE orders.created_at >= '2024-01-01'
GROUP BY customers.name HAVING COUNT(orders.id) > 3
ORDER BY total DESC LIMIT 20;
""",
    """package main

import "fmt"

func fibonacci(n int, results chan<- int) {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		results <- a
		a, b = b, a+b
	}
	close(results)
}
""",
)


def choose_texts(count: int, *, first: int, words: Sequence[str], stream: Stream) -> list[bytes]:
    """Return texts in UTF-8: sentences and programs in turn, because the model may read either.

    Args:
        count: Number of texts.
        first: Number of the first text; another number gives other texts.
        words: Keys of the model's lookup table, if known; they replace the sentences.
        stream: Numbers that decide where in the list the texts begin.
    """
    choices = list(words) or list(chain.from_iterable(zip(SENTENCES, PROGRAMS, strict=False)))
    offset = int(stream.integers(0, len(choices), 1)[0])
    return [choices[(offset + first + i) % len(choices)].encode() for i in range(count)]
