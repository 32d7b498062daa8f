"""Fronts of graphs: the first operations, which prepare inputs and so say what they are.

They say how many ids an embedding table has, which words a lookup table has, and which pixels the
first additions and products are made for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.topology import Node, parse_topology, split_tensor_name
from pipeline.tfjs.model.weights import Array, walk_weights

_FORWARDING = frozenset(
    {"Cast", "ExpandDims", "Identity", "Pack", "Pad", "PadV2", "MirrorPad", "Reshape", "Squeeze"}
    | {"ResizeBilinear", "ResizeNearestNeighbor", "Snapshot", "StopGradient", "Transpose", "Unpack"}
    | {"ClipByValue", "Maximum", "Minimum", "StridedSlice", "Slice", "Where", "SelectV2"}
)
_ARITHMETIC = frozenset({"Add", "AddV2", "BiasAdd", "Div", "Mul", "RealDiv", "Sub"})
_GATHERS = frozenset({"Gather", "GatherV2", "ResourceGather"})
_IDENTITIES = frozenset({"Identity", "ReadVariableOp"})
_MAX_NODES = 64
_MAX_WORDS = 64
_MAX_CONSTANT = 64

_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))
# Networks expect about -1 to 1, or a unit variance; Caffe's models expect 255 - mean.
_WIDTHS = (0.9, 6.5)
_MAX_CENTRE = 1.0
_CAFFE_MEANS = (90.0, 140.0)


@dataclass(frozen=True, kw_only=True)
class FrontRange:
    """The range of pixels that the first arithmetic of a graph is made for.

    Attributes:
        range: Least and greatest pixel.
        ops: The operations, in order.
        target: The values that the operations make of `range`.
    """

    range: tuple[float, float]
    ops: Sequence[str]
    target: tuple[float, float]


class GraphFront:
    """The first operations of a graph, which prepare its inputs."""

    def __init__(self, model_json: ModelJson, folder: Path) -> None:
        topology = read_topology(model_json.content)
        self._model_json = model_json
        self._folder = folder
        self._specs = {spec.name: spec for spec in model_json.weights}
        self._nodes = topology.nodes
        self._readers: dict[str, list[Node]] = {}
        for node in topology.nodes.values():
            for tensor in node.data_inputs:
                self._readers.setdefault(split_tensor_name(tensor)[0], []).append(node)

    def vocabulary(self, name: str) -> int | None:
        """Return the number of rows of the smallest table that an input's values index."""
        sizes = [
            self._count_rows(node)
            for node, _ in self._walk(name, _FORWARDING)
            if node.op in _GATHERS
        ]
        return min((size for size in sizes if size is not None), default=None)

    def pixel_range(self, name: str) -> FrontRange | None:
        """Return the range of pixels that the first additions and products are made for."""
        scale, offset, ops = 1.0, 0.0, []
        for node, tensor in self._walk(name, _FORWARDING | _ARITHMETIC, straight=True):
            if node.op not in _ARITHMETIC:
                continue
            constant = self._other_constant(node, tensor)
            if constant is None:
                break
            ops.append(node.op)
            first = split_tensor_name(node.data_inputs[0])[0] == tensor
            scale, offset = _apply(node.op, scale, offset, float(constant.mean()), first=first)
        chosen = _choose_range(scale, offset) if ops else None
        if chosen is None:
            return None
        low, high = sorted(edge * scale + offset for edge in chosen)
        return FrontRange(range=chosen, ops=ops, target=(low, high))

    def _walk(
        self, name: str, through: frozenset[str], *, straight: bool = False
    ) -> Iterator[tuple[Node, str]]:
        """Yield the nodes after a node, nearest first, each with the name of the node it reads.

        Args:
            name: The first node.
            through: Ops behind which the walk goes on.
            straight: Stop where the graph forks; a node that only reads the shape is no fork.
        """
        frontier, seen = [name], {name}
        while frontier and len(seen) < _MAX_NODES:
            current = frontier.pop(0)
            readers = [node for node in self._readers.get(current, ()) if node.op != "Shape"]
            if straight and len(readers) > 1:
                return
            for node in readers:
                if node.name not in seen:
                    seen.add(node.name)
                    yield node, current
                    if node.op in through:
                        frontier.append(node.name)

    def _count_rows(self, node: Node) -> int | None:
        """Return the number of rows of a table, None where it is unknown."""
        table = _through_identities(self._nodes, node.data_inputs[0])
        rows = self._nodes[table].attrs.get("rows")  # the layer that is a table states it
        if rows is not None:
            return int(rows)
        spec = self._specs.get(table)
        return spec.shape[self._gather_axis(node)] if spec and spec.shape else None

    def _gather_axis(self, node: Node) -> int:
        if len(node.data_inputs) > 2:  # noqa: PLR2004  # params, indices, axis
            axis = self._read(_through_identities(self._nodes, node.data_inputs[2]))
            return int(axis.reshape(-1)[0]) if axis is not None else 0
        return 0

    def _other_constant(self, node: Node, tensor: str) -> Array | None:
        for other in node.data_inputs:
            if split_tensor_name(other)[0] != tensor:
                return self._read(_through_identities(self._nodes, other))
        return None

    def _read(self, name: str) -> Array | None:
        """Return the values of a small weight, or the values that a layer states."""
        stated = self._nodes[name].attrs.get("values")
        if isinstance(stated, int | float | list):
            return np.asarray(stated, np.float32)
        spec = self._specs.get(name)
        if spec is None or spec.size > _MAX_CONSTANT:
            return None
        stored = walk_weights(self._model_json, self._folder)
        return next(weight.read() for weight in stored if weight.spec.name == name)


