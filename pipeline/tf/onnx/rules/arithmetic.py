"""Operators that compute each element by itself.

TensorFlow.js has whole numbers of 32 bits only. Results of fewer bits wrap as the source's do;
whole numbers divide towards zero, as C's do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.limits import compare, cut
from pipeline.tf.layout.value import Category, Value, is_float, is_integer
from pipeline.tf.onnx.call import Call, Rule, Table
from pipeline.tf.onnx.onnx_model import dtype_name

_BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int4": 4, "uint4": 4}


def wrap_around(tensor: Any, dtype: str) -> Any:
    """Return whole numbers within the range of a dtype, as arithmetic of so few bits has them."""
    if dtype not in _BITS:
        return tensor
    count = 2 ** _BITS[dtype]
    if dtype.startswith("u"):
        return tf.math.floormod(tensor, count)
    return tf.math.floormod(tensor + count // 2, count) - count // 2


def _one(compute: Callable[[Any], Any], dtype: str | None = None) -> Rule:
    """Return a rule for an operator of one input."""

    def rule(call: Call) -> Value:
        return elementwise(compute, [call.value(0)], dtype)

    return rule


def _one_that_wraps(compute: Callable[[Any], Any]) -> Rule:
    """Return a rule for arithmetic on one input: the least of int8 has no opposite."""

    def rule(call: Call) -> Value:
        dtype = call.value(0).dtype
        return elementwise(lambda a: wrap_around(compute(a), dtype), [call.value(0)])

    return rule


def _two(compute: Callable[..., Any]) -> Rule:
    """Return a rule for arithmetic on two inputs, which wraps."""

    def rule(call: Call) -> Value:
        dtype = call.value(0).dtype
        return elementwise(
            lambda *tensors: wrap_around(compute(*tensors), dtype),
            [call.value(0), call.value(1)],
        )

    return rule


def _many(compute: Callable[..., Any]) -> Rule:
    """Return a rule for an operator of any number of inputs."""

    def rule(call: Call) -> Value:
        made = call.value(0)
        for index in range(1, len(call.inputs)):
            made = elementwise(compute, [made, call.value(index)])
        return made

    return rule


def _compare(compute: Callable[..., Any]) -> Rule:
    """Return a rule for a comparison."""

    def rule(call: Call) -> Value:
        return compare(compute, call.value(0), call.value(1))

    return rule


def _extreme(compute: Callable[..., Any]) -> Rule:
    """Return a rule for Min or Max, which constants beyond int32 do not change."""
    rule = _many(compute)
    return lambda call: rule(call.replaced([cut(value) for value in call.inputs if value]))


def _divide(call: Call) -> Value:
    dtype = call.value(0).dtype
    values = [call.value(0), call.value(1)]
    if not is_integer(dtype):
        return elementwise(tf.divide, values)
    return elementwise(lambda a, b: wrap_around(divide_towards_zero(a, b), dtype), values)


def divide_towards_zero(first: Any, second: Any) -> Any:
    """Return quotients of int32 rounded towards zero, as C's are."""
    quotient = tf.math.floordiv(first, second)
    is_below = tf.not_equal(quotient * second, first) & tf.not_equal(first < 0, second < 0)
    return quotient + tf.cast(is_below, tf.int32)


def _remainder(call: Call) -> Value:
    """Mod: the sign is that of the divisor; with fmod, that of the dividend."""
    values = [call.value(0), call.value(1)]
    if not call.attribute("fmod", 0):
        return elementwise(tf.math.floormod, values)
    if is_integer(values[0].dtype):
        return elementwise(lambda a, b: a - divide_towards_zero(a, b) * b, values)

    def fmod(first: Any, second: Any) -> Any:
        whole = tf.abs(first) - tf.floor(tf.abs(first) / tf.abs(second)) * tf.abs(second)
        return tf.sign(first) * whole

    return elementwise(fmod, values)


