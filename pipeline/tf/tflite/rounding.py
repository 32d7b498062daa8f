"""Rounding of integer operators, as the kernels of TensorFlow Lite's default interpreter do it.

They are XNNPACK's: sums of integers times a float32 factor, rounded once, cut to the range of
the output. Halves go to the even number in convolutions, up in additions, and away from zero in
averages.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import Call, cut, limits
from pipeline.tf.tflite.tflite_model import Tensor


def half_even(value: Any) -> Any:
    """Return the nearest whole number, of two the even one."""
    return tf.round(value)


def half_up(value: Any) -> Any:
    """Return the nearest whole number, of two the greater one."""
    return tf.floor(value + 0.5)


def half_away(value: Any, slack: float = 0.0) -> Any:
    """Return the nearest whole number, of two the one farther from zero.

    Args:
        value: The numbers.
        slack: How far below a half may count as a half, for quotients that were computed.
    """
    return tf.sign(value) * tf.floor(tf.abs(value) + np.float32(0.5 + slack))


def scale_twice(value: Any, factor: float) -> Any:
    """Return whole numbers times a factor, rounded twice, as MultiplyByQuantizedMultiplier does.

    The factor is a part of 0.5 to 1 times a power of two. The product with the first is rounded,
    halves up, then that with the second, halves away from zero.
    """
    part, power = np.frexp(factor)
    before, after = 2.0 ** max(int(power), 0), 2.0 ** min(int(power), 0)
    return half_away(half_up(value * np.float32(before * part)) * np.float32(after))


def activation_limits(call: Call) -> tuple[float, float]:
    """Return the least and greatest held number of an output behind a fused activation."""
    target = call.outputs[0]
    low, high = limits(target)
    assert target.quantization is not None
    scale = target.quantization.scale
    match call.option("fusedActivationFunction"):
        case 1:
            return max(low, 0.0), high
        case 2:
            edge = float(np.rint(np.float32(1.0) / scale))
            return max(low, -edge), min(high, edge)
        case 3:
            return max(low, 0.0), min(high, float(np.rint(np.float32(6.0) / scale)))
        case _:
            return low, high


def clip(value: Any, call: Call) -> Any:
    """Return held numbers within the limits of an output and of its fused activation."""
    return cut(value, *activation_limits(call))


def note_sums(call: Call, own: Tensor, weights: Any, axis: tuple[int, ...]) -> None:
    """Note where sums of numbers times weights may be too large for float32.

    Args:
        call: The operator.
        own: The tensor of the numbers.
        weights: Whole numbers.
        axis: The axes of the weights that are summed over.
    """
    largest = max(abs(n) for n in limits(own))
    if float(np.abs(weights).sum(axis, dtype=np.float64).max(initial=0.0)) * largest > 2**24:
        call.state.notes[
            "sums of whole numbers may pass 2^24, beyond which float32 rounds them"
        ] = None
