"""Operators that compute each value by itself, and comparisons."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import (
    Build,
    Call,
    Row,
    Table,
    activate,
    cut,
    is_held_as_integers,
    limits,
    quantize,
    rows,
    scale_of,
)
from pipeline.tf.tflite.rounding import clip, half_even, half_up


def _unary(function: Callable[[Any], Any]) -> Build:
    return lambda call: function(call.real(0))


def _binary(function: Callable[[Any, Any], Any]) -> Build:
    def build(call: Call) -> Any:
        first, second = call.real(0), call.real(1)
        return activate(function(first, second), call.option("fusedActivationFunction"))

    return build


def _hard_swish(value: Any) -> Any:
    return value * tf.nn.relu6(value + 3.0) * np.float32(1 / 6)


def _divide(first: Any, second: Any) -> Any:
    first = tf.convert_to_tensor(first)
    # The kernel divides whole numbers as C++ does.
    return tf.raw_ops.TruncateDiv(x=first, y=second) if first.dtype.is_integer else first / second


def _gelu(call: Call) -> Any:
    return tf.nn.gelu(call.real(0), approximate=bool(call.option("approximate")))


def _leaky_relu(call: Call) -> Any:
    return tf.nn.leaky_relu(call.real(0), alpha=call.option("alpha"))


def _prelu(call: Call) -> Any:
    value = call.real(0)
    return tf.nn.relu(value) - call.real(1) * tf.nn.relu(-value)


def _cast(call: Call) -> Any:
    """Return numbers of another dtype; small integers keep the bits that fit."""
    value, target = tf.convert_to_tensor(call.real(0)), call.outputs[0]
    if value.dtype == tf.string or target.dtype == "string":
        raise call.refuse("a cast of strings")
    if value.dtype.is_complex and not target.dtype.startswith("complex"):
        value = tf.math.real(value)
    bits = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16}.get(target.dtype)
    if bits is None or is_held_as_integers(target):
        return tf.cast(value, tf.as_dtype(target.dtype if target.dtype != "float64" else "float32"))
    whole = tf.cast(value, tf.int32)
    low = -(2 ** (bits - 1)) if target.dtype.startswith("int") else 0
    return tf.math.floormod(whole - low, 2**bits) + low


def _activation(low: float, high: float) -> Build:
    return lambda call: cut(call.real(0), low, high)


def _fake_quant(call: Call) -> Any:
    return tf.quantization.fake_quant_with_min_max_args(
        call.real(0),
        min=call.option("min"),
        max=call.option("max"),
        num_bits=call.option("numBits", 8),
        narrow_range=bool(call.option("narrowRange")),
    )


def _add_integers(sign: int) -> Build:
    """Add as XNNPACK does: both scaled to the output's scale, halves up."""

    def build(call: Call) -> Any:
        scale = scale_of(call.outputs[0])
        first = call.held[0] * np.float32(scale_of(call.spec(0)) / scale)
        second = call.held[1] * np.float32(scale_of(call.spec(1)) / scale)
        total = first + second if sign > 0 else first - second
        return clip(half_up(total), call)

    return build


def _multiply_integers(call: Call) -> Any:
    scales = [call.spec(i).quantization.scale for i in (0, 1)]  # type: ignore[union-attr]
    factor = np.float32(scales[0] * scales[1] / scale_of(call.outputs[0]))
    return clip(half_even(call.held[0] * call.held[1] * factor), call)


def _all_integers(build: Build, otherwise: Build) -> Build:
    """Return a builder for held numbers, which takes the other one where an input has none."""

    def choose(call: Call) -> Any:
        if all(is_held_as_integers(call.spec(i)) for i in (0, 1)):
            return build(call)
        return quantize(otherwise(call), call.outputs[0])

    return choose


def _relu_integers(low: float | None, high: float | None) -> Build:
    """Return held numbers within limits; only where both scales are the same."""

    def build(call: Call) -> Any:
        own, target = call.spec(0), call.outputs[0]
        value = call.real(0)
        lowest, highest = limits(target)
        assert target.quantization is not None
        scale = target.quantization.scale
        least = lowest if low is None else max(lowest, float(np.rint(low / scale)))
        most = highest if high is None else min(highest, float(np.rint(high / scale)))
        same = own.quantization is not None and own.quantization.same(target.quantization)
        held = call.held[0] if same else quantize(value, target)
        return cut(held, least, most)

    return build


