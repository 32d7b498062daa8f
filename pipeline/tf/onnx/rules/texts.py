"""Operators on texts, of which TensorFlow.js moves none: on known ones, and on numbers of words."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.value import Value, constant, wrap
from pipeline.tf.onnx.call import Call, Rule, Table


def _known(compute: Callable[[Call], Any]) -> Rule:
    """Return a rule for known texts."""

    def rule(call: Call) -> Any:
        if not all(value is None or value.is_known for value in call.inputs):
            raise call.refuse("it computes texts, which TensorFlow.js cannot")
        return compute(call)

    return rule


def _join(call: Call) -> Value:
    first, second = call.value(0).array, call.value(1).array
    return constant(np.asarray(first.astype(object) + second.astype(object), object), "str")


def _match(call: Call) -> Any:
    pattern = re.compile(call.attribute("pattern"))
    texts = call.value(0).array
    found = [pattern.fullmatch(str(text)) is not None for text in texts.flat]
    return np.array(found, bool).reshape(texts.shape)


def _count_grams(call: Call) -> Value:
    """TfIdfVectorizer: how often each of its n-grams occurs in each row.

    The words of an n-gram stand together, or with the same number of words between each two.
    """
    value = call.value(0)
    if value.dtype == "str":
        raise call.refuse("it counts texts")
    words = value.plain if value.rank > 1 else value.plain[None]
    if words.shape[-1] is None:
        raise call.refuse("the number of its words is not known")
    grams = _read_grams(call)
    indices = [int(n) for n in call.attribute("ngram_indexes")]
    parts = []
    for length, own in grams:
        parts.append(_count(call, words, length, own))
    counts = tf.concat(parts, 1) if len(parts) > 1 else parts[0]
    made = _weigh(call, counts)
    size = max(indices) + 1
    lookup = np.full(size, len(indices), np.int32)
    lookup[indices] = np.arange(len(indices))
    placed = tf.gather(tf.pad(made, [[0, 0], [0, 1]]), lookup, axis=1)
    return wrap(placed if value.rank > 1 else placed[0], "float32")


def _read_grams(call: Call) -> list[tuple[int, Any]]:
    """Return the n-grams of each length, each a row of numbers of words."""
    pool = np.array(call.attribute("pool_int64s"), np.int64)
    starts = [*call.attribute("ngram_counts"), len(pool)]
    return [
        (number + 1, pool[start:end].reshape(-1, number + 1).astype(np.int32))
        for number, (start, end) in enumerate(itertools.pairwise(starts))
        if end > start
    ]


def _count(call: Call, words: Any, length: int, grams: Any) -> Any:
    """Return how often n-grams of one length occur in rows: (rows, n-grams)."""
    shortest, longest = (
        int(call.attribute("min_gram_length")),
        int(call.attribute("max_gram_length")),
    )
    total = tf.zeros([tf.shape(words)[0], len(grams)])
    if not shortest <= length <= longest:
        return total
    most = int(call.attribute("max_skip_count")) if length > 1 else 0
    for skipped in range(most + 1):
        width = words.shape[-1] - (length - 1) * (skipped + 1)
        if width <= 0:
            break
        found: Any = None
        for number in range(length):
            start = number * (skipped + 1)
            own = tf.equal(words[:, start : start + width, None], grams[:, number])
            found = own if found is None else tf.logical_and(found, own)
        total = total + tf.reduce_sum(tf.cast(found, tf.float32), 1)
    return total


def _weigh(call: Call, counts: Any) -> Any:
    weights: Sequence[float] | None = call.attribute("weights")
    mode = call.attribute("mode")
    present = tf.cast(counts > 0, tf.float32)
    if mode == "TF":
        return counts
    if weights is None:
        return present if mode == "IDF" else counts
    return (present if mode == "IDF" else counts) * np.array(weights, np.float32)


RULES: Table = {
    "StringConcat": _known(_join),
    "RegexFullMatch": _known(_match),
    "TfIdfVectorizer": _count_grams,
}

REFUSED = {
    "StringNormalizer": "it computes texts, which TensorFlow.js cannot",
    "StringSplit": "it computes texts, which TensorFlow.js cannot",
}
"""Operators on texts that cannot be converted, with the reason."""
