"""Operators that ONNX Runtime's optimizer writes: several of the standard's in one.

Each is put together from operators of the standard.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from onnx import helper

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size
from pipeline.tf.layout.value import Value, constant, transpose
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.onnx_model import make_function_graph

# The version of the standard that the operators are taken from.
_VERSION = 23
_EPSILON = 1e-12


def run(call: Call, op: str, *inputs: Value | None, **attributes: Any) -> Value:
    """Return the first output of an operator of the standard."""
    given = {f"input{i}": value for i, value in enumerate(inputs) if value is not None}
    names = [f"input{i}" if value is not None else "" for i, value in enumerate(inputs)]
    while names and not names[-1]:
        names.pop()
    node = helper.make_node(op, names, ["output"], **attributes)
    opsets = [helper.make_opsetid("", _VERSION)]
    function = helper.make_function("", op, list(given), ["output"], [node], opsets)
    return call.state.build(make_function_graph(function, []), given)[0]


def _sum(values: Sequence[Value | None]) -> Value:
    """Return the sum of the values that are there."""
    given = [value for value in values if value is not None]
    made = given[0]
    for value in given[1:]:
        made = elementwise(tf.add, [made, value])
    return made


def _gelu(call: Call) -> Value:
    """Gelu and BiasGelu."""
    return run(call, "Gelu", _sum(call.inputs))


def _fast_gelu(call: Call) -> Value:
    return run(call, "Gelu", _sum(call.inputs), approximate="tanh")


def _quick_gelu(call: Call) -> Value:
    alpha = float(call.attribute("alpha", 1.702))
    return elementwise(lambda x: x * tf.sigmoid(alpha * x), [call.value(0)])


def _bias_split_gelu(call: Call) -> Value:
    value = _sum(call.inputs)
    half = value.sizes[-1] // 2
    left, right = (_cut(value, start, half) for start in (0, half))
    return elementwise(tf.multiply, [left, run(call, "Gelu", right)])


def _cut(value: Value, start: Size, count: Size) -> Value:
    """Return a part of the last axis."""
    axis = value.order.index(value.rank - 1)
    cut: list[Any] = [slice(None)] * value.rank
    cut[axis] = slice(start, start + count)
    return Value(
        held=value.tensor[tuple(cut)],
        dtype=value.dtype,
        order=value.order,
        sizes=(*value.sizes[:-1], count),
    )


def _add_bias(call: Call) -> Value:
    return _sum(call.inputs)


def _multiply_fused(call: Call) -> Value:
    """FusedMatMul: operands may have their axes swapped, and the product a factor."""
    values = []
    for index, side in enumerate("AB"):
        value = call.value(index)
        axes = list(range(value.rank))
        if call.attribute(f"transBatch{side}", 0):
            axes = [*axes[1:-1], axes[0], axes[-1]]
        if call.attribute(f"trans{side}", 0) and value.rank > 1:
            axes = [*axes[:-2], axes[-1], axes[-2]]
        values.append(transpose(value, axes))
    made = run(call, "MatMul", *values)
    alpha = float(call.attribute("alpha", 1.0))
    return made if alpha == 1.0 else elementwise(lambda x: x * alpha, [made])


_PARAMETERS = {
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
}


def _activate(call: Call, value: Value, numbers: Sequence[float]) -> Value:
    """Return the activation of a fused operator."""
    name = call.attribute("activation", "")
    if not name:
        return value
    if name == "Clip":
        limits = [constant(np.float32(number)) for number in numbers]
        return run(call, "Clip", value, *limits)
    attributes = dict(zip(_PARAMETERS.get(name, ()), numbers, strict=False))
    return run(call, name, value, **attributes)


def _convolve_fused(call: Call) -> Value:
    """FusedConv: a convolution, a value that is added, an activation."""
    made = run(call, "Conv", call.value(0), call.value(1), call.optional(2), **_window(call))
    numbers = call.attribute("activation_params") or ()
    return _activate(call, _sum([made, call.optional(3)]), numbers)


_WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _window(call: Call) -> dict[str, Any]:
    found = {name: call.attribute(name) for name in _WINDOW}
    return {name: value for name, value in found.items() if value is not None}


def _convolve_channels_last(call: Call) -> Value:
    """NhwcConv: a convolution of (batch, height, width, channels)."""
    first = transpose(call.value(0), (0, 3, 1, 2))
    made = run(call, "Conv", first, call.value(1), call.optional(2), **_window(call))
    return transpose(made, (0, 2, 3, 1))


def _multiply_add_fused(call: Call) -> Value:
    """FusedGemm: Gemm and an activation."""
    found = {name: call.attribute(name) for name in ("alpha", "beta", "transA", "transB")}
    attributes = {name: value for name, value in found.items() if value is not None}
    made = run(call, "Gemm", call.value(0), call.value(1), call.optional(2), **attributes)
    numbers = [
        float(call.attribute(f"activation_{name}"))
        for name in ("alpha", "beta")
        if call.attribute(f"activation_{name}") is not None
    ]
    return _activate(call, made, numbers)


def _only_first(call: Call, *others: int) -> None:
    """Raise where someone reads an output that only training needs."""
    for index in others:
        if index < len(call.node.outputs) and call.node.outputs[index]:
            raise call.refuse(f"it returns output {index}, which only training needs")


def _normalize_sum(call: Call) -> list[Value]:
    """SkipLayerNormalization: input, skip, scale, shift, bias."""
    _only_first(call, 1, 2)
    total = _sum([call.value(0), call.value(1), call.optional(4)])
    made = run(
        call, "LayerNormalization", total, call.value(2), call.optional(3), axis=-1,
        epsilon=float(call.attribute("epsilon", _EPSILON)),
    )  # fmt: skip
    return [made, made, made, total]


def _normalize_root(call: Call) -> Value:
    """SimplifiedLayerNormalization: input, scale."""
    _only_first(call, 1)
    axis, epsilon = call.axis(-1), float(call.attribute("epsilon", 1e-5))
    return _divide_by_root(call.value(0), call.value(1), axis, epsilon)


def _normalize_root_of_sum(call: Call) -> list[Value]:
    """SkipSimplifiedLayerNormalization: input, skip, scale, bias."""
    _only_first(call, 1, 2)
    total = _sum([call.value(0), call.value(1), call.optional(3)])
    epsilon = float(call.attribute("epsilon", _EPSILON))
    made = _divide_by_root(total, call.value(2), total.rank - 1, epsilon)
    return [made, made, made, total]


def _divide_by_root(value: Value, scale: Value, axis: int, epsilon: float) -> Value:
    """Return a value over the root of its mean square, from one axis to the last, and scaled."""
    places = [value.order.index(each) for each in range(axis, value.rank)]

    def divide(tensor: Any) -> Any:
        mean = tf.reduce_mean(tf.square(tensor), places, keepdims=True)
        return tensor * tf.math.rsqrt(mean + epsilon)

    return elementwise(tf.multiply, [elementwise(divide, [value]), scale])


def _embed(call: Call) -> list[Value]:
    """EmbedLayerNormalization: words, positions and segments are looked up, added, normalized."""
    ids, words, places = call.value(0), call.value(2), call.value(3)
    parts = [run(call, "Gather", words, ids, axis=0)]
    if call.has(8):
        parts.append(run(call, "Gather", places, call.value(8), axis=0))
    else:
        parts.append(_first_rows(call, places, ids.sizes[1]))
    if call.has(1):
        parts.append(run(call, "Gather", call.value(4), call.value(1), axis=0))
    total = _sum(parts)
    made = run(
        call, "LayerNormalization", total, call.value(5), call.value(6), axis=-1,
        epsilon=float(call.attribute("epsilon", _EPSILON)),
    )  # fmt: skip
    return [made, _count_tokens(call, ids), total]


def _first_rows(call: Call, table: Value, count: Size) -> Value:
    start = constant(np.zeros(1, np.int64))
    end = constant(np.array([count], object), "int64")
    return run(call, "Slice", table, start, end, constant(np.zeros(1, np.int64)))


def _count_tokens(call: Call, ids: Value) -> Value:
    """Return the number of tokens of each sequence that the mask lets through; 0 without a mask."""
    if call.has(7):
        ones = elementwise(lambda x: tf.cast(tf.equal(x, 1), tf.int32), [call.value(7)], "int32")
    else:
        ones = elementwise(tf.zeros_like, [ids], "int32")
    axes = constant(np.array([1], np.int64))
    return run(call, "ReduceSum", ones, axes, keepdims=0)


def _normalize_groups(call: Call) -> Value:
    """GroupNorm: channels last, and an activation where `activation` is 1."""
    return _finish_groups(call, call.value(0))


def _normalize_groups_of_sum(call: Call) -> list[Value]:
    """SkipGroupNorm: input, scale, shift, skip, bias."""
    skip = call.value(3)
    if skip.rank == 2:  # noqa: PLR2004  # (batch, channels)
        batch, channels = skip.sizes
        skip = reshape(skip, (batch, 1, 1, channels))
    total = _sum([call.value(0), skip, call.optional(4)])
    return [_finish_groups(call, total), total]


def _finish_groups(call: Call, value: Value) -> Value:
    is_last = bool(call.attribute("channels_last", 1))
    first = transpose(value, (0, value.rank - 1, *range(1, value.rank - 1))) if is_last else value
    made = run(
        call, "GroupNormalization", first, call.value(1), call.value(2),
        epsilon=float(call.attribute("epsilon", 1e-5)), num_groups=int(call.attribute("groups")),
    )  # fmt: skip
    if is_last:
        made = transpose(made, (0, *range(2, value.rank), 1))
    if int(call.attribute("activation", 0)) == 0:
        return made
    return elementwise(lambda x: x * tf.sigmoid(x), [made])


RULES: Table = {"SimplifiedLayerNormalization": _normalize_root}
"""What ONNX Runtime writes into the domain of the standard."""

MICROSOFT: Table = {
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "BiasSplitGelu": _bias_split_gelu,
    "BiasAdd": _add_bias,
    "FusedMatMul": _multiply_fused,
    "TransposeMatMul": _multiply_fused,
    "FusedConv": _convolve_fused,
    "FusedGemm": _multiply_add_fused,
    "NhwcConv": _convolve_channels_last,
    "SkipLayerNormalization": _normalize_sum,
    "SimplifiedLayerNormalization": _normalize_root,
    "SkipSimplifiedLayerNormalization": _normalize_root_of_sum,
    "EmbedLayerNormalization": _embed,
    "GroupNorm": _normalize_groups,
    "SkipGroupNorm": _normalize_groups_of_sum,
}
