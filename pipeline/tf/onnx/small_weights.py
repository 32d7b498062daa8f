"""Constants that a file stores in few bytes, and the scales that its operators give them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.tf.onnx.onnx_graph import Graph, GraphModel, Node
from pipeline.tfjs.quantize.exact_weights import SmallWeight

_FLOATS = {"float16", "bfloat16"}
_FLOAT_KINDS = "fV"  # numpy calls the kind of bfloat16 V
_WHOLE = {"int8", "uint8", "int4", "uint4"}
# Operators behind which a constant still has the scale of the one before.
_PASSING = {
    "Cast", "CastLike", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Reshape",
    "Slice", "Squeeze", "Sub", "Transpose", "Unsqueeze",
}  # fmt: skip
# By operator: the input of a constant, and that of its scales.
_SCALES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "QAttention": ((1, 4),),
    "QEmbedLayerNormalization": ((2, 8), (3, 9), (4, 10), (5, 11), (6, 12)),
}
_PACKED = "MatMulNBits"


def small_weights(model: GraphModel) -> Iterator[SmallWeight]:
    """Yield how a file stores its constants of few bytes: their size, kind and scales."""
    yield from _walk(model.graph, {})


def _walk(graph: Graph, outer: Mapping[str, Any]) -> Iterator[SmallWeight]:
    arrays = {**outer, **graph.constants}
    for node in graph.nodes:
        if node.op == "Constant" and isinstance(node.attributes.get("value"), np.ndarray):
            arrays[node.outputs[0]] = node.attributes["value"]
    for name, array in arrays.items():
        if name not in outer:
            yield from _describe(array)
    yield from _find_scales(graph, arrays)
    for node in graph.nodes:
        for body in node.graphs:
            yield from _walk(body, arrays)


def _describe(array: Any) -> Iterator[SmallWeight]:
    """Yield a constant by itself: whole numbers have a scale of 1 where they are not scaled."""
    kind = array.dtype.name
    if kind in _FLOATS:
        yield SmallWeight(size=array.size, dtype="float16", scales=np.zeros(0, np.float32))
    elif kind in _WHOLE:
        yield SmallWeight(size=array.size, dtype="integer", scales=np.ones(1, np.float32))


def _find_scales(graph: Graph, arrays: Mapping[str, Any]) -> Iterator[SmallWeight]:
    """Yield constants with the scales of the operators that read them, or what is made of them."""
    sizes = {name: a.size for name, a in arrays.items() if a.dtype.name in _WHOLE}
    known = dict(arrays)
    for node in graph.nodes:
        if node.op == _PACKED:
            yield from _describe_packed(node, arrays)
        for place, scale in _pairs(node, sizes):
            found = known.get(node.inputs[scale])
            if found is not None and found.dtype.kind in _FLOAT_KINDS:
                for scales in _arrange(found.astype(np.float32), node):
                    size = sizes[node.inputs[place]]
                    yield SmallWeight(size=size, dtype="integer", scales=scales)
        if node.op in _PASSING and node.inputs[0] in sizes:
            sizes[node.outputs[0]] = sizes[node.inputs[0]]
        if node.op == "Cast" and node.inputs[0] in known:
            known[node.outputs[0]] = known[node.inputs[0]]


def _arrange(scales: Any, node: Node) -> Iterator[Any]:
    """Yield scales as a row; as a matrix, too, where each row of numbers has several blocks."""
    if node.attributes.get("block_size"):
        yield scales
        return
    yield scales.reshape(-1)
    if scales.squeeze().ndim == 2:  # noqa: PLR2004  # rows, blocks
        yield scales.squeeze()


def _pairs(node: Node, sizes: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield the places of whole numbers and of their scales among the inputs of an operator."""
    if node.op in ("Mul", "Div"):
        yield from ((a, 1 - a) for a in (0, 1) if node.inputs[a] in sizes)
    elif node.op == "DequantizeLinear" and node.inputs[0] in sizes:
        yield 0, 1
    for place, scale in _SCALES.get(node.op, ()):
        if place < len(node.inputs) and node.inputs[place] in sizes:
            yield place, scale


def _describe_packed(node: Node, arrays: Mapping[str, Any]) -> Iterator[SmallWeight]:
    """Yield the matrix of few bits that bytes hold, with a scale for each block of a column."""
    scales = arrays.get(node.inputs[2])
    if scales is None:
        return
    rows, columns = (int(node.attributes[name]) for name in ("K", "N"))
    blocks = math.ceil(rows / int(node.attributes["block_size"]))
    shaped = scales.astype(np.float32).reshape(columns, blocks).T
    yield SmallWeight(size=rows * columns, dtype="integer", scales=shaped)