def _apply(
    op: str, scale: float, offset: float, value: float, *, first: bool
) -> tuple[float, float]:
    """Return scale and offset of x after one more operation with a constant: (2, 1) after * 2."""
    if op in ("Add", "AddV2", "BiasAdd"):
        return scale, offset + value
    if op == "Sub":
        return (scale, offset - value) if first else (-scale, value - offset)
    factor = value if op == "Mul" else 1.0 / value if first and value else 0.0
    return scale * factor, offset * factor


def _choose_range(scale: float, offset: float) -> tuple[float, float] | None:
    """Return the range of pixels that the arithmetic maps to a usual range of networks."""
    if scale == 1.0 and _CAFFE_MEANS[0] <= -offset <= _CAFFE_MEANS[1]:
        return _RANGES[0]
    for low, high in _RANGES:
        width, centre = abs(scale) * (high - low), scale * (high + low) / 2 + offset
        if _WIDTHS[0] <= width <= _WIDTHS[1] and abs(centre) <= _MAX_CENTRE:
            return low, high
    return None


def read_table_words(model_json: ModelJson, folder: Path) -> list[str]:
    """Return the keys of the lookup tables that the initializer fills, the first 64 of each."""
    wire = model_json.content.get("modelInitializer")
    if not wire:
        return []
    nodes = parse_topology(wire, where="modelInitializer").nodes
    imports = [node for node in nodes.values() if node.op.startswith("LookupTableImport")]
    keys = {_through_identities(nodes, node.data_inputs[1]) for node in imports}
    stored = walk_weights(model_json, folder)
    tables = (w.read() for w in stored if w.spec.name in keys and w.spec.dtype == "string")
    return [word for table in tables for word in _decode(table.reshape(-1)[:_MAX_WORDS])]


def _through_identities(nodes: Mapping[str, Node], tensor: str) -> str:
    """Return the name of the node that makes a tensor, past nodes that only pass it on."""
    name = split_tensor_name(tensor)[0]
    while (node := nodes.get(name)) is not None and node.op in _IDENTITIES and node.data_inputs:
        name = split_tensor_name(node.data_inputs[0])[0]
    return name


def _decode(texts: Sequence[Any] | Array) -> list[str]:
    return [text.decode("utf-8", "replace") for text in texts if np.size(text)]
