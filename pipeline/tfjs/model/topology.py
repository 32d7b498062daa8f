"""Topology: the GraphDef of a graph model, which model.json holds as protobuf JSON.

A node's input is "node", "node:1" or, if it only orders execution, "^node"; inside a function of
the library also "node:output_name:0". An attribute is a dict with one key for its type:
{"type": "DT_FLOAT"}, {"i": "3"}, {"shape": {"dim": [{"size": "-1"}]}}. This module turns a graph
into plain values and answers questions on its structure. It opens no file and computes no weight.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.disk.json_value import MAX_WHOLE, JsonValue
from pipeline.errors import FormatError
from pipeline.tfjs.model.graph_ops import ASYNC_OPS, NO_RESULT_OPS


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operation of a graph.

    Attributes:
        name: Unique in its graph.
        op: Name of its operation, e.g. "Conv2D".
        inputs: The tensors it reads, as the graph writes them.
        attrs: Its attributes, each in protobuf JSON.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Any]

    @property
    def data_inputs(self) -> tuple[str, ...]:
        """Inputs that carry a value, without those that only order execution."""
        return tuple(name for name in self.inputs if not name.startswith("^"))

    @property
    def called_functions(self) -> set[str]:
        """Names of the functions in its attributes: branches of an If, body of a While."""
        return {
            str(attr["func"]["name"])
            for attr in self.attrs.values()
            if isinstance(attr, Mapping) and isinstance(attr.get("func"), Mapping)
        }

    @property
    def is_placeholder(self) -> bool:
        """Whether TensorFlow.js takes it for an input (operation_mapper.ts)."""
        return self.op.startswith("Placeholder")


@dataclass(frozen=True, kw_only=True)
class Topology:
    """A graph and the functions that its control flow calls.

    Attributes:
        nodes: All nodes by name, in the graph's order.
        functions: Nodes of each function of the library.
    """

    nodes: Mapping[str, Node]
    functions: Mapping[str, Mapping[str, Node]]

    def all_nodes(self) -> Iterator[Node]:
        """Yield the nodes of the graph, then the nodes of the functions that they call.

        The converter may leave functions behind that no node calls; their constants have no
        weights.
        """
        frontier: list[Iterable[Node]] = [self.nodes.values()]
        called: set[str] = set()
        while frontier:
            for node in frontier.pop():
                yield node
                names = node.called_functions & self.functions.keys() - called
                called |= names
                frontier.extend(self.functions[name].values() for name in sorted(names))

    def placeholders(self) -> list[str]:
        """Return the nodes that wait for a value from outside, in the graph's order."""
        return [node.name for node in self.nodes.values() if node.is_placeholder]

    def results(self) -> list[str]:
        """Return the nodes that no other node reads, in the graph's order."""
        read = {split_tensor_name(name)[0] for node in self.nodes.values() for name in node.inputs}
        return [
            node.name
            for node in self.nodes.values()
            if node.name not in read and node.op not in NO_RESULT_OPS and not node.is_placeholder
        ]

    def needed(self, outputs: Iterable[str], *, known: Iterable[str] = ()) -> set[str]:
        """Return the nodes that must run for some outputs.

        Args:
            outputs: Names of nodes.
            known: Names of nodes with a known value: the nodes that feed them need not run.
        """
        stop = set(known)
        seen = set(outputs)
        frontier = list(seen)
        while frontier:
            name = frontier.pop()
            if name in stop:
                continue
            for tensor in self.nodes[name].inputs:
                source = split_tensor_name(tensor)[0]
                if source not in seen:
                    seen.add(source)
                    frontier.append(source)
        return seen

    def requires_async(self, outputs: Sequence[str], *, known: Iterable[str] = ()) -> bool:
        """Return whether TensorFlow.js can compute some outputs only with `executeAsync()`.

        Its `execute()` throws if a needed node is one of `ASYNC_OPS` (tfjs-converter:
        graph_executor.ts, model_analysis.ts). The functions of the library need no check: only If
        and While call them, and both are among these ops.

        Args:
            outputs: Names of nodes; empty for all results of the graph, as in TensorFlow.js.
            known: Names of nodes with a given value: inputs and weights.
        """
        needed = self.needed(outputs or self.results(), known=known)
        return any(self.nodes[name].op in ASYNC_OPS for name in needed)

    def count_ops(self) -> dict[str, int]:
        """Return the number of nodes of each op in graph and functions, without constants."""
        counts = Counter(node.op for node in self.all_nodes() if node.op != "Const")
        return dict(sorted(counts.items()))


def split_tensor_name(name: str) -> tuple[str, int]:
    """Return node and output index of a tensor: "^a", "a", "a:0" and "a:values:0" give a, 0."""
    node, *rest = name.removeprefix("^").split(":")
    return node, int(rest[-1]) if rest and rest[-1].isdecimal() else 0


def tensor_name(name: str) -> str:
    """Return the full name of a tensor: "Identity:0" for "Identity"."""
    node, index = split_tensor_name(name)
    return f"{node}:{index}"


