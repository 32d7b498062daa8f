"""Fronts of graphs: the first operations, which prepare inputs and so say what they are.

They say how many ids an embedding table has, which words a lookup table has, and which pixels the
first additions and products are made for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.proof.inputs.contract_facts import BYTE
from pipeline.proof.inputs.keras_applications import IMAGENET_MEAN
from pipeline.records.contract import Color
from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.topology import Node, parse_topology, split_tensor_name
from pipeline.tfjs.model.weights import Array, walk_weights

_FORWARDING = frozenset(
    {"Cast", "ExpandDims", "Identity", "Pack", "Pad", "PadV2", "MirrorPad", "Reshape", "Squeeze"}
    | {"ResizeBilinear", "ResizeNearestNeighbor", "Snapshot", "StopGradient", "Transpose", "Unpack"}
    | {"ClipByValue", "Maximum", "Minimum", "StridedSlice", "Slice", "Where", "SelectV2"}
)
_NORMALIZING = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_ARITHMETIC = frozenset({"Add", "AddV2", "BiasAdd", "Div", "Mul", "RealDiv", "Sub"}) | _NORMALIZING
# Ops that leave the channels in their order.
_ORDERLY = frozenset({"Cast", "ExpandDims", "Identity", "Pad", "PadV2", "MirrorPad"}) | frozenset(
    {"ResizeBilinear", "ResizeNearestNeighbor", "Snapshot", "StopGradient"}
)
_COMPARISONS = frozenset({"Equal", "TextEqual"})
_GATHERS = frozenset({"Gather", "GatherV2", "ResourceGather"})
_IDENTITIES = frozenset({"Identity", "ReadVariableOp"})
_MAX_NODES = 64
_MAX_WORDS = 64
_MAX_CONSTANT = 64
_MAX_COMPARED = 4096
_NUM_NORMALIZING = 5  # x, scale, offset, mean, variance
_LEAST_VARIANCE = 1e-12

_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))
# Networks expect about -1 to 1, or a unit variance; Caffe's models expect 255 - mean.
_WIDTHS = (0.9, 6.5)
_MAX_CENTRE = 1.0
_CAFFE_MEANS = (90.0, 140.0)
_EXACT = ((0.0, 1.0), (-1.0, 1.0))
_TOLERANCE = 0.01
_MEAN_TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class FrontRange:
    """The range of pixels that the first arithmetic of a graph is made for.

    Attributes:
        range: Least and greatest pixel.
        ops: The operations, in order.
        target: The values that the operations make of `range`.
        color: The order of three channels, where the means that are subtracted are ImageNet's.
    """

    range: tuple[float, float]
    ops: Sequence[str]
    target: tuple[float, float]
    color: Color | None


@dataclass(frozen=True, kw_only=True)
class _Affine:
    """What operations have made of x: scale * x + offset, by channel."""

    scale: Array
    offset: Array

    @property
    def zero(self) -> Array:
        """The pixel that becomes 0, by channel."""
        zero: Array = -self.offset / self.scale
        return zero


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

    def compared_words(self, name: str) -> list[str]:
        """Return the texts that an input is compared with, 64 at most."""
        compared = (
            self._other_constant(node, tensor, most=_MAX_COMPARED)
            for node, tensor in self._walk(name, _FORWARDING)
            if node.op in _COMPARISONS
        )
        tables = [table.reshape(-1)[:_MAX_WORDS] for table in compared if table is not None]
        return [word for table in tables for word in _decode(table)][:_MAX_WORDS]

    def pixel_range(self, name: str, *, is_picture: bool) -> FrontRange | None:
        """Return the range that the first additions and products are made for.

        Args:
            name: Node of an input.
            is_picture: Whether it is a picture. What is none may have any range; it is known where
                the operations make exactly 0..1 or -1..1 of it.
        """
        with np.errstate(all="ignore"):  # a hostile file has any constant
            return self._follow(name, is_picture=is_picture)

    def _follow(self, name: str, *, is_picture: bool) -> FrontRange | None:
        made = _Affine(scale=np.ones(1), offset=np.zeros(1))
        ops: list[str] = []
        orderly, color = True, None
        for node, tensor in self._walk(name, _FORWARDING | _ARITHMETIC, straight=True):
            if node.op not in _ARITHMETIC:
                orderly = orderly and node.op in _ORDERLY
                continue
            after = self._apply_node(node, tensor, made)
            if after is None:
                break
            made = after
            ops.append(node.op)
            color = color or (_find_color(made.zero) if orderly else None)
        scale, offset = float(made.scale.mean()), float(made.offset.mean())
        chosen = _choose_range(scale, offset, exact=not is_picture) if ops else None
        if chosen is None:
            return None
        low, high = sorted(edge * scale + offset for edge in chosen)
        return FrontRange(range=chosen, ops=ops, target=(low, high), color=color)

    def _apply_node(self, node: Node, tensor: str, made: _Affine) -> _Affine | None:
        """Return what is made of x by one more operation; None where that is unknown."""
        if node.op in _NORMALIZING:
            return self._normalize(node, made)
        constant = self._other_constant(node, tensor)
        if constant is None or not constant.size:
            return None
        if made.scale.size > 1 and constant.size not in (1, made.scale.size):
            return None
        first = split_tensor_name(node.data_inputs[0])[0] == tensor
        return _apply(node.op, made, constant.reshape(-1).astype(np.float64), first=first)

    def _normalize(self, node: Node, made: _Affine) -> _Affine | None:
        """Return what is made of x by its mean and variance; a later scale is the network's own."""
        inputs = [self._read(_through_identities(self._nodes, name)) for name in node.data_inputs]
        if len(inputs) != _NUM_NORMALIZING or inputs[3] is None or inputs[4] is None:
            return None
        mean, variance = (np.asarray(values, np.float64).reshape(-1) for values in inputs[3:])
        if not mean.size or mean.size != variance.size or (variance < 0).any():
            return None
        scale = 1.0 / np.sqrt(variance + _LEAST_VARIANCE)
        return _Affine(scale=made.scale * scale, offset=(made.offset - mean) * scale)

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

    def _other_constant(
        self, node: Node, tensor: str, *, most: int = _MAX_CONSTANT
    ) -> Array | None:
        for other in node.data_inputs:
            if split_tensor_name(other)[0] != tensor:
                return self._read(_through_identities(self._nodes, other), most=most)
        return None

    def _read(self, name: str, *, most: int = _MAX_CONSTANT) -> Array | None:
        """Return the values of a small weight, or the values that a layer states."""
        node = self._nodes[name]
        stated = node.attrs.get("values")
        if isinstance(stated, int | float | list):
            return np.asarray(stated, np.float32)
        weight = node.attrs.get("weight", name)
        spec = self._specs.get(weight)
        if spec is None or spec.size > most:
            return None
        stored = walk_weights(self._model_json, self._folder)
        return next(part.read() for part in stored if part.spec.name == weight)


