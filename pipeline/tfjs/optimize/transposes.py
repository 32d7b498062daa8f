"""Transposes that meet and cancel.

Models of PyTorch keep channels first, TensorFlow.js convolves with channels last, and so converters
write a Transpose before and behind each convolution. Here a Transpose sinks: an op that works on
each number alone runs on what was before the Transpose, and the Transpose comes behind it, until it
meets one that undoes it, or an op that needs its axes in order. The whole is kept only if the
graph then has fewer of them.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from pipeline.tfjs.optimize.graph import Graph
from pipeline.tfjs.optimize.sinking import TRUTHS, Permutation, Rule, Sinking, Value, in_order
from pipeline.tfjs.rewrite.scope import Json, attribute

_UNARY = frozenset(
    {
        "Abs", "Cast", "Ceil", "Cos", "Elu", "Erf", "Exp", "Expm1", "Floor", "Identity",
        "LeakyRelu", "Log", "Log1p", "LogicalNot", "Neg", "Reciprocal", "Relu", "Relu6", "Round",
        "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Square", "Tanh",
    }
)  # fmt: skip
_BINARY = frozenset(
    {
        "Add", "AddV2", "Div", "FloorDiv", "Maximum", "Minimum", "Mul", "Pow", "RealDiv",
        "SquaredDifference", "Sub",
    }
)  # fmt: skip
_REDUCTIONS = frozenset({"Max", "Mean", "Min", "Prod", "Sum"})


def cancel_transposes(graph: Graph) -> int:
    """Sink Transposes until they cancel; return how many fewer there are."""
    ops = Counter(node["op"] for node in graph.nodes.values())
    before = ops["Transpose"]
    if not before or ops["NextIteration"]:
        return 0  # in a loop of TensorFlow 1 no node is behind all that it reads
    sinking = Sinking(graph, _RULES)
    for node in in_order(graph):
        sinking.visit(node)
    saved = before - sinking.count_left()
    if saved <= 0:
        return 0
    sinking.apply()
    return saved


def _transpose(sinking: Sinking, _node: Json, inputs: list[str]) -> Value | None:
    order = sinking.constant(inputs[1])
    if order is None or ":" in inputs[0].removesuffix(":0"):
        return None
    permutation = tuple(int(axis) for axis in order)
    below = sinking.value(inputs[0])
    if below is None:
        return Value(stored=sinking.stored(inputs[0]), permutation=permutation)
    return Value(
        stored=below.stored, permutation=tuple(below.permutation[axis] for axis in permutation)
    )


def _unary(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    value = sinking.value(inputs[0])
    if value is None or len(inputs) != 1:
        return None
    return sinking.make(node, [value.stored], value.permutation)


def _bias(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    return _elementwise(sinking, {**node, "op": "AddV2"}, inputs)


def _elementwise(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    """Return an op on numbers of the same place; constants are turned to fit."""
    values = [sinking.value(name) for name in inputs]
    permutations = {value.permutation for value in values if value is not None}
    if len(permutations) != 1:
        return None
    (permutation,) = permutations
    made = [
        value.stored if value is not None else _turned(sinking, node, name, permutation)
        for value, name in zip(values, inputs, strict=True)
    ]
    parts = [name for name in made if name is not None]
    return sinking.make(node, parts, permutation) if len(parts) == len(made) else None


def _turned(sinking: Sinking, node: Json, reference: str, permutation: Permutation) -> str | None:
    """Return a constant whose axes are those of `stored`; None if it is no constant."""
    values = sinking.constant(reference)
    if values is None or values.ndim > len(permutation):
        return None
    if values.ndim == 0:
        return reference
    whole = values.reshape((1,) * (len(permutation) - values.ndim) + values.shape)
    return sinking.add_constant(
        node, np.ascontiguousarray(whole.transpose(np.argsort(permutation)))
    )


def _prelu(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    """Return a PReLU whose slopes then lie along the last axis, as the wasm kernel takes them."""
    value, slopes = sinking.value(inputs[0]), sinking.constant(inputs[1])
    if value is None or slopes is None or slopes.ndim > len(value.permutation):
        return None
    offset = len(value.permutation) - slopes.ndim
    axes = [value.permutation[offset + i] for i, size in enumerate(slopes.shape) if size != 1]
    if axes not in ([], [len(value.permutation) - 1]) or slopes.size == 1:
        return None
    flat = sinking.add_constant(node, slopes.reshape(-1))
    return sinking.make(node, [value.stored, flat], value.permutation)


def _pad(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    value, pads = sinking.value(inputs[0]), sinking.constant(inputs[1])
    if value is None or pads is None or len(pads) != len(value.permutation):
        return None
    order = np.ascontiguousarray(pads[np.argsort(value.permutation)])
    made = [value.stored, sinking.add_constant(node, order), *inputs[2:]]
    return sinking.make(node, made, value.permutation)


def _concat(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    *parts, last = inputs
    axis = sinking.constant(last)
    values = [sinking.value(name) for name in parts]
    permutations = {None if value is None else value.permutation for value in values}
    if axis is None or len(permutations) != 1 or None in permutations:
        return None
    (permutation,) = permutations
    assert permutation is not None
    moved = np.int32(permutation[int(axis) % len(permutation)])
    stored = [value.stored for value in values if value is not None]
    made = [*stored, sinking.add_constant(node, np.array(moved))]
    return sinking.make(node, made, permutation)


def _reduction(sinking: Sinking, node: Json, inputs: list[str]) -> Value | None:
    value, axes = sinking.value(inputs[0]), sinking.constant(inputs[1])
    if value is None or axes is None:
        return None
    permutation = value.permutation
    gone = {int(axis) % len(permutation) for axis in axes.reshape(-1)}
    moved = np.array(sorted(permutation[axis] for axis in gone), np.int32)
    made = [value.stored, sinking.add_constant(node, moved)]
    if attribute(node, "keep_dims", "b"):
        return sinking.make(node, made, permutation)
    left = [axis for i, axis in enumerate(permutation) if i not in gone]
    order = sorted(left)
    return sinking.make(node, made, tuple(order.index(axis) for axis in left))


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY | TRUTHS - {"LogicalNot"}, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "AddN": _elementwise,
    "BiasAdd": _bias,
    "ConcatV2": _concat,
    "Pad": _pad,
    "PadV2": _pad,
    "Prelu": _prelu,
    "Transpose": _transpose,
}