def parse_topology(wire: Any, *, where: str = "modelTopology") -> Topology:
    """Read the `modelTopology` (or the `modelInitializer`) of a model.json.

    Args:
        wire: A GraphDef as decoded JSON.
        where: Its name in error messages.

    Raises:
        FormatError: The value is no GraphDef, or a node reads a node that does not exist.
    """
    if not isinstance(wire, Mapping) or not isinstance(wire.get("node"), list):
        raise FormatError(f"{where}: no list of nodes; expected the GraphDef of a graph model")
    graph = JsonValue(wire, where)
    functions: dict[str, Mapping[str, Node]] = {}
    library = graph.get("library")
    for function in () if library.is_absent else library.get("function").optional_items():
        name = function.get("signature").get("name").text()
        _check_signature(function)
        functions[name] = _parse_nodes(function.get("nodeDef"), where=f"function {name!r}")
    topology = Topology(nodes=_parse_nodes(graph.get("node"), where=where), functions=functions)
    _check_inputs(topology.nodes, where=where)
    return topology


def _parse_nodes(wire: JsonValue, *, where: str) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for entry in wire.optional_items():
        name, op = entry.get("name").text(), entry.get("op").text()
        if name in nodes:
            raise FormatError(f"{where}: two nodes are called {name!r}")
        inputs, attrs = entry.get("input"), entry.get("attr")
        nodes[name] = Node(
            name=name,
            op=op,
            inputs=() if inputs.is_absent else inputs.texts(),
            attrs={} if attrs.is_absent else _parse_attrs(attrs),
        )
    return nodes


def _check_signature(function: JsonValue) -> None:
    """Refuse a function with an argument without a name, or with an output that nothing returns."""
    for side in ("inputArg", "outputArg"):
        for argument in function.get("signature").get(side).optional_items():
            argument.get("name").text()
            if not argument.get("type").is_absent:
                _check_dtype(argument.get("type"))
    returned = function.get("ret")
    names = {} if returned.is_absent else {key: value.text() for key, value in returned.fields()}
    for argument in function.get("signature").get("outputArg").optional_items():
        if argument.get("name").text() not in names:
            argument.get("name").refuse("an output that the function returns in 'ret'")


def _parse_attrs(wire: JsonValue) -> Mapping[str, Any]:
    """Return attributes unchanged, after a check of each."""
    for _, attr in wire.fields():
        for kind, value in attr.fields():
            check = _ATTR_KINDS.get(kind)
            if check is not None and not value.is_absent:
                check(value)
    attrs: Mapping[str, Any] = wire.value
    return attrs


def _check_whole(wire: JsonValue) -> None:
    """Refuse all but a whole number, bare or as the text that protobuf writes for 64 bits."""
    value = wire.value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return
    if type(value) is not int or not -MAX_WHOLE <= value <= MAX_WHOLE:
        wire.refuse("a whole number")


def _check_float(wire: JsonValue) -> None:
    if not isinstance(wire.value, str):  # "NaN", "Infinity"
        wire.number()


def _check_dtype(wire: JsonValue) -> None:
    if not isinstance(wire.value, str):
        _check_whole(wire)


def _check_bytes(wire: JsonValue) -> None:
    """Refuse all but a string: base64 or, from old writers, a list of the bytes."""
    if isinstance(wire.value, list):
        for byte in wire.items():
            byte.whole()
    else:
        wire.text()


def check_shape(wire: JsonValue) -> None:
    """Refuse all but a shape: {"dim": [{"size": "-1"}]}, {"unknownRank": true}."""
    for dim in wire.get("dim").optional_items():
        size = dim.get("size")
        if not size.is_absent:
            _check_whole(size)


def _check_tensor(wire: JsonValue) -> None:
    shape = wire.get("tensorShape")
    if not shape.is_absent:
        check_shape(shape)


def _check_function(wire: JsonValue) -> None:
    wire.get("name").text()


def _check_list(wire: JsonValue) -> None:
    for kind, values in wire.fields():
        check = _ATTR_KINDS.get(kind)
        if check is not None:
            for value in values.optional_items():
                check(value)


# tensorflow/core/framework/attr_value.proto, in protobuf JSON.
_ATTR_KINDS: Mapping[str, Callable[[JsonValue], object]] = {
    "b": JsonValue.flag,
    "f": _check_float,
    "func": _check_function,
    "i": _check_whole,
    "list": _check_list,
    "s": _check_bytes,
    "shape": check_shape,
    "tensor": _check_tensor,
    "type": _check_dtype,
}
# The number of digits of 64 bits.
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def _check_inputs(nodes: Mapping[str, Node], *, where: str) -> None:
    for node in nodes.values():
        for name in node.inputs:
            if split_tensor_name(name)[0] not in nodes:
                raise FormatError(
                    f"{where}: node {node.name!r} ({node.op}) reads {name!r}, which is no node"
                )