def _apply(op: str, made: _Affine, value: Array, *, first: bool) -> _Affine:
    """Return what is made of x by one more operation with a constant: 2 * x after * 2."""
    if op in ("Add", "AddV2", "BiasAdd"):
        return _Affine(scale=made.scale + 0 * value, offset=made.offset + value)
    if op == "Sub":
        sign = 1.0 if first else -1.0
        return _Affine(scale=sign * made.scale + 0 * value, offset=sign * (made.offset - value))
    factor = value if op == "Mul" else np.where(value != 0, 1.0 / value, 0.0) * first
    return _Affine(scale=made.scale * factor, offset=made.offset * factor)


def _choose_range(scale: float, offset: float, *, exact: bool) -> tuple[float, float] | None:
    """Return the range of pixels that the arithmetic maps to a usual range of networks."""
    if exact:
        return next((pixels for pixels in _RANGES if _is_exact(scale, offset, pixels)), None)
    if scale == 1.0 and _CAFFE_MEANS[0] <= -offset <= _CAFFE_MEANS[1]:
        return _RANGES[0]
    for low, high in _RANGES:
        width, centre = abs(scale) * (high - low), scale * (high + low) / 2 + offset
        if _WIDTHS[0] <= width <= _WIDTHS[1] and abs(centre) <= _MAX_CENTRE:
            return low, high
    return None


def _is_exact(scale: float, offset: float, pixels: tuple[float, float]) -> bool:
    made = [edge * scale + offset for edge in pixels]
    return any(np.allclose(made, target, rtol=0, atol=_TOLERANCE) for target in _EXACT)


def _find_color(zero: Array) -> Color | None:
    """Return the order of channels in which pixels that become 0 are ImageNet's means."""
    if zero.size != len(IMAGENET_MEAN) or not np.isfinite(zero).all():
        return None
    orders: tuple[tuple[Color, Array], ...] = (("rgb", zero), ("bgr", zero[::-1]))
    for color, ordered in orders:
        for unit in (1.0, BYTE):
            if np.allclose(ordered / unit, IMAGENET_MEAN, rtol=0, atol=_MEAN_TOLERANCE):
                return color
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
