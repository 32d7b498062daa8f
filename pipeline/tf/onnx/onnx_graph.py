"""A graph of ONNX as types of our own: nodes in the order in which they can run, arrays.

Files of ONNX, and those of OpenVINO that are written as its operators, have this form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx

STANDARD = ""
"""The domain of the operators of the standard, which is also written "ai.onnx"."""
SIGNATURE_KEY = "main"
"""The key of the inputs and outputs of a file, which has one set of them."""
ML = "ai.onnx.ml"
"""The domain of the operators of classic machine learning."""


@dataclass(frozen=True, kw_only=True)
class End:
    """An input or output of a graph.

    Attributes:
        name: Its name.
        dtype: Name of its dtype in numpy, "str" for texts; None where it is no tensor.
        sizes: The size of each axis: a number, the name of an open size, or None for an open size
            without a name; None where the rank is not stated.
        kind: What it is: "tensor", "sequence", "optional", "map" or "sparse tensor"; "value" where
            the file does not say it.
        layout: "nchw" or "nhwc", where the file states the order of the axes of a picture.
    """

    name: str
    dtype: str | None
    sizes: tuple[int | str | None, ...] | None
    kind: str = "tensor"
    layout: str | None = None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator of a graph.

    Attributes:
        op: Name of the operator.
        domain: Its domain; "" for the standard.
        version: Version of the domain's operators that the file asks for.
        name: Name of the node; "" for none.
        number: Its place among the nodes of its graph, in the order in which they run.
        inputs: Names of the values that it reads; "" for one that is left out.
        outputs: Names of the values that it makes; "" for one that nobody reads.
        attributes: Its attributes: numbers, texts, arrays, graphs, and tuples of them.
        proto: The node as an ONNX file has it; None for one of another format.
        written: What messages call it, where a file of another format has it under its own name.
    """

    op: str
    domain: str
    version: int
    name: str
    number: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: onnx.NodeProto | None = field(default=None, repr=False, compare=False)
    written: str | None = None

    @property
    def label(self) -> str:
        """What messages call it: 'node 12 (Conv "conv1")'."""
        if self.written is not None:
            return self.written
        full = f"{self.domain}.{self.op}" if self.domain else self.op
        return (
            f'node {self.number} ({full} "{self.name}")'
            if self.name
            else (f"node {self.number} ({full})")
        )

    @property
    def graphs(self) -> Iterator["Graph"]:
        """The graphs among the attributes."""
        return (value for value in self.attributes.values() if isinstance(value, Graph))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph: that of a file, or the body of an operator.

    Attributes:
        name: Its name.
        inputs: What it is given; constants are not among them.
        outputs: What it returns.
        nodes: Its operators, each behind those whose values it reads.
        constants: The values that the file has, by name, in the file's dtype.
        dtypes: The dtype of each value, as far as inference finds it.
        sizes: The sizes of each value, as of an end, as far as inference finds them.
    """

    name: str
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Any]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        """Yield its nodes, and those of the graphs inside of them."""
        for node in self.nodes:
            yield node
            for graph in node.graphs:
                yield from graph.walk()


@dataclass(frozen=True, kw_only=True)
class GraphModel:
    """A model in the operators of ONNX, whatever the format of its file.

    Attributes:
        name: What messages call the file.
        graph: Its graph.
        metadata: What the file says of itself, by key.
        description: What its author says of it; "" for nothing.
        version: Its author's version of it; 0 for none.
    """

    name: str
    graph: Graph
    metadata: Mapping[str, str]
    description: str = ""
    version: int = 0


def outer_names(graph: Graph) -> set[str]:
    """Return the names of the values that a graph reads from around it."""
    own = {end.name for end in graph.inputs} | set(graph.constants)
    read: set[str] = set()
    for node in graph.nodes:
        read |= {name for name in node.inputs if name and name not in own}
        for body in node.graphs:
            read |= outer_names(body) - own
        own |= set(node.outputs)
    return read | ({end.name for end in graph.outputs} - own)
