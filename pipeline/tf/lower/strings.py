"""Lowerings of strings, and of the search for texts in a recognizer's scores."""

import re
import string
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_static, size_of

# TensorFlow's white space (absl::ascii_isspace).
_SPACES = "\t\n\v\f\r "
_NEGATED = {r"\D", r"\S", r"\W"}
# A character that occurs in no text, to mark an empty text.
_NOTHING = "\x1a"


def _lower(*, input: tf.Tensor, encoding: bytes, **_: Any) -> tf.Tensor:
    """Replace letters one by one."""
    if encoding:
        raise NotLowered(f"in {encoding.decode()}, of more letters than ASCII has")
    for letter in string.ascii_uppercase:
        input = _replace(input, letter, letter.lower())
    return input


def _strip(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    return _replace(input, r"^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$", "")


def _regex_replace(
    *,
    input: tf.Tensor,
    pattern: tf.Tensor,
    rewrite: tf.Tensor,
    replace_global: bool,
    **_: Any,
) -> tf.Tensor:
    return _replace(
        input,
        require_static(pattern, "pattern").item().decode(),
        require_static(rewrite, "rewrite").item().decode(),
        replace_global=replace_global,
    )


def _static_replace(
    *, input: tf.Tensor, pattern: bytes, rewrite: bytes, replace_global: bool, **_: Any
) -> tf.Tensor:
    return _replace(input, pattern.decode(), rewrite.decode(), replace_global=replace_global)


def _replace(
    texts: tf.Tensor, pattern: str, rewrite: str, *, replace_global: bool = True
) -> tf.Tensor:
    """Replace by a pattern; TensorFlow.js reads all string attributes in lower case."""
    if rewrite != rewrite.lower():
        raise NotLowered("it writes capital letters")
    return tf.raw_ops.StaticRegexReplace(
        input=texts,
        pattern=_write_small(pattern),
        rewrite=rewrite,
        replace_global=replace_global,
    )


def _write_small(pattern: str) -> str:
    r"""Return an equal pattern without capital letters: "\x41" for "A"."""
    written, in_set = "", False
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part in _NEGATED and not in_set:
            written += f"[^{part.lower()}]"
        elif part in string.ascii_uppercase:
            written += f"\\x{ord(part):x}"
        elif part == part.lower():
            written += part
            in_set = part == "[" or (in_set and part != "]")
        else:
            raise NotLowered(f"its pattern has {part}")
    return written


def _split(
    *,
    input: tf.Tensor,
    sep: tf.Tensor,
    maxsplit: int,
    **_: Any,
) -> list[tf.Tensor]:
    """Split at one character, or at every run of white space."""
    separator = require_static(sep, "separator").item().decode()
    if maxsplit >= 0:
        raise NotLowered("that ends after some parts")
    if len(separator) > 1:
        raise NotLowered("at more than one character")
    if not separator:
        parts = tf.raw_ops.StringSplit(input=input, delimiter=_SPACES, skip_empty=True)
        return [parts.indices, parts.values, parts.shape]
    # StringSplit finds no part in an empty text, StringSplitV2 finds an empty part.
    filled = _replace(input, "^$", _NOTHING)
    parts = tf.raw_ops.StringSplit(input=filled, delimiter=separator, skip_empty=False)
    return [parts.indices, _replace(parts.values, f"^{_NOTHING}$", ""), parts.shape]


def _look_up(
    *, table_handle: tf.Tensor, keys: tf.Tensor, default_value: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Look one more key up, so that there is one."""
    if keys.shape.num_elements() or default_value.dtype == tf.string:
        raise NotNeeded
    more = tf.concat([tf.reshape(keys, [-1]), tf.zeros([1], keys.dtype)], 0)
    found = tf.raw_ops.LookupTableFindV2(
        table_handle=table_handle, keys=more, default_value=default_value
    )
    return tf.reshape(found[:-1], tf.shape(keys))


def _decode_greedily(
    *,
    inputs: tf.Tensor,
    sequence_length: tf.Tensor,
    merge_repeated: bool,
    blank_index: int = -1,
    **_: Any,
) -> list[tf.Tensor]:
    """Take the best class of each step; leave out blanks, and repeats if asked."""
    steps, classes = size_of(inputs, 0), size_of(inputs, 2)
    best = tf.transpose(tf.argmax(inputs, -1, tf.int32))
    heard = tf.less(tf.expand_dims(tf.range(steps), 0), tf.expand_dims(sequence_length, 1))
    blank = classes + blank_index if blank_index < 0 else blank_index
    kept = tf.logical_and(heard, tf.not_equal(best, blank))
    if merge_repeated:
        before = tf.concat([tf.fill([tf.shape(best)[0], 1], -1), best[:, :-1]], 1)
        kept = tf.logical_and(kept, tf.not_equal(best, before))
    found = tf.where(kept)
    places = tf.gather_nd(tf.cumsum(tf.cast(kept, tf.int32), 1) - 1, found)
    lengths = tf.reduce_sum(tf.cast(kept, tf.int32), 1)
    longest = tf.reduce_max(tf.concat([[0], lengths], 0))
    logits = tf.where(heard, tf.transpose(tf.reduce_max(inputs, -1)), tf.zeros([], inputs.dtype))
    return [
        tf.stack([found[:, 0], tf.cast(places, tf.int64)], 1),
        tf.cast(tf.gather_nd(best, found), tf.int64),
        tf.cast(tf.stack([tf.shape(best)[0], longest]), tf.int64),
        -tf.reduce_sum(logits, 1, keepdims=True),
    ]


def _has_capitals(pattern: bytes) -> bool:
    return pattern != pattern.lower()


RULES = {
    "CTCGreedyDecoder": Lowering(lower=_decode_greedily, becomes="ArgMax, and Where it is kept"),
    "LookupTableFindV2": Lowering(
        lower=_look_up,
        becomes="one of one more key",
        why="TensorFlow.js fails where there are no keys",
    ),
    "RegexReplace": Lowering(lower=_regex_replace, becomes="StaticRegexReplace"),
    "StaticRegexReplace": Lowering(
        lower=_static_replace,
        becomes="one without capital letters in its pattern",
        why="TensorFlow.js reads the pattern in small letters",
        applies=lambda node: _has_capitals(node.attr["pattern"].s),
    ),
    "StringLower": Lowering(lower=_lower, becomes="StaticRegexReplace of each letter"),
    "StringSplitV2": Lowering(lower=_split, becomes="StringSplit"),
    "StringStrip": Lowering(lower=_strip, becomes="StaticRegexReplace"),
}
