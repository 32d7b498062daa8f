"""Whole numbers that stand for real ones: real = (held - zero point) * scale.

Halves round to the even number; results keep to the range of their dtype.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.value import Value, constant, wrap

_SMALL = {"int8", "uint8", "int16", "uint16", "int4", "uint4"}
_HALF_BYTES = {"int4": (-8, 7), "uint4": (0, 15)}
_FLOAT = "float32"


def limits(dtype: str) -> tuple[int, int]:
    """Return the least and the greatest number of a dtype of whole numbers."""
    if dtype in _HALF_BYTES:
        return _HALF_BYTES[dtype]
    found = np.iinfo(dtype)
    return int(found.min), int(found.max)


def as_float(value: Value) -> Value:
    """Return whole numbers as floats."""
    if value.is_known:
        return constant(value.array.astype(np.float32))
    return elementwise(lambda a: tf.cast(a, tf.float32), [value], _FLOAT)


def shift(value: Value, zero: Value | None) -> Value:
    """Return whole numbers less their zero point, as floats."""
    held = as_float(value)
    if zero is None or (zero.is_known and not np.any(zero.array)):
        return held
    if value.is_known and zero.is_known:
        return constant(held.array - zero.array.astype(np.float32))
    return elementwise(tf.subtract, [held, as_float(zero)], _FLOAT)


def scale_up(value: Value, scale: Value, zero: Value | None, dtype: str = _FLOAT) -> Value:
    """Return the real numbers that whole numbers stand for."""
    held = shift(value, zero)
    if held.is_known and scale.is_known:
        product = held.array * scale.array.astype(np.float32)
        return constant(product.astype(dtype), dtype)
    return elementwise(tf.multiply, [held, as_float(scale)], dtype)


def scale_down(value: Value, scale: Value, zero: Value | None, dtype: str) -> Value:
    """Return the whole numbers that stand for real ones."""
    scaled = elementwise(tf.divide, [as_float(value), keep_apart(as_float(scale))], _FLOAT)
    return round_to(scaled, zero, dtype)


def keep_apart(value: Value) -> Value:
    """Return a constant as a tensor that the optimizer leaves alone.

    It makes products of quotients, whose last bit differs, and moves factors into kernels, which
    are whole numbers no more then. A default that nobody feeds is a constant again in the end.
    """
    if not value.is_known or tf.executing_eagerly():
        return value
    held = value.array
    kept = tf.raw_ops.PlaceholderWithDefault(input=tf.constant(held), shape=held.shape)
    return wrap(kept, value.dtype)


def round_to(value: Value, zero: Value | None, dtype: str) -> Value:
    """Return the nearest whole numbers, moved by a zero point, within the range of a dtype."""
    low, high = limits(dtype)
    if dtype not in _SMALL:
        # The greatest number of float32 within int32.
        high = min(high, 2**31 - 128)

    def finish(tensor: Any, *others: Any) -> Any:
        rounded = tf.round(tensor)
        for other in others:
            rounded = rounded + other
        return tf.cast(tf.clip_by_value(rounded, float(low), float(high)), tf.int32)

    others = [] if zero is None or (zero.is_known and not np.any(zero.array)) else [as_float(zero)]
    return elementwise(finish, [value, *others], dtype)
