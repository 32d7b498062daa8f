"""Numbers of 4 bits: two whole numbers of -7 to 7 in a byte, and the scales that suit them.

A byte holds 16 * high + low + 136 and is read with the scale 1/16 and the minimum -136/16, as
x = high + low / 16. So round(x) is high, because low / 16 is below one half, and 16 * (x - high) is
low: exact in float32 and in float16. Along one axis the high numbers are the first half of the
values, the low ones the second.

With so few steps the largest magnitude is a poor measure of the others: of some smaller scales each
channel or block takes the one with the least squared error. This module opens no file.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.weight_manifest import Quantization

Array = npt.NDArray[Any]

NIBBLE_LEVELS = 7
SIXTEEN = 16
_ZERO = 136
PACKED = Quantization(dtype="uint8", scale=1 / SIXTEEN, min=-_ZERO / SIXTEEN)
# Shares of the largest magnitude that the largest number stands for.
_SHARES = (1.0, 0.92, 0.85, 0.78, 0.7, 0.62)
_FLOAT16 = np.finfo(np.float16)


class Layout(Protocol):
    """The shape of scales beside that of the values which they multiply."""

    @property
    def scales(self) -> tuple[int, ...]:
        """Shape of the scales, which broadcasts to that of the values."""


def find_pack_axis(shape: tuple[int, ...]) -> int | None:
    """Return the axis along which numbers of a shape are packed; None if no length is even."""
    return next((axis for axis, size in enumerate(shape) if size and size % 2 == 0), None)


def pack(numbers: Array, axis: int) -> Array:
    """Return whole numbers of -7 to 7 as bytes, half as long along an axis."""
    high, low = np.split(numbers.astype(np.int16), 2, axis=axis)
    packed: Array = (SIXTEEN * high + low + _ZERO).astype(np.uint8)
    return packed


def unpack(decoded: Array, axis: int) -> Array:
    """Return the numbers in bytes that were read with `PACKED`, as float32."""
    high = np.rint(decoded)
    numbers: Array = np.concatenate([high, (decoded - high) * np.float32(SIXTEEN)], axis=axis)
    return numbers


def fit_scales(split: Array, layout: Layout) -> tuple[Array, Array]:
    """Return the scales of values, float16 or float32, and their whole numbers, as float32.

    Args:
        split: float32, the values in the shape in which scales multiply them.
        layout: The shape of the scales.
    """
    sizes = (1,) * (split.ndim - len(layout.scales)) + layout.scales
    axes = tuple(axis for axis, size in enumerate(sizes) if size == 1)
    largest = np.abs(split).max(axis=axes, keepdims=True)
    best, least = np.ones_like(largest), np.full_like(largest, np.inf)
    for share in _SHARES:
        scales = _store(largest * np.float32(share / NIBBLE_LEVELS)).astype(np.float32)
        errors = np.square(_divide(split, scales) * scales - split).sum(axis=axes, keepdims=True)
        is_less = errors < least
        best, least = np.where(is_less, scales, best), np.where(is_less, errors, least)
    stored = _store(best)
    return stored.reshape(layout.scales), _divide(split, stored.astype(np.float32))


def _divide(split: Array, scales: Array) -> Array:
    numbers: Array = np.clip(np.rint(split / scales), -NIBBLE_LEVELS, NIBBLE_LEVELS)
    return numbers


def _store(scales: Array) -> Array:
    """Return scales as float16, or float32 where one is no normal float16; 1 in place of 0."""
    used = np.where(scales < np.finfo(np.float32).smallest_normal, np.float32(1), scales)
    fits = _FLOAT16.smallest_normal <= used.min() and used.max() <= _FLOAT16.max
    return used.astype("<f2" if fits else "<f4")
