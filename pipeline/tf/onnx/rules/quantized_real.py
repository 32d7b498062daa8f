"""Operators on quantized values that are computed in real numbers, and quantized again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.quantized import scale_down, scale_up
from pipeline.tf.layout.sizes import Size
from pipeline.tf.layout.value import Value, transpose, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules import arithmetic, attention, contrib, pools, reductions
from pipeline.tf.onnx.rules.quantized import as_number

Build = Callable[[Call], Any]


def _by_real_numbers(build: Build, num_inputs: int = 1) -> Build:
    """Return a rule that computes real numbers, and quantizes them again.

    Each input has a scale and a zero point behind it, and the output's come last.
    """

    def rule(call: Call) -> Value:
        inputs = [_read_real(call, 3 * number) for number in range(num_inputs)]
        made = call.replaced(inputs).finish(build(call.replaced(inputs)))[0]
        last = 3 * num_inputs
        zero = call.optional(last + 1)
        dtype = zero.dtype if zero is not None else call.value(0).dtype
        return scale_down(made, _number(call, last), zero and as_number(zero), dtype)

    return rule


def _read_real(call: Call, index: int) -> Value:
    zero = call.optional(index + 2)
    return scale_up(call.value(index), _number(call, index + 1), zero and as_number(zero))


def _number(call: Call, index: int) -> Value:
    return as_number(call.value(index))


def _two(compute: Callable[..., Any]) -> Build:
    return lambda call: elementwise(compute, [call.value(0), call.value(1)])


def _channels_last(build: Build) -> Build:
    """Return a rule for an operator whose input may have its channels last."""

    def rule(call: Call) -> Value:
        value = call.value(0)
        if not call.attribute("channels_last", 0):
            return call.finish(build(call))[0]
        rank = value.rank
        first = transpose(value, (0, rank - 1, *range(1, rank - 1)))
        made = call.finish(build(call.replaced([first])))[0]
        return transpose(made, (0, *range(2, rank), 1))

    return rule


def _softmax(call: Call) -> Any:
    """QLinearSoftmax: `opset` says which Softmax it is."""
    node = replace(call.node, version=int(call.attribute("opset", 13)))
    return reductions.RULES["Softmax"](replace(call, node=node))


def _attention(call: Call) -> Any:
    """QAttention: input, weights, bias, their scales, a mask, their zero points, the past."""
    value = scale_up(call.value(0), _number(call, 3), call.optional(6))
    weights = scale_up(call.value(1), _number(call, 4), call.optional(7))
    others = [call.optional(index) for index in (2, 5, 8)]
    return attention.MICROSOFT["Attention"](call.replaced([value, weights, *others]))


def _embed(call: Call) -> Any:
    """QEmbedLayerNormalization: five tables and vectors, whose scales and zero points come last."""
    tables = [
        scale_up(
            call.value(2 + number),
            _number(call, 8 + number),
            _number(call, 13 + number),
        )
        if call.has(2 + number)
        else None
        for number in range(5)
    ]
    inputs = [call.optional(0), call.optional(1), *tables, call.optional(7)]
    return contrib.MICROSOFT["EmbedLayerNormalization"](call.replaced(inputs))


def _concat(call: Call) -> Value:
    """QLinearConcat: the output's scale and zero point, then values with their own."""
    values = [
        scale_up(call.value(index), _number(call, index + 1), _number(call, index + 2))
        for index in range(2, len(call.inputs), 3)
    ]
    axis = call.axis(0, rank=values[0].rank)
    sizes: list[Size] = list(values[0].sizes)
    for value in values[1:]:
        sizes[axis] = sizes[axis] + value.sizes[axis]
    made = wrap(tf.concat([value.plain for value in values], axis), "float32", sizes=sizes)
    zero = _number(call, 1)
    return scale_down(made, _number(call, 0), zero, zero.dtype)


MICROSOFT: Table = {
    "QLinearAdd": _by_real_numbers(_two(tf.add), 2),
    "QLinearMul": _by_real_numbers(_two(tf.multiply), 2),
    "QLinearAveragePool": _by_real_numbers(_channels_last(pools.RULES["AveragePool"])),
    "QLinearGlobalAveragePool": _by_real_numbers(_channels_last(pools.RULES["GlobalAveragePool"])),
    "QLinearLeakyRelu": _by_real_numbers(arithmetic.RULES["LeakyRelu"]),
    "QLinearSigmoid": _by_real_numbers(arithmetic.RULES["Sigmoid"]),
    "QLinearConcat": _concat,
    "QLinearSoftmax": _by_real_numbers(_softmax),
    "QAttention": _attention,
    "QEmbedLayerNormalization": _embed,
}
