"""Convolutions that pad their input themselves, and convolutions with holes.

A Pad writes a larger copy of its input, which a convolution with explicit padding does not need.
TensorFlow wrote a convolution with dilation as SpaceToBatchND, a convolution of more and smaller
images, and BatchToSpaceND; in TensorFlow.js the two copies take longer than the convolution, which
knows dilations itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tfjs.optimize.graph import Graph, inputs_of, is_float, numbers, text, whole_list
from pipeline.tfjs.optimize.products import PLAIN
from pipeline.tfjs.rewrite.scope import Json

_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
_VALID = {"s": "VkFMSUQ="}
_EXPLICIT = {"s": "RVhQTElDSVQ="}
_ONES = [1, 1, 1, 1]

_Pads = list[tuple[int, int]]


def pad_in_convolutions(graph: Graph) -> int:
    """Have convolutions pad their input themselves; return how many Pads that saves."""
    return sum(_move_pad(node, graph) for node in list(graph.nodes.values()))


def dilate_convolutions(graph: Graph) -> int:
    """Make convolutions between SpaceToBatchND and BatchToSpaceND dilated; return how many."""
    return sum(_dilate(node, graph) for node in list(graph.nodes.values()))


def _move_pad(node: Json, graph: Graph) -> bool:
    if node["op"] not in {"Pad", "PadV2"} or graph.nodes.get(node["name"]) is not node:
        return False
    pads = _pads_of_images(node, graph)
    readers = graph.readers(node["name"])
    if pads is None or not readers or not all(_is_bare(reader, node) for reader in readers):
        return False
    image = node["input"][0]
    for reader in readers:
        attrs = {**reader["attr"], **_explicit(pads)}
        graph.put({**reader, "input": [image, *reader["input"][1:]], "attr": attrs})
    graph.remove(node["name"])
    return True


def _pads_of_images(node: Json, graph: Graph) -> _Pads | None:
    """Return rows and columns of zeros that a node adds to images; None if it adds others."""
    inputs = inputs_of(node)
    if inputs is None or not is_float(node):
        return None
    value = graph.constant(inputs[2]) if node["op"] == "PadV2" else np.zeros(())
    if value is None or np.any(value) or np.any(np.signbit(value)):
        return None
    pads = graph.constant(inputs[1])
    if pads is None or pads.shape != (4, 2) or np.any(pads < 0):
        return None
    if np.any(pads[[0, 3]]):
        return None
    return [(int(low), int(high)) for low, high in pads[1:3]]


def _is_bare(node: Json, pad: Json) -> bool:
    """Return whether a node is a convolution of images that adds no padding of its own."""
    inputs = inputs_of(node)
    return (
        PLAIN.get(node["op"], node["op"]) in _CONVOLUTIONS
        and inputs is not None
        and inputs[0] in (pad["name"], f"{pad['name']}:0")
        and pad["name"] not in {name.partition(":")[0] for name in inputs[1:]}
        and text(node, "data_format", "NHWC") == "NHWC"
        and text(node, "padding", "") == "VALID"
    )


def _explicit(pads: Sequence[tuple[int, int]]) -> dict[str, Any]:
    if not any(size for pair in pads for size in pair):
        return {"padding": _VALID, "explicit_paddings": {"list": {}}}
    sizes = [0, 0, *(size for pair in pads for size in pair), 0, 0]
    return {"padding": _EXPLICIT, "explicit_paddings": whole_list(sizes)}


def _dilate(node: Json, graph: Graph) -> bool:
    inputs = inputs_of(node)
    if node["op"] != "SpaceToBatchND" or inputs is None or graph.nodes[node["name"]] is not node:
        return False
    convolution = graph.reader(node["name"])
    last = None if convolution is None else graph.reader(convolution["name"])
    if convolution is None or last is None or last["op"] != "BatchToSpaceND":
        return False
    strides = numbers(convolution, "strides", _ONES)
    dilations = numbers(convolution, "dilations", _ONES)
    ends = inputs_of(last)
    plain = convolution["op"] in _CONVOLUTIONS and _is_bare(convolution, node)
    if not plain or ends is None or strides != _ONES or dilations != _ONES:
        return False
    blocks, others = graph.constant(inputs[1]), graph.constant(ends[1])
    if blocks is None or others is None or blocks.shape != (2,) or list(blocks) != list(others):
        return False
    pads = _left_over(_pairs(inputs[2], graph), _pairs(ends[2], graph))
    if pads is None:
        return False
    attrs = {
        **convolution["attr"],
        **_explicit(pads),
        "dilations": whole_list([1, int(blocks[0]), int(blocks[1]), 1]),
    }
    made = [inputs[0], convolution["input"][1]]
    graph.put({**convolution, "name": last["name"], "input": made, "attr": attrs})
    graph.remove(convolution["name"], node["name"], *(name.partition(":")[0] for name in ends[1:]))
    return True


_End = int | str


def _pairs(reference: str, graph: Graph) -> list[tuple[_End, _End]] | None:
    """Return two pairs of sizes: numbers, or the inputs that compute them; None for others."""
    values = graph.constant(reference)
    if values is not None:
        if values.shape != (2, 2):
            return None
        return [(int(low), int(high)) for low, high in values]
    node = graph.node(reference)
    rows = [_row(name, graph) for name in _packed(node) or ()]
    if len(rows) != 2 or any(row is None for row in rows):  # noqa: PLR2004  # height and width
        return None
    return [row for row in rows if row is not None]


def _row(reference: str, graph: Graph) -> tuple[_End, _End] | None:
    values = graph.constant(reference)
    if values is not None:
        return (int(values[0]), int(values[1])) if values.shape == (2,) else None
    ends = [_end(name, graph) for name in _packed(graph.node(reference)) or ()]
    return (ends[0], ends[1]) if len(ends) == 2 else None  # noqa: PLR2004  # before and behind


def _end(reference: str, graph: Graph) -> _End:
    values = graph.constant(reference)
    return int(values) if values is not None and values.shape == () else reference


def _packed(node: Json) -> list[str] | None:
    """Return what a node packs along a new first axis."""
    is_first = int((node.get("attr") or {}).get("axis", {}).get("i", 0)) == 0
    return inputs_of(node) if node["op"] == "Pack" and is_first else None


def _left_over(
    pads: list[tuple[_End, _End]] | None, crops: list[tuple[_End, _End]] | None
) -> _Pads | None:
    """Return the padding of which no part is cropped again; None if it is not known."""
    if pads is None or crops is None:
        return None
    left = [
        (_minus(before, low), _minus(behind, high))
        for (before, behind), (low, high) in zip(pads, crops, strict=True)
    ]
    sizes = [(low, high) for low, high in left if low is not None and high is not None]
    return sizes if len(sizes) == len(left) and all(min(pair) >= 0 for pair in sizes) else None


def _minus(size: _End, other: _End) -> int | None:
    """Return a difference; that of two inputs is known if they are the same."""
    if isinstance(size, int) and isinstance(other, int):
        return size - other
    return 0 if size == other else None
