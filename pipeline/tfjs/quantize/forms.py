"""Forms of weights: the ways in which a weight of a model can be stored, and their bytes.

- `float32`: as the base has it.
- `float16`, `uint16`, `uint8`: as the converter writes it, a scale and a minimum for all values.
- `uint8` with channels: whole numbers of -127 to 127, and a scale for each channel, by which the
  graph multiplies them: w = number * step * scale[c].
- `uint8` with channels and blocks: the same with a scale for each block of a channel's values.
- the same in 4 bits: whole numbers of -7 to 7, two in a byte (`packed_weights.py`).

Where m[c] is the largest magnitude in channel c, step is the power of two that is next to the
median of m / 127, scale[c] is m[c] / 127 / step as a float16, and each number is
round(w / (step * scale[c])). 0 stays 0; a channel of zeros has the scale 1. In shards a number is
a byte, number + 128, whose scale is `step` and whose minimum is -128 * step. So TensorFlow.js
decodes exactly, in float32, what stands here: a number has 8 bits and a scale 11. Scales are
float32 where one is no normal float16.

Sources: Nagel and others, A White Paper on Neural Network Quantization (2021), 2.2 and 2.3
(symmetric, per channel); the quantization specification of TensorFlow Lite, whose weights are int8
with a scale per channel. Blocks: Dettmers and others, 8-bit Optimizers via Block-wise Quantization
(2022). This module opens no file.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.weight_manifest import Quantization
from pipeline.tfjs.model.weights import dequantize
from pipeline.tfjs.quantize.nibbles import PACKED, find_pack_axis, fit_scales, pack, unpack
from pipeline.tfjs.quantize.quantization import (
    MAX_LOSS,
    find_fault,
    find_infinite,
    largest_but_outliers,
    measure_loss,
    quantize,
)

Array = npt.NDArray[Any]
FormDtype = Literal["float32", "float16", "uint16", "uint8"]

LEVELS = 127
BITS = 8
_ZERO = 128
# Below it a float32 has fewer bits.
_SMALLEST = np.finfo(np.float32).smallest_normal
_FLOAT16 = np.finfo(np.float16)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A way to store a weight.

    Attributes:
        dtype: Dtype of the stored values; "float32" leaves a weight as the base has it.
        channels: Axes along which scales differ; empty for one scale and one minimum.
        block: Number of values of a channel that share a scale; None for all of them.
        bits: Bits of a stored number with channels.
    """

    dtype: FormDtype
    channels: tuple[int, ...] = ()
    block: int | None = None
    bits: Literal[4, 8] = 8

    @property
    def is_scaled(self) -> bool:
        """Whether the graph multiplies the stored numbers by scales."""
        return bool(self.channels)

    def __str__(self) -> str:
        """Return the form in words: "uint8 in blocks of 32"."""
        if not self.is_scaled:
            return self.dtype
        stored = self.dtype if self.bits == BITS else f"{self.bits} bits"
        return f"{stored} {f'in blocks of {self.block}' if self.block else 'per channel'}"


AS_IN_BASE = Form(dtype="float32")


@dataclass(frozen=True, kw_only=True)
class EncodedWeight:
    """A weight in a form.

    Attributes:
        stored: Values as the shards hold them, in the shape in which the graph multiplies them.
        quantization: How to read them; None for those of the base.
        shape: The weight's own shape.
        scales: float16 or float32, of a shape that broadcasts to that of `stored`; None where
            the graph multiplies by none.
        packed: The axis of `stored` along which bytes hold two numbers; None for whole bytes.
    """

    stored: Array
    quantization: Quantization | None
    shape: tuple[int, ...]
    scales: Array | None = None
    packed: int | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes in the shards."""
        return self.stored.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def decode(self) -> Array:
        """Return the values of TensorFlow.js, float32 in the weight's shape."""
        if self.quantization is None:
            return self.stored
        decoded = dequantize(self.stored, self.quantization, "float32")
        if self.packed is not None:
            decoded = unpack(decoded, self.packed)
        if self.scales is not None:
            decoded *= self.scales.astype(np.float32)
        return decoded.reshape(self.shape)


@dataclass(frozen=True, kw_only=True)
class ScaleLayout:
    """Where scales stand: values of shape `split` are multiplied by scales of shape `scales`."""

    split: tuple[int, ...]
    scales: tuple[int, ...]


def scale_layout(shape: tuple[int, ...], form: Form) -> ScaleLayout:
    """Return the shapes of stored numbers and of their scales in a form with channels.

    Blocks lie along the last run of axes that are no channels, in row-major order: next to each
    other lie the input channels of one place of a filter. Axes before that run count as channels.
    """
    if form.block is None:
        scales = tuple(n if axis in form.channels else 1 for axis, n in enumerate(shape))
        leading = next((i for i, size in enumerate(scales) if size != 1), len(scales))
        return ScaleLayout(split=shape, scales=scales[leading:])
    before, length, behind = _last_run(shape, form.channels)
    count = length // form.block
    left = () if before == 1 else (before,)
    right = () if behind == 1 else (behind,)
    return ScaleLayout(split=(*left, count, form.block, *right), scales=(*left, count, 1, *right))


