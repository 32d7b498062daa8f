"""Casts: of constants in the source's own dtypes, of floats to those of fewer digits."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.value import constant
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.onnx_model import dtype_name
from pipeline.tf.onnx.rules import arithmetic

_HALF = "a cast to float16 rounds nothing: TensorFlow.js computes in float32"
_UNSIGNED = "numbers below zero stay so in a cast to uint32 or uint64, which have them beyond int32"
# The bits of a float32 that a bfloat16 lacks, and the greatest number that can be split so.
_SPLIT = 2.0**16 + 1
_GREATEST_SPLIT = 2.0**100


def _cast(call: Call) -> Any:
    value, dtype = call.value(0), dtype_name(int(call.attribute("to", 0)))
    if value.is_known and dtype and "str" not in (value.dtype, dtype):
        with np.errstate(invalid="ignore", over="ignore"):
            return constant(value.array.astype(dtype), dtype)
    made = arithmetic.RULES["Cast"](call)
    if dtype == "bfloat16" and value.dtype not in ("bool", "int8", "uint8", "int4", "uint4"):
        return elementwise(_round_to_bfloat, [made])
    if dtype == "float16" and value.dtype in ("float32", "float64"):
        call.state.notes[_HALF] = None
    if dtype in ("uint32", "uint64") and not value.dtype.startswith("u"):
        call.state.notes[_UNSIGNED] = None
    return made


def _round_to_bfloat(tensor: Any) -> Any:
    """Return floats with 8 binary digits, halves to the even one (Veltkamp's splitting)."""
    far = tensor * np.float32(_SPLIT)
    return tf.where(tf.abs(tensor) < _GREATEST_SPLIT, far - (far - tensor), tensor)


RULES: Table = {"Cast": _cast}