_ADD, _SUB, _MUL = _binary(tf.add), _binary(tf.subtract), _binary(tf.multiply)

ROWS: Table = rows(
    {
        "ABS": _unary(tf.abs),
        "CEIL": _unary(tf.math.ceil),
        "COMPLEX_ABS": _unary(tf.abs),
        "COS": _unary(tf.cos),
        "ELU": _unary(tf.nn.elu),
        "EXP": _unary(tf.exp),
        "FLOOR": _unary(tf.floor),
        "GELU": _gelu,
        "HARD_SWISH": _unary(_hard_swish),
        "IMAG": _unary(tf.math.imag),
        "LEAKY_RELU": _leaky_relu,
        "LOG": _unary(tf.math.log),
        "LOGICAL_NOT": _unary(tf.logical_not),
        "LOGISTIC": _unary(tf.sigmoid),
        "LOG_SOFTMAX": _unary(tf.nn.log_softmax),
        "NEG": _unary(tf.negative),
        "PRELU": _prelu,
        "REAL": _unary(tf.math.real),
        "ROUND": _unary(tf.round),
        "RSQRT": _unary(tf.math.rsqrt),
        "SIGN": _unary(tf.sign),
        "SIN": _unary(tf.sin),
        "SQRT": _unary(tf.sqrt),
        "SQUARE": _unary(tf.square),
        "TANH": _unary(tf.tanh),
        "ZEROS_LIKE": _unary(tf.zeros_like),
        "CAST": _cast,
        "FAKE_QUANT": _fake_quant,
        "DIV": _binary(_divide),
        "POW": _binary(tf.pow),
        "FLOOR_DIV": _binary(tf.math.floordiv),
        "FLOOR_MOD": _binary(tf.math.floormod),
        "SQUARED_DIFFERENCE": _binary(tf.math.squared_difference),
        "MAXIMUM": _binary(tf.maximum),
        "MINIMUM": _binary(tf.minimum),
        "ATAN2": _binary(tf.atan2),
        "EQUAL": _binary(tf.equal),
        "NOT_EQUAL": _binary(tf.not_equal),
        "LESS": _binary(tf.less),
        "LESS_EQUAL": _binary(tf.less_equal),
        "GREATER": _binary(tf.greater),
        "GREATER_EQUAL": _binary(tf.greater_equal),
        "LOGICAL_AND": _binary(tf.logical_and),
        "LOGICAL_OR": _binary(tf.logical_or),
        "RIGHT_SHIFT": _binary(tf.bitwise.right_shift),
        "BITWISE_XOR": _binary(tf.bitwise.bitwise_xor),
        "STABLEHLO_ADD": _binary(tf.add),
        "STABLEHLO_MULTIPLY": _binary(tf.multiply),
        "STABLEHLO_MAXIMUM": _binary(tf.maximum),
        "STABLEHLO_MINIMUM": _binary(tf.minimum),
        "STABLEHLO_SHIFT_LEFT": _binary(tf.bitwise.left_shift),
    }
) | {
    "ADD": Row(build=_ADD, integer=_all_integers(_add_integers(1), _ADD)),
    "SUB": Row(build=_SUB, integer=_all_integers(_add_integers(-1), _SUB)),
    "MUL": Row(build=_MUL, integer=_all_integers(_multiply_integers, _MUL)),
    "RELU": Row(build=_unary(tf.nn.relu), integer=_relu_integers(0.0, None)),
    "RELU6": Row(build=_unary(tf.nn.relu6), integer=_relu_integers(0.0, 6.0)),
    "RELU_N1_TO_1": Row(build=_activation(-1.0, 1.0), integer=_relu_integers(-1.0, 1.0)),
    "RELU_0_TO_1": Row(build=_activation(0.0, 1.0), integer=_relu_integers(0.0, 1.0)),
}
