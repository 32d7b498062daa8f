"""Operators on bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.bits import BITS, both, either, one_of_two, opposite, shift_right
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.value import Value, constant
from pipeline.tf.onnx.call import Call, Rule, Table
from pipeline.tf.onnx.onnx_model import dtype_name

_WIDE = {"uint32", "uint64"}
_NOTE = "whole numbers of more than 31 bits are computed as int32: beyond its range they differ"


def _are_known(call: Call) -> bool:
    return all(value is not None and value.is_known for value in call.inputs)


def _two(compute: Callable[..., Any], exact: Callable[..., Any]) -> Rule:
    """Return a rule for an operator on the bits of two numbers."""

    def rule(call: Call) -> Value:
        if _are_known(call):
            return constant(exact(call.value(0).array, call.value(1).array))
        dtype = call.value(0).dtype
        return elementwise(lambda a, b: compute(a, b, dtype), [call.value(0), call.value(1)], dtype)

    return rule


def _not(call: Call) -> Value:
    value = call.value(0)
    if value.is_known:
        return constant(~value.array, value.dtype)
    if value.dtype in _WIDE:
        raise call.refuse(f"it turns the bits of {value.dtype}, which gives more than int32 holds")
    return elementwise(lambda a: opposite(a, value.dtype), [value])


def _shift(call: Call) -> Value:
    """BitShift: of unsigned numbers; to the left, bits beyond the dtype's go away."""
    value, by = call.value(0), call.value(1)
    left = call.attribute("direction") == "LEFT"
    if _are_known(call):
        shift = np.left_shift if left else np.right_shift
        return constant(shift(value.array, by.array), value.dtype)
    count = BITS.get(value.dtype)
    if left and count is None:
        call.state.notes[_NOTE] = None

    def compute(tensor: Any, places: Any) -> Any:
        if not left:
            return shift_right(tensor, places)
        if count is None:
            return tf.bitwise.left_shift(tensor, places)
        # A product of 16 bits by 16 is too large; bits that go away are taken first.
        far = tf.minimum(places, count)
        kept = tf.math.floormod(tensor, tf.bitwise.left_shift(tf.ones_like(far), count - far))
        return tf.bitwise.left_shift(kept, far)

    return elementwise(compute, [value, by])


def _reinterpret(call: Call) -> Value:
    """BitCast: between whole numbers of as few bits, which only wrap."""
    value, dtype = call.value(0), dtype_name(int(call.attribute("to", 0)))
    if dtype is None:
        raise call.refuse("it does not say what it casts to")
    if value.is_known:
        array = np.ascontiguousarray(value.array).view(dtype)
        return constant(array.reshape(value.array.shape), dtype)
    if value.dtype == dtype:
        return value
    if BITS.get(value.dtype) is None or BITS.get(value.dtype) != BITS.get(dtype):
        raise call.refuse(f"it reads the bits of {value.dtype} as {dtype}")
    count = 2 ** BITS[dtype]
    low = 0 if dtype.startswith("u") else count // 2
    return elementwise(lambda a: tf.math.floormod(a + low, count) - low, [value], dtype)


def _is_infinite(call: Call) -> Value:
    """IsInf: of one sign, of both, or of none."""
    above, below = call.attribute("detect_positive", 1), call.attribute("detect_negative", 1)

    def compute(tensor: Any) -> Any:
        if above and below:
            return tf.math.is_inf(tensor)
        if not (above or below):
            return tf.zeros_like(tensor, tf.bool)
        side = tensor > 0 if above else tensor < 0
        return tf.logical_and(tf.math.is_inf(tensor), side)

    return elementwise(compute, [call.value(0)], "bool")


RULES: Table = {
    "BitwiseAnd": _two(both, np.bitwise_and),
    "BitwiseOr": _two(either, np.bitwise_or),
    "BitwiseXor": _two(one_of_two, np.bitwise_xor),
    "BitwiseNot": _not,
    "BitShift": _shift,
    "BitCast": _reinterpret,
    "IsInf": _is_infinite,
}
