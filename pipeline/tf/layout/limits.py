"""Constants beyond int32, where they change nothing: as limits, and in comparisons.

Exporters write the ends of int64 for "no limit". What the graph computes is within int32, so that
such a constant is greater, or less, than all of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.value import Value, constant, is_integer

_ENDS = np.iinfo(np.int32)


def is_beyond(value: Value) -> bool:
    """Return whether a constant has whole numbers that int32 has not."""
    if not value.is_known or not is_integer(value.dtype) or not value.held.size:
        return False
    return bool(value.held.max() > _ENDS.max or value.held.min() < _ENDS.min)


def cut(value: Value) -> Value:
    """Return a constant with its numbers cut to the ends of int32; other values as they are."""
    if not is_beyond(value):
        return value
    return constant(np.clip(value.array, _ENDS.min, _ENDS.max), value.dtype)


def compare(compute: Callable[..., Any], first: Value, second: Value) -> Value:
    """Return a comparison of two values, one of which may be a constant beyond int32.

    Args:
        compute: Compares two tensors.
        first: The first value.
        second: The second value.
    """
    far = next((each for each in (first, second) if is_beyond(each)), None)
    if far is None or (first.is_known and second.is_known):
        return elementwise(compute, [first, second], "bool")
    array = far.array
    # All numbers of int32 stand to one beyond it as 0 does to its sign.
    sides = np.sign(array).astype(np.int32)
    with tf.init_scope():
        truth = (compute(sides, 0) if far is first else compute(0, sides)).numpy()
    beyond = (array > _ENDS.max) | (array < _ENDS.min)
    return elementwise(
        lambda a, b, is_far, answer: tf.where(is_far, answer, compute(a, b)),
        [cut(first), cut(second), constant(beyond), constant(truth)],
        "bool",
    )
