"""Operators on the bits of whole numbers, in arithmetic: TensorFlow.js has none that runs.

Whole numbers are held in int32. Unsigned numbers of 32 and 64 bits are held as such, and their
bits are those of int32 while they are no larger.
"""

from typing import Any

import numpy as np
import tensorflow as tf

_LOWEST = np.int32(-(2**31))
_SIGN = 31
BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int4": 4, "uint4": 4}
"""Number of bits of the dtypes that have fewer than int32."""


def _digits(tensor: Any, count: int) -> Any:
    """Return bits along a new last axis, the lowest first."""
    powers = 2 ** np.arange(count, dtype=np.int32)
    return tf.math.floormod(tf.math.floordiv(tensor[..., None], powers), 2)


def both(first: Any, second: Any, dtype: str) -> Any:
    """Return the bits that two whole numbers of int32 have in common."""
    count = BITS.get(dtype, _SIGN)
    mask = _low_mask(second)
    if mask is not None:
        return tf.math.floormod(first, mask + 1)
    powers = 2 ** np.arange(count, dtype=np.int32)
    common = _digits(first, count) * _digits(second, count) * powers
    total = tf.reduce_sum(common, -1)
    if dtype.startswith("u"):
        return total
    sign = tf.logical_and(first < 0, second < 0)
    lowest = _LOWEST if count == _SIGN else np.int32(-(2 ** (count - 1)))
    if count != _SIGN:
        total = tf.math.floormod(total, -lowest)
    return total + tf.where(sign, lowest, np.int32(0))


def _low_mask(tensor: Any) -> int | None:
    """Return a constant whose bits are one up to some place; else None."""
    known = tf.get_static_value(tensor)
    if known is None or known.size != 1:
        return None
    number = int(known.reshape(()))
    return number if number >= 0 and number & (number + 1) == 0 and number < 2**30 else None


def either(first: Any, second: Any, dtype: str) -> Any:
    """Return the bits that one of two whole numbers has, or both."""
    return first + second - both(first, second, dtype)


def one_of_two(first: Any, second: Any, dtype: str) -> Any:
    """Return the bits that one of two whole numbers has, and the other has not."""
    common = both(first, second, dtype)
    return (first - common) + (second - common)


def opposite(tensor: Any, dtype: str) -> Any:
    """Return whole numbers with each bit turned."""
    if dtype.startswith("u"):
        return 2 ** BITS[dtype] - 1 - tensor
    return -1 - tensor
