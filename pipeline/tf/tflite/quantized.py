"""Operators between real values and whole numbers, and other ways to store constants."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import (
    Call,
    Row,
    Table,
    cut,
    is_held_as_integers,
    limits,
    quantize,
    reciprocal,
)
from pipeline.tf.tflite.rounding import half_away


def _dequantize(call: Call) -> Any:
    """Return real values; of a constant at once, so that it still is one for its reader."""
    value = call.bias(0) if call.spec(0).dtype in ("int32", "int64") else call.real(0)
    if isinstance(value, np.ndarray):
        return value.astype(np.float32)
    return tf.cast(value, tf.float32)


def _quantize(call: Call) -> Any:
    """Return the values as they are, in the float form of an integer model."""
    if call.outputs[0].dtype == "float32":
        return tf.cast(call.real(0), tf.float32)
    raise call.refuse(f"to {call.outputs[0].dtype} without a scale")


def _quantize_integers(call: Call) -> Any:
    target = call.outputs[0]
    if is_held_as_integers(call.spec(0)):
        own = call.spec(0).quantization
        if own is not None and own.same(target.quantization):
            return cut(call.held[0], *limits(target))
        return quantize(call.real(0), target)
    scaled = tf.cast(call.real(0), tf.float32) * reciprocal(target)
    return cut(half_away(scaled), *limits(target))


ROWS: Table = {
    "DEQUANTIZE": Row(build=_dequantize),
    "QUANTIZE": Row(build=_quantize, integer=_quantize_integers),
    "DENSIFY": Row(build=lambda call: call.real(0)),
}
