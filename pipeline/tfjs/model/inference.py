"""Inference: dtype and shape of a tensor, as far as the graph states them.

It completes signatures that leave them out; it is no full shape inference of TensorFlow. An answer
equals that of TensorFlow, or is unknown, but is never a guess. This module opens no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.records.shape import Shape
from pipeline.tfjs.model.dtypes import parse_dtype
from pipeline.tfjs.model.graph_ops import MATMUL_OPS, OUTPUT_DTYPES, SAME_SHAPE_OPS
from pipeline.tfjs.model.topology import Node, Topology, split_tensor_name
from pipeline.tfjs.model.weight_manifest import WeightSpec


def infer_dtype(topology: Topology, tensor: str) -> str | None:
    """Return the dtype of a tensor: "float32"; None if the graph does not state it.

    Args:
        topology: A graph.
        tensor: "node" or "node:index", in the graph.
    """
    for node, index in _chain(topology, tensor):
        dtype = _stated_dtype(node, index)
        if dtype or node.op == "Cast":
            return dtype
    return None


def infer_shape(topology: Topology, tensor: str, *, weights: Mapping[str, WeightSpec]) -> Shape:
    """Return the shape of a tensor, None if the graph does not state it.

    Args:
        topology: A graph.
        tensor: "node" or "node:index", in the graph.
        weights: The weights of the model, by the names of their nodes.
    """
    shape: Shape = None
    for node, index in _chain(topology, tensor):
        shape = _stated_shape(node, index, weights)
        if shape is None and node.op in MATMUL_OPS:
            shape = _matmul_shape(topology, node, weights)
        if shape is not None:
            break
    return shape


def parse_shape(wire: Any) -> Shape:
    """Return a shape in protobuf JSON: {"dim": [{"size": "-1"}, {"size": 3}]}.

    A field at its default is left out there: {} is a scalar, and {"dim": [{}]} has a size of 0.
    """
    if not isinstance(wire, Mapping) or wire.get("unknownRank"):
        return None
    sizes = (int(dim.get("size") or 0) for dim in wire.get("dim") or ())
    return tuple(None if size < 0 else size for size in sizes)


def format_shape(shape: Shape) -> dict[str, Any]:
    """Return a shape as protobuf JSON."""
    if shape is None:
        return {"unknownRank": True}
    if not shape:
        return {}
    return {"dim": [{"size": str(-1 if size is None else size)} for size in shape]}


def merge_shapes(first: Shape, second: Shape) -> Shape:
    """Return the shape that two statements on one tensor make together.

    Raises:
        ValueError: They contradict each other.
    """
    if first is None or second is None:
        return first if second is None else second
    if len(first) != len(second):
        raise ValueError(f"{first} has {len(first)} axes, {second} has {len(second)}")
    for a, b in zip(first, second, strict=True):
        if a != b and a is not None and b is not None:
            raise ValueError(f"{first} is not {second}")
    return tuple(b if a is None else a for a, b in zip(first, second, strict=True))


def _chain(topology: Topology, tensor: str) -> Iterator[tuple[Node, int]]:
    """Yield the node of a tensor, then the nodes before it that pass on its dtype and shape."""
    seen = set()
    while True:
        name, index = split_tensor_name(tensor)
        node = topology.nodes.get(name)
        if node is None or name in seen:
            return
        seen.add(name)
        yield node, index
        if index or node.op not in SAME_SHAPE_OPS or not node.data_inputs:
            return
        tensor = node.data_inputs[0]


def _stated_dtype(node: Node, index: int) -> str | None:
    default = "@dtype" if "dtype" in node.attrs else "@T"
    rules = OUTPUT_DTYPES.get(node.op, default).split()
    rule = rules[0] if len(rules) == 1 else rules[index] if index < len(rules) else ""
    if not rule.startswith("@"):
        return rule or None
    attr, _, dtype = rule[1:].partition("=")
    wire = node.attrs.get(attr)
    if not isinstance(wire, Mapping):
        return dtype or None
    listed = _attr(node, attr, "list").get("type") or ()
    return parse_dtype(listed[index] if index < len(listed) else wire.get("type"))


def _stated_shape(node: Node, index: int, weights: Mapping[str, WeightSpec]) -> Shape:
    listed = _attr(node, "_output_shapes", "list").get("shape") or ()
    if index < len(listed) and parse_shape(listed[index]) is not None:
        return parse_shape(listed[index])
    if node.is_placeholder:
        return parse_shape(node.attrs.get("shape", {}).get("shape"))
    if node.name in weights:
        return weights[node.name].shape
    return None


def _matmul_shape(topology: Topology, node: Node, weights: Mapping[str, WeightSpec]) -> Shape:
    """Return (rows of a, columns of b), both matrices, as far as stated."""
    sizes: list[int | None] = []
    sides = (("transpose_a", 0), ("transpose_b", 1))
    for tensor, (transpose, axis) in zip(node.data_inputs, sides, strict=False):
        stated = (_stated_shape(*link, weights) for link in _chain(topology, tensor))
        shape = next((shape for shape in stated if shape is not None), None)
        flipped = bool(node.attrs.get(transpose, {}).get("b"))
        sizes.append(shape[1 - axis if flipped else axis] if shape and len(shape) == 2 else None)  # noqa: PLR2004  # a matrix has two axes
    return tuple(sizes)


def _attr(node: Node, name: str, kind: str) -> Mapping[str, Any]:
    value = node.attrs.get(name, {}).get(kind)
    return value if isinstance(value, Mapping) else {}
