"""Sample texts: one article in many scripts, sentences, and source code."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, zip_longest


def choose_texts(
    count: int, *, first: int, words: Sequence[str] = (), ascii_only: bool = False
) -> list[bytes]:
    """Return texts in UTF-8: sentences and programs in turn, because the model may read either.

    Args:
        count: Number of texts.
        first: Number of the first text; another number gives other texts.
        words: Keys of the model's lookup table, if known; they replace the texts.
        ascii_only: Whether texts in other characters than those of ASCII are left out.
    """
    texts = _texts()
    choices = tuple(words) or tuple(text for text in texts if text.isascii() or not ascii_only)
    return [choices[(first + i) % len(choices)].encode() for i in range(count)]


@cache
def _texts() -> tuple[str, ...]:
    """Return all texts: a sentence, a program and an article in turn."""
    path = files("pipeline.proof.samples").joinpath("data", "texts.json")
    content = json.loads(path.read_text("utf-8"))
    kinds = (content["sentences"], content["programs"], content["declaration"].values())
    return tuple(text for text in chain.from_iterable(zip_longest(*kinds)) if text is not None)
