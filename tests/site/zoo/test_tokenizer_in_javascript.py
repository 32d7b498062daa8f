"""Tokenizers of the loader, compared number for number with the library `tokenizers`."""

import json
import lzma
import subprocess
from typing import Any

import pytest
from loader_zoo import NODE
from paths import DATA, ROOT

SOURCES = (ROOT / "pipeline/site/zoo").as_uri()
KINDS = ("bert", "bert-cased", "gpt2", "gpt4", "llama", "roberta", "unigram", "wordlevel", "xlmr")
Json = dict[str, Any]

PROGRAM = """
import {readFileSync} from 'node:fs';
const {sources, all, batch} = JSON.parse(readFileSync(0));
const {fillInputs, makeTokenizer} = await import(`${sources}/tokenizer.js`);
const answers = {};
for (const [name, {tokenizer, cases}] of Object.entries(all)) {
  try {
    const made = makeTokenizer(tokenizer);
    answers[name] = cases.map(([text, pair]) => {
      const {ids, types, mask} = made.encode(text, {pair: pair ?? undefined});
      return [ids, types, mask];
    });
    if (batch) answers[name] = fillInputs(made, batch.texts, batch.pairs, batch.entry);
  } catch (error) {
    answers[name] = `${error.code}: ${error.message}`;
  }
}
console.log(JSON.stringify(answers));
"""


def run(every: Json, **batch: Any) -> Json:
    """Return what the loader makes of each case of each tokenizer, or of a batch of texts."""
    request = json.dumps({"sources": SOURCES, "all": every, "batch": batch or None})
    command = [str(NODE), "--no-warnings", "--input-type=module", "-e", PROGRAM]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: Json = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def known() -> Json:
    """Return tokenizers, each with texts and what the library makes of them."""
    content = lzma.decompress((DATA / "tokenizers/cases.json.xz").read_bytes())
    found: Json = json.loads(content)
    return found


@pytest.fixture(scope="module")
def answers(known: Json) -> Json:
    """Return what the loader makes of the same texts."""
    return run(known)


@pytest.mark.parametrize("kind", KINDS)
def test_each_text_becomes_the_same_numbers(known: Json, answers: Json, kind: str) -> None:
    cases = known[kind]["cases"]
    assert isinstance(answers[kind], list), answers[kind]
    wrong = [
        (text, pair, expected, found)
        for (text, pair, *expected), found in zip(cases, answers[kind], strict=True)
        if expected != found
    ]

    assert len(cases) > 200
    assert wrong == []


def test_texts_of_a_batch_become_equally_long(known: Json) -> None:
    config = known["bert-cased"]["tokenizer"]
    entry = {
        "tokenizer": {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"},
        "inputs": [{"name": "input_ids", "shape": [-1, -1]}],
    }
    every = {"a": {"tokenizer": config, "cases": []}}
    open_ended = run(every, texts=["a b c", "a"], pairs=None, entry=entry)["a"]
    entry["inputs"] = [{"name": "input_ids", "shape": [1, 4]}]
    fixed = run(every, texts=["a b c", "a"], pairs=["b", "b"], entry=entry)["a"]

    assert open_ended["attention_mask"] == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert [row[0] for row in open_ended["input_ids"]] == [2, 2]
    assert [len(row) for row in fixed["input_ids"]] == [4, 4]
    assert fixed["token_type_ids"] == [[0, 0, 0, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"normalizer": {"type": "Other"}}, "its normalizer Other is not known here"),
        ({"pre_tokenizer": {"type": "UnicodeScripts"}}, "its pre-tokenizer UnicodeScripts"),
        ({"model": {"type": "Other", "vocab": {}}}, "its model Other"),
        (
            {
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"Regex": r"\p{L}++"},
                    "behavior": "Isolated",
                }
            },
            "a possessive quantifier",
        ),
    ],
    ids=["normalizer", "pre-tokenizer", "model", "pattern"],
)
def test_what_is_not_known_is_refused_by_name(known: Json, changed: Json, message: str) -> None:
    config = known["gpt2"]["tokenizer"] | changed

    assert message in run({"a": {"tokenizer": config, "cases": [["a", None]]}})["a"]
