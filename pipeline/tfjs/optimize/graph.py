"""The graph that passes change: nodes, who reads them, and the values of constants.

Passes see the main graph only, not the functions of its library. A node that takes the place of
others has the name of the last of them, so that what reads them goes on as it is. This module opens
no file.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.tfjs.model.dtypes import format_dtype
from pipeline.tfjs.model.inference import format_shape
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.rewrite.scope import Json, attribute, parse_string

_FLOATS = frozenset({None, "DT_FLOAT", "DT_HALF", "DT_BFLOAT16", "DT_DOUBLE"})
"""Data types that are float32 in TensorFlow.js; a short graph leaves it out."""


class Graph:
    """The nodes of a graph, and the weights of its constants.

    Args:
        nodes: The nodes, in protobuf JSON.
        keep: Names of the nodes that the caller of the model reads or feeds.
        specs: The weights of its constants, by node.
        read: Returns the values of a weight of `specs`.

    Attributes:
        nodes: The nodes by name.
        values: Values of constants that passes have made, by node.
    """

    def __init__(
        self,
        nodes: Iterable[Json],
        *,
        keep: Collection[str],
        specs: Mapping[str, WeightSpec],
        read: Callable[[str], Array],
    ) -> None:
        self.nodes = {node["name"]: node for node in nodes}
        self.values: dict[str, Array] = {}
        self._keep = frozenset(keep)
        self._specs = specs
        self._read = read
        self._readers: dict[str, list[str]] = {}
        for node in self.nodes.values():
            self._note_reads(node)

    def node(self, reference: str) -> Json:
        """Return the node behind an input."""
        return self.nodes[node_of(reference)]

    def op(self, reference: str) -> str:
        """Return the op of the node behind an input."""
        return str(self.node(reference)["op"])

    def readers(self, name: str) -> list[Json] | None:
        """Return the nodes that read the first output of a node as a value.

        A node that reads it twice is there twice. None if something else reads of it too: the
        caller of the model, another output, a control input.
        """
        if name in self._keep:
            return None
        found = [self.nodes[reader] for reader in self._readers.get(name, ())]
        names = {reference for node in found for reference in (node.get("input") or ())}
        others = {one for one in names if node_of(one) == name} - {name, f"{name}:0"}
        return None if others else found

    def reader(self, name: str) -> Json | None:
        """Return the only node that reads a node, and reads it once; else None."""
        found = self.readers(name)
        return found[0] if found is not None and len(found) == 1 else None

    def is_kept(self, name: str) -> bool:
        """Return whether the caller of the model reads or feeds a node."""
        return name in self._keep

    def shape(self, reference: str) -> tuple[int, ...] | None:
        """Return the shape of a constant; None if the node is none."""
        name = self._constant_name(reference)
        if name is None:
            return None
        return self.values[name].shape if name in self.values else self._specs[name].shape

    def constant(self, reference: str, *, most: int = 65536) -> Array | None:
        """Return the values of a constant with at most so many values; else None."""
        name = self._constant_name(reference)
        if name is None:
            return None
        if name in self.values:
            return self.values[name]
        spec = self._specs[name]
        return self._read(name) if spec.size <= most and spec.dtype != "string" else None

    def number(self, reference: str) -> int | None:
        """Return the value of a constant that is one whole number; else None."""
        value = self.constant(reference, most=1)
        is_whole = value is not None and value.size == 1 and value.dtype.kind in "iu"
        return int(value.reshape(())) if value is not None and is_whole else None

    def is_plain_float(self, reference: str) -> bool:
        """Return whether an input is a constant stored as float32."""
        name = self._constant_name(reference)
        if name is None:
            return False
        if name in self.values:
            return bool(self.values[name].dtype == np.float32)
        return self._specs[name].stored_dtype == "float32"

    def put(self, node: Json) -> None:
        """Add a node, or put it in the place of the node of its name."""
        old = self.nodes.get(node["name"])
        self.nodes[node["name"]] = node
        self._note_reads(node)
        if old is not None:
            self._forget_reads(old)

    def remove(self, *names: str) -> None:
        """Remove nodes that nothing reads any more, and what only they have read."""
        for name in names:
            self._remove_unread(name)

    def redirect(self, name: str, other: str) -> None:
        """Have all that reads a node read another in its place, and remove the node."""
        for reader in list(dict.fromkeys(self._readers.get(name, ()))):
            node = self.nodes[reader]
            inputs = [_renamed(reference, name, other) for reference in node["input"]]
            self.put({**node, "input": inputs})
        self._remove_unread(name)

    def add_constant(self, near: str, values: Array) -> str:
        """Add a constant, named after a node; return its name."""
        name = self.new_name(near)
        self.values[name] = values
        dtype = format_dtype(values.dtype.name)
        tensor = {"dtype": dtype, "tensorShape": format_shape(values.shape)}
        attrs = {"dtype": {"type": dtype}, "value": {"tensor": tensor}}
        self.put({"name": name, "op": "Const", "attr": attrs})
        return name

    def new_name(self, near: str) -> str:
        """Return a free name below that of a node."""
        name = f"{near}/optimized"
        while name in self.nodes:
            name += "_"
        return name

    def _constant_name(self, reference: str) -> str | None:
        node = self.nodes.get(node_of(reference))
        if node is None or node["op"] != "Const":
            return None
        name = str(node["name"])
        return name if name in self.values or name in self._specs else None

    def _note_reads(self, node: Json) -> None:
        for reference in node.get("input") or ():
            self._readers.setdefault(node_of(reference), []).append(node["name"])

    def _forget_reads(self, node: Json) -> None:
        for reference in node.get("input") or ():
            self._readers[node_of(reference)].remove(node["name"])

    def _remove_unread(self, name: str) -> None:
        frontier = [name]
        while frontier:
            node = self.nodes.get(frontier.pop())
            if node is None or node["name"] in self._keep or self._readers.get(node["name"]):
                continue
            if node["op"].startswith("Placeholder"):
                continue
            del self.nodes[node["name"]]
            self.values.pop(node["name"], None)
            self._forget_reads(node)
            frontier += [node_of(reference) for reference in (node.get("input") or ())]


def node_of(reference: str) -> str:
    """Return the name of the node behind an input: "a" of "a", "a:1" and "^a"."""
    return reference.removeprefix("^").partition(":")[0]


def inputs_of(node: Json) -> list[str] | None:
    """Return the inputs of a node; None if it also waits for others."""
    inputs = list(node.get("input") or ())
    return None if any(name.startswith("^") for name in inputs) else inputs


def is_float(node: Json) -> bool:
    """Return whether a node computes in float32, as far as its graph says."""
    return attribute(node, "T", "type") in _FLOATS


def text(node: Json, key: str, default: str) -> str:
    """Return an attribute that is a text."""
    value = attribute(node, key, "s")
    return default if value is None else parse_string(value)


def numbers(node: Json, key: str, default: list[int]) -> list[int]:
    """Return an attribute that is a list of whole numbers."""
    found = (attribute(node, key, "list") or {}).get("i")
    return [int(each) for each in found] if found else default


def whole_list(values: Iterable[int]) -> dict[str, Any]:
    """Return an attribute that is a list of whole numbers."""
    return {"list": {"i": [str(int(value)) for value in values]}}


def _renamed(reference: str, name: str, other: str) -> str:
    if node_of(reference) != name:
        return reference
    return f"^{node_of(other)}" if reference.startswith("^") else other
