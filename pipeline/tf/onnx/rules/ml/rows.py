"""Inputs and scores of the operators of ai.onnx.ml: a row for each sample."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.value import Value, is_integer
from pipeline.tf.onnx.call import Call

_SQRT_2 = 1.41421356
_ZERO_WITHIN = 1e-7
_RANK = 2

DOUBLES = (
    "float64 numbers of ai.onnx.ml are float32 in this graph: inputs and sums are rounded to it"
)


def read_rows(call: Call, index: int = 0) -> Any:
    """Return an input as float32 (num_samples, num_features); a vector is one sample.

    Raises:
        ConversionError: It has more axes, or texts.
    """
    value = call.value(index)
    if value.rank not in (1, _RANK):
        raise call.refuse(f"its input has {value.rank} axes")
    check_numbers(call, value)
    tensor = tf.cast(value.plain, tf.float32)
    return tensor if value.rank == _RANK else tf.reshape(tensor, [1, -1])


def check_numbers(call: Call, value: Value) -> None:
    """Raise for an input of texts; say that float64 becomes float32."""
    if value.dtype == "str":
        raise call.refuse("its input has texts, and it computes with numbers")
    note_doubles(call, value)


def note_doubles(call: Call, value: Value) -> None:
    """Say of an input of float64 that it becomes float32."""
    if value.dtype == "float64":
        call.state.notes[DOUBLES] = None


def count_features(call: Call, rows: Any) -> int:
    """Return the number of features of a sample.

    Raises:
        ConversionError: It is not known.
    """
    if rows.shape[1] is None:
        raise call.refuse("the number of its features is not known")
    return int(rows.shape[1])


def may_be_nan(call: Call) -> bool:
    """Return whether the input may have numbers that are missing."""
    return not is_integer(call.value(0).dtype)


def floats(call: Call, *names: str) -> Any:
    """Return numbers that an attribute has as float32, or another as a tensor; else none."""
    for name in names:
        found = call.attribute(name)
        if found is not None and np.size(found):
            return np.asarray(found).reshape(-1)
    return np.zeros(0, np.float32)


def transform(call: Call, scores: Any) -> Any:
    """Return scores after the node's transform of at least two columns.

    The formulas are those of ONNX Runtime: core/providers/cpu/ml/ml_common.h .

    Args:
        call: The node; post_transform is read.
        scores: float32 (num_samples, num_scores).
    """
    match read_transform(call):
        case "NONE":
            return scores
        case "LOGISTIC":
            return tf.sigmoid(scores)
        case "SOFTMAX":
            return tf.nn.softmax(scores)
        case "SOFTMAX_ZERO":
            return _softmax_of_others(scores)
        case "PROBIT":
            return probit(scores)
        case other:
            raise call.refuse(f"post_transform is {other!r}")


def spread(call: Call, score: Any, *, positive: bool) -> Any:
    """Return the scores of two classes after the node's transform, from that of the second.

    Args:
        call: The node; post_transform is read.
        score: float32 (num_samples, 1).
        positive: Whether the two add up to 1, not to 0.
    """
    kind = read_transform(call)
    if kind == "PROBIT":
        raise call.refuse("it has PROBIT of a single score")
    if kind == "LOGISTIC":
        return tf.concat([tf.sigmoid(-score), tf.sigmoid(score)], 1)
    return tf.concat([1.0 - score if positive else -score, score], 1)


_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def read_transform(call: Call) -> str:
    """Return the name of the node's transform, which TreeEnsemble has as a number."""
    found = call.attribute("post_transform", "NONE")
    return _TRANSFORMS[found] if isinstance(found, int) else str(found)


def _softmax_of_others(scores: Any) -> Any:
    """Return a softmax that leaves zeros out."""
    largest = tf.reduce_max(scores, axis=1, keepdims=True)
    counts = tf.abs(scores) > _ZERO_WITHIN
    powers = tf.where(counts, tf.exp(scores - largest), tf.zeros_like(scores))
    rest = tf.where(counts, tf.zeros_like(scores), scores * tf.exp(-largest))
    return (powers + rest) / tf.reduce_sum(powers, axis=1, keepdims=True)


def probit(scores: Any) -> Any:
    """Return the quantiles of the normal distribution, by Winitzki's formula as ONNX Runtime."""
    centered = 2.0 * scores - 1.0
    logarithm = tf.math.log((1.0 - centered) * (1.0 + centered))
    half = 2.0 / (3.14159 * 0.147) + 0.5 * logarithm
    root = tf.sqrt(-half + tf.sqrt(half * half - logarithm / 0.147))
    return _SQRT_2 * tf.where(centered < 0, -root, root)
