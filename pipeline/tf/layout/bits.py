"""Operators on the bits of whole numbers, in arithmetic: TensorFlow.js has none that runs.

Whole numbers are held in int32. Unsigned numbers of 32 and 64 bits are held as such, and their
bits are those of int32 while they are no larger.
"""

from typing import Any

import numpy as np
import tensorflow as tf

_LOWEST = np.int32(-(2**31))
_HIGH = np.int32(2**30)
# Bits of int32 below its sign and the bit before it.
_LOW_BITS = 30
BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int4": 4, "uint4": 4}
"""Number of bits of the dtypes that have fewer than int32."""


def _digits(tensor: Any, count: int) -> Any:
    """Return whether each of the lowest bits is set, along a new last axis.

    Remainders are exact on all backends; a quotient on wasm is one of float32.
    """
    powers = 2 ** np.arange(count, dtype=np.int32)
    return tf.math.floormod(tensor[..., None], 2 * powers) >= powers


def both(first: Any, second: Any, dtype: str) -> Any:
    """Return the bits that two whole numbers of int32 have in common."""
    mask = _low_mask(second)
    if mask is not None:
        return tf.math.floormod(first, mask + 1)
    bits = BITS.get(dtype)
    count = _LOW_BITS if bits is None else bits
    common = tf.logical_and(_digits(first, count), _digits(second, count))
    weights = 2 ** np.arange(count, dtype=np.int32)
    if bits is not None and not dtype.startswith("u"):
        weights[-1] = -weights[-1]
    total = tf.reduce_sum(tf.where(common, weights, 0), -1)
    if bits is not None:
        return total
    high = tf.logical_and(_has_high_bit(first), _has_high_bit(second))
    sign = tf.logical_and(first < 0, second < 0)
    return total + tf.where(high, _HIGH, 0) + tf.where(sign, _LOWEST, 0)


def _has_high_bit(tensor: Any) -> Any:
    """Return whether the bit before the sign is set."""
    return tf.where(tensor < 0, tensor >= -_HIGH, tensor >= _HIGH)


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


def shift_right(tensor: Any, places: Any) -> Any:
    """Return whole numbers, none below zero, without their lowest bits."""
    power = tf.bitwise.left_shift(tf.ones_like(places), tf.minimum(places, _LOW_BITS))
    quotient = tf.math.floordiv(tensor, power)
    # The quotient of wasm is one of float32: what it lacks is that of the rest.
    quotient = quotient + tf.math.floordiv(tensor - quotient * power, power)
    return tf.where(places > _LOW_BITS, 0, quotient)
