"""Transposes that meet and cancel.

Models of PyTorch keep channels first, TensorFlow.js convolves with channels last, and so converters
write a Transpose before and behind each convolution. Here a Transpose sinks: an op that works on
each number alone runs on what was before the Transpose, and the Transpose comes behind it, until it
meets one that undoes it, or an op that needs its axes in order. The whole is kept only if the
graph then has fewer of them.

A value stands for `stored` and a permutation: axis i of the value is axis permutation[i] of
`stored`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, node_of
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
_TRUTHS = frozenset(
    {
        "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot",
        "LogicalOr", "NotEqual",
    }
)  # fmt: skip
_REDUCTIONS = frozenset({"Max", "Mean", "Min", "Prod", "Sum"})

Permutation = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A value: axis i is axis permutation[i] of the tensor `stored`."""

    stored: str
    permutation: Permutation

    @property
    def is_plain(self) -> bool:
        return self.permutation == tuple(range(len(self.permutation)))


def cancel_transposes(graph: Graph) -> int:
    """Sink Transposes until they cancel; return how many fewer there are."""
    ops = Counter(node["op"] for node in graph.nodes.values())
    before = ops["Transpose"]
    if not before or ops["NextIteration"]:
        return 0  # in a loop of TensorFlow 1 no node is behind all that it reads
    sinking = _Sinking(graph)
    for node in _in_order(graph):
        sinking.visit(node)
    saved = before - sinking.count_left()
    if saved <= 0:
        return 0
    sinking.apply()
    return saved


def _in_order(graph: Graph) -> Iterator[Json]:
    """Yield the nodes of a graph without loops, each behind those that it reads."""
    state: dict[str, bool] = {}
    for start in graph.nodes:
        frontier = [(start, False)]
        while frontier:
            name, is_done = frontier.pop()
            if is_done:
                state[name] = True
                yield graph.nodes[name]
            elif name not in state:
                state[name] = False
                frontier.append((name, True))
                inputs = graph.nodes[name].get("input", ())
                frontier += [(node_of(one), False) for one in inputs if node_of(one) not in state]


