"""What each node becomes while Transposes sink below it; the rules are in `transposes.py`.

A value stands for a tensor `stored` and a permutation: axis i of the value is axis permutation[i]
of `stored`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, node_of
from pipeline.tfjs.rewrite.scope import Json, attribute

TRUTHS = frozenset(
    {
        "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot",
        "LogicalOr", "NotEqual",
    }
)  # fmt: skip
"""Ops whose results are truth values."""

Permutation = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value: axis i is axis permutation[i] of the tensor `stored`."""

    stored: str
    permutation: Permutation

    @property
    def is_plain(self) -> bool:
        """Whether its axes are in order."""
        return self.permutation == tuple(range(len(self.permutation)))


class Sinking:
    """What each node becomes while Transposes sink below it; the graph is not changed before."""

    def __init__(self, graph: Graph, rules: "Mapping[str, Rule]") -> None:
        self._graph = graph
        self._rules = rules
        self._values: dict[str, Value] = {}
        self._made: dict[str, Json] = {}
        self._constants: dict[str, Array] = {}
        self._needed: set[str] = set()

    def visit(self, node: Json) -> None:
        """Find out what a node becomes, behind all that it reads."""
        name, inputs = node["name"], inputs_of(node)
        if inputs is None or _reads_more(self._graph, name):
            self._need(node)
            return
        rule = self._rules.get(node["op"])
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

    def value(self, reference: str) -> Value | None:
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

    def make(self, node: Json, inputs: Sequence[str], permutation: Permutation) -> Value:
        """Return the value of a node that runs on other inputs."""
        name = f"{node['name']}/sunk"
        self._made[name] = {**node, "name": name, "input": list(inputs)}
        return Value(stored=name, permutation=permutation)

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


Rule = Callable[[Sinking, Json, list[str]], Value | None]
"""Returns what a node with these inputs becomes; None if it needs its axes in order."""


def in_order(graph: Graph) -> Iterator[Json]:
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


def _dtype(node: Json) -> str:
    """Return the data type of what a node computes."""
    if node["op"] in TRUTHS:
        return "DT_BOOL"
    return attribute(node, "DstT" if node["op"] == "Cast" else "T", "type") or "DT_FLOAT"


def _reads_more(graph: Graph, name: str) -> bool:
    """Return whether something reads of a node what is not its first output as a value."""
    return graph.readers(name) is None and not graph.is_kept(name)


def _plain(reference: str) -> str:
    return reference.removesuffix(":0")