def _power(call: Call) -> Value:
    """Pow: the result has the dtype of the base; the exponent may have another."""
    base, exponent = call.value(0), call.value(1)
    if is_integer(base.dtype) and not is_integer(exponent.dtype):
        made = elementwise(
            lambda a, b: tf.pow(tf.cast(a, tf.float32), b), [base, exponent], "float32"
        )
        return elementwise(lambda a: tf.cast(a, tf.int32), [made], base.dtype)
    known = call.known(1)
    if known is not None and known.size == 1 and is_float(base.dtype):
        simple = {2.0: tf.square, 0.5: tf.sqrt, 1.0: tf.identity}.get(float(known.reshape(())))
        if simple and known.ndim <= base.rank:
            return elementwise(simple, [base])
    return elementwise(lambda a, b: tf.pow(a, tf.cast(b, a.dtype)), [base, exponent], base.dtype)


def _clip(call: Call) -> Value:
    """Clip: limits are attributes before version 11."""
    value = call.value(0)
    if call.version < 11:  # noqa: PLR2004
        limits = [call.attribute("min"), call.attribute("max")]
        numbers = [None if n is None else np.asarray(n, value.dtype) for n in limits]
    else:
        numbers = [call.known(1), call.known(2)]
        if any(call.has(i) and call.known(i) is None for i in (1, 2)):
            return _clip_computed(call)
    low, high = numbers
    if low is not None and high is not None and is_float(value.dtype):
        if float(low) == 0.0 and float(high) == 6.0:  # noqa: PLR2004  # what TensorFlow.js fuses
            return elementwise(tf.nn.relu6, [value])
        # Limits that are crossed lead to the upper one.
        least, most = min(low.item(), high.item()), high.item()
        return elementwise(
            lambda a: tf.raw_ops.ClipByValue(t=a, clip_value_min=least, clip_value_max=most),
            [value],
        )
    for limit, compute in ((low, tf.maximum), (high, tf.minimum)):
        if limit is None:
            continue
        if is_integer(value.dtype) and _is_unreachable(limit.item(), compute):
            raise call.refuse(f"its limit {limit.item()} is beyond int32")
        if not _is_extreme(limit, value.dtype):
            value = _limit(value, compute, limit.item())
    return value


def _limit(value: Value, compute: Callable[..., Any], number: float) -> Value:
    return elementwise(lambda a: compute(a, tf.cast(number, a.dtype)), [value])


def _is_unreachable(number: int, compute: Callable[..., Any]) -> bool:
    """Return whether a limit takes all numbers of int32 beyond it."""
    ends = np.iinfo(np.int32)
    return number > ends.max if compute is tf.maximum else number < ends.min


def _is_extreme(limit: Any, dtype: str) -> bool:
    """Return whether a limit is beyond all numbers of int32 or float32, so that it cuts nothing."""
    number = limit.item()
    if is_integer(dtype):
        return not np.iinfo(np.int32).min < number < np.iinfo(np.int32).max
    return bool(abs(number) >= float(np.finfo(np.float32).max))


def _clip_computed(call: Call) -> Value:
    value = call.value(0)
    for index, compute in ((1, tf.maximum), (2, tf.minimum)):
        if call.has(index):
            value = elementwise(compute, [value, call.value(index)])
    return value


def _average(call: Call) -> Value:
    made = _many(tf.add)(call)
    count = len(call.inputs)
    return elementwise(lambda a: a / count, [made])


def _choose(call: Call) -> Value:
    values = [call.value(0), call.value(1), call.value(2)]
    return elementwise(tf.where, values, call.value(1).dtype)


def _leaky(call: Call) -> Value:
    alpha = float(call.attribute("alpha", 0.01))
    return elementwise(lambda a: tf.nn.leaky_relu(a, alpha), [call.value(0)])


def _hard_sigmoid(call: Call) -> Value:
    alpha, beta = float(call.attribute("alpha", 0.2)), float(call.attribute("beta", 0.5))
    return elementwise(
        lambda a: tf.raw_ops.ClipByValue(
            t=a * alpha + beta, clip_value_min=0.0, clip_value_max=1.0
        ),
        [call.value(0)],
    )