def block_form(shape: tuple[int, ...], channels: tuple[int, ...], block: int) -> Form:
    """Return the form with blocks of about `block` values.

    That is the largest divisor of a channel's number of values that is at most `block`; where it
    is less than half of that, or there is but one block, the channel has a single scale.
    """
    _, length, _ = _last_run(shape, channels)
    fitting = max(d for d in range(1, min(block, length) + 1) if length % d == 0)
    whole = fitting * 2 < block or fitting == length
    return Form(dtype="uint8", channels=channels, block=None if whole else fitting)


def _last_run(shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the number of values before, in and behind the last run of axes but channels."""
    end = max(axis for axis in range(len(shape)) if axis not in channels) + 1
    start = end
    while start and start - 1 not in channels:
        start -= 1
    return math.prod(shape[:start]), math.prod(shape[start:end]), math.prod(shape[end:])


def encode(values: Array, form: Form) -> EncodedWeight:
    """Return a weight in a form.

    Args:
        values: float32, any shape, not empty; finite.
        form: One that `possible_forms` names for this weight.
    """
    if form == AS_IN_BASE:
        return EncodedWeight(stored=values, quantization=None, shape=values.shape)
    if not form.is_scaled:
        stored, quantization = quantize(values, form.dtype)
        return EncodedWeight(stored=stored, quantization=quantization, shape=values.shape)
    if form.bits != BITS:
        return _encode_packed(values, form)
    step, scales = find_scales(values, form)
    split = values.reshape(scale_layout(values.shape, form).split)
    return EncodedWeight(
        stored=_divide(split, scales.astype(np.float32) * np.float32(step)),
        quantization=whole_numbers(step),
        shape=values.shape,
        scales=scales,
    )


def find_scales(values: Array, form: Form) -> tuple[float, Array]:
    """Return the step and the scales of a weight in a form with channels."""
    layout = scale_layout(values.shape, form)
    exact = _largest(values.reshape(layout.split), layout) / np.float32(LEVELS)
    is_used = exact >= _SMALLEST
    if not is_used.any():
        return 1.0, np.ones(layout.scales, "<f2")
    step = 2.0 ** round(math.log2(float(np.median(exact[is_used]))))
    with np.errstate(over="ignore"):  # an infinite scale is a fault
        scales = np.where(is_used, exact / np.float32(step), np.float32(1))
    fits = _FLOAT16.smallest_normal <= scales.min() and scales.max() <= _FLOAT16.max
    return step, scales.astype("<f2" if fits else "<f4")


def whole_numbers(step: float) -> Quantization:
    """Return how whole numbers of a step are stored."""
    return Quantization(dtype="uint8", scale=step, min=-_ZERO * step)


def find_form_fault(values: Array, form: Form) -> str | None:
    """Return why a form cannot hold these values, None where it can; see `find_fault`.

    Args:
        values: float32, any shape, not empty.
        form: One that `possible_forms` names for this weight.
    """
    if form == AS_IN_BASE:
        return None
    if not form.is_scaled:
        return find_fault(values, form.dtype)
    if fault := find_infinite(values):
        return fault
    if form.bits == BITS and not np.isfinite(find_scales(values, form)[1]).all():
        return "its channels differ too much for scales in float32"
    decoded = encode(values, form).decode().reshape(-1)
    largest = largest_but_outliers(values)
    loss = measure_loss(values, lambda block: decoded[block], largest=largest)
    if loss <= MAX_LOSS:
        return None
    return f"outliers stretch its scales: values up to {largest:.3g} would lose {loss:.0%}"


def _encode_packed(values: Array, form: Form) -> EncodedWeight:
    layout = scale_layout(values.shape, form)
    split = values.reshape(layout.split)
    scales, numbers = fit_scales(split, layout)
    axis = find_pack_axis(layout.split)
    assert axis is not None
    return EncodedWeight(
        stored=pack(numbers, axis),
        quantization=PACKED,
        shape=values.shape,
        scales=scales,
        packed=axis,
    )


def _divide(split: Array, scales: Array) -> Array:
    """Return values as bytes of whole multiples of scales, 128 for 0."""
    numbers = split / scales
    np.rint(numbers, out=numbers)
    return with_zero(np.clip(numbers, -LEVELS, LEVELS, out=numbers))


def with_zero(numbers: Array) -> Array:
    """Return whole numbers as bytes: 128 for 0."""
    return (numbers + _ZERO).astype(np.uint8)


def _largest(split: Array, layout: ScaleLayout) -> Array:
    """Return the largest magnitude of the values that share a scale."""
    sizes = (1,) * (split.ndim - len(layout.scales)) + layout.scales
    axes = tuple(axis for axis, size in enumerate(sizes) if size == 1)
    largest: Array = np.abs(split).max(axis=axes)
    return largest.reshape(layout.scales)