class _Sinking:
    """What each node becomes while Transposes sink below it; the graph is not changed before."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._values: dict[str, _Value] = {}
        self._made: dict[str, Json] = {}
        self._constants: dict[str, Array] = {}
        self._needed: set[str] = set()

    def visit(self, node: Json) -> None:
        name, inputs = node["name"], inputs_of(node)
        if inputs is None or _reads_more(self._graph, name):
            self._need(node)
            return
        rule = _RULES.get(node["op"])
        made = None if rule is None else rule(self, node, inputs)
        if made is None:
            self._need(node)
            return
        self._values[name] = made
        if self._graph.is_kept(name):
            self._needed.add(name)

    def count_left(self) -> int:
        """Return how many Transposes the graph will have."""
        kept = [
            name
            for name, node in self._graph.nodes.items()
            if node["op"] == "Transpose" and name not in self._values
        ]
        return len(kept) + sum(not self._values[name].is_plain for name in self._needed)

    def apply(self) -> None:
        """Change the graph."""
        graph, old = self._graph, list(self._graph.nodes)
        names = {part: graph.add_constant(part, value) for part, value in self._constants.items()}
        for made in self._made.values():
            inputs = [names.get(name, name) for name in made["input"]]
            graph.put({**made, "input": inputs})
        for name in old:
            if name in self._needed:
                self._materialize(name)
            elif name not in self._values:
                self._read_stored(graph.nodes[name])
        graph.remove(*(name for name in reversed(old) if name in self._values))

    def value(self, reference: str) -> _Value | None:
        """Return what a value stands for; None if it is not permuted."""
        found = self._values.get(_plain(reference))
        return None if found is None or found.is_plain else found

    def stored(self, reference: str) -> str:
        """Return the tensor to read for a value that is not permuted."""
        found = self._values.get(_plain(reference))
        return reference if found is None else found.stored

    def constant(self, reference: str) -> Array | None:
        """Return the values of a constant of the graph."""
        return self._graph.constant(reference)

    def make(self, node: Json, inputs: Sequence[str], permutation: Permutation) -> _Value:
        """Return the value of a node that runs on other inputs."""
        name = f"{node['name']}/sunk"
        self._made[name] = {**node, "name": name, "input": list(inputs)}
        return _Value(stored=name, permutation=permutation)

    def add_constant(self, node: Json, values: Array) -> str:
        """Return the name of a new constant of a node."""
        name = f"{node['name']}/constant{len(self._constants)}"
        self._constants[name] = values
        return name

    def _need(self, node: Json) -> None:
        """Note that a node reads its inputs with their axes in order."""
        for reference in node.get("input", ()):
            name = node_of(reference)
            if name in self._values and (
                not self._values[name].is_plain or reference.startswith("^")
            ):
                self._needed.add(name)

    def _materialize(self, name: str) -> None:
        """Put a value with its axes in order under its name."""
        value, old = self._values[name], self._graph.nodes[name]
        dtype = _dtype(old)
        made: Json = {"name": name, "input": [value.stored], "attr": {"T": {"type": dtype}}}
        if value.is_plain:
            self._graph.put({**made, "op": "Identity"})
            return
        order = self._graph.add_constant(name, np.array(value.permutation, np.int32))
        attrs = {**made["attr"], "Tperm": {"type": "DT_INT32"}}
        inputs = [value.stored, order]
        self._graph.put({**made, "op": "Transpose", "input": inputs, "attr": attrs})

    def _read_stored(self, node: Json) -> None:
        """Have a node read what its inputs stand for, where their axes are in order."""
        inputs = [
            name if node_of(name) in self._needed or name.startswith("^") else self.stored(name)
            for name in node.get("input", ())
        ]
        if inputs != node.get("input", []):
            self._graph.put({**node, "input": inputs})


_Rule = Callable[[_Sinking, Json, list[str]], _Value | None]


def _dtype(node: Json) -> str:
    """Return the data type of what a node computes."""
    if node["op"] in _TRUTHS:
        return "DT_BOOL"
    return attribute(node, "DstT" if node["op"] == "Cast" else "T", "type") or "DT_FLOAT"


def _reads_more(graph: Graph, name: str) -> bool:
    """Return whether something reads of a node what is not its first output as a value."""
    return graph.readers(name) is None and not graph.is_kept(name)


def _transpose(sinking: _Sinking, _node: Json, inputs: list[str]) -> _Value | None:
    order = sinking.constant(inputs[1])
    if order is None or ":" in inputs[0].removesuffix(":0"):
        return None
    permutation = tuple(int(axis) for axis in order)
    below = sinking.value(inputs[0])
    if below is None:
        return _Value(stored=sinking.stored(inputs[0]), permutation=permutation)
    return _Value(
        stored=below.stored, permutation=tuple(below.permutation[axis] for axis in permutation)
    )


def _unary(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
    value = sinking.value(inputs[0])
    if value is None or len(inputs) != 1:
        return None
    return sinking.make(node, [value.stored], value.permutation)


def _bias(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
    return _elementwise(sinking, {**node, "op": "AddV2"}, inputs)


def _elementwise(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
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


def _turned(sinking: _Sinking, node: Json, reference: str, permutation: Permutation) -> str | None:
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


def _prelu(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
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


def _pad(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
    value, pads = sinking.value(inputs[0]), sinking.constant(inputs[1])
    if value is None or pads is None or len(pads) != len(value.permutation):
        return None
    order = np.ascontiguousarray(pads[np.argsort(value.permutation)])
    made = [value.stored, sinking.add_constant(node, order), *inputs[2:]]
    return sinking.make(node, made, value.permutation)


def _concat(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
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


def _reduction(sinking: _Sinking, node: Json, inputs: list[str]) -> _Value | None:
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


_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY | _TRUTHS - {"LogicalNot"}, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "AddN": _elementwise,
    "BiasAdd": _bias,
    "ConcatV2": _concat,
    "Pad": _pad,
    "PadV2": _pad,
    "Prelu": _prelu,
    "Transpose": _transpose,
}


def _plain(reference: str) -> str:
    return reference.removesuffix(":0")