def _hard_swish(call: Call) -> Value:
    return elementwise(lambda a: a * tf.nn.relu6(a + 3.0) * (1.0 / 6.0), [call.value(0)])


def _elu(call: Call) -> Value:
    alpha = float(call.attribute("alpha", 1.0))
    if alpha == 1.0:
        return elementwise(tf.nn.elu, [call.value(0)])
    return elementwise(
        lambda a: tf.where(a > 0, a, alpha * (tf.exp(tf.minimum(a, 0.0)) - 1.0)), [call.value(0)]
    )


def _prelu(call: Call) -> Value:
    return elementwise(
        lambda a, slope: tf.nn.relu(a) - slope * tf.nn.relu(-a), [call.value(0), call.value(1)]
    )


def _cast(call: Call) -> Value:
    """Cast: floats lose their fraction, whole numbers of few bits wrap, all but 0 is true."""
    value, dtype = call.value(0), dtype_name(int(call.attribute("to", 0)))
    if dtype is None:
        raise call.refuse("it does not say what it casts to")
    if value.dtype == dtype or (dtype == "str" and isinstance(value.dtype, Category)):
        return value
    if "str" in (value.dtype, dtype) or isinstance(value.dtype, Category):
        raise call.refuse("it casts from or to texts")
    if dtype == "bool":
        return elementwise(lambda a: tf.not_equal(a, tf.zeros([], a.dtype)), [value], dtype)
    if is_integer(dtype):
        return elementwise(lambda a: wrap_around(tf.cast(a, tf.int32), dtype), [value], dtype)
    return elementwise(lambda a: tf.cast(a, tf.float32), [value], dtype)


RULES: Table = {
    "Abs": _one_that_wraps(tf.abs),
    "Neg": _one_that_wraps(tf.negative),
    "Exp": _one(tf.exp),
    "Log": _one(tf.math.log),
    "Sqrt": _one(tf.sqrt),
    "Reciprocal": _one(tf.math.reciprocal),
    "Floor": _one(tf.floor),
    "Ceil": _one(tf.math.ceil),
    "Round": _one(tf.round),
    "Sign": _one(tf.sign),
    "Sin": _one(tf.sin),
    "Cos": _one(tf.cos),
    "Tan": _one(tf.tan),
    "Asin": _one(tf.asin),
    "Acos": _one(tf.acos),
    "Atan": _one(tf.atan),
    "Sinh": _one(tf.sinh),
    "Cosh": _one(tf.cosh),
    "Tanh": _one(tf.tanh),
    "Asinh": _one(tf.asinh),
    "Acosh": _one(tf.acosh),
    "Atanh": _one(tf.atanh),
    "Erf": _one(tf.math.erf),
    "Relu": _one(tf.nn.relu),
    "Sigmoid": _one(tf.sigmoid),
    "Softplus": _one(tf.math.softplus),
    "IsNaN": _one(tf.math.is_nan, "bool"),
    "Not": _one(tf.logical_not),
    "Add": _two(tf.add),
    "Sub": _two(tf.subtract),
    "Mul": _two(tf.multiply),
    "Div": _divide,
    "Mod": _remainder,
    "Pow": _power,
    "Min": _extreme(tf.minimum),
    "Max": _extreme(tf.maximum),
    "Sum": _many(tf.add),
    "Mean": _average,
    "And": _compare(tf.logical_and),
    "Or": _compare(tf.logical_or),
    "Xor": _compare(tf.math.logical_xor),
    "Equal": _compare(tf.equal),
    "Less": _compare(tf.less),
    "LessOrEqual": _compare(tf.less_equal),
    "Greater": _compare(tf.greater),
    "GreaterOrEqual": _compare(tf.greater_equal),
    "Where": _choose,
    "Clip": _clip,
    "LeakyRelu": _leaky,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Elu": _elu,
    "PRelu": _prelu,
    "Cast": _cast,
}
