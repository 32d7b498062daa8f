"""Filters that take channels in another order, in place of images whose channels are put in order.

Networks that began in Caffe take blue before red, so Keras turns the channels of each picture
around: `x[..., ::-1]`, or three slices that are packed. On wasm that takes 5 to 30 ms for 224 rows
and columns, which a filter with its channels turned around does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, node_of, text
from pipeline.tfjs.optimize.known_shapes import infer_shapes
from pipeline.tfjs.optimize.products import find_product
from pipeline.tfjs.optimize.slices import range_of, slice_entries
from pipeline.tfjs.rewrite.scope import Json, attribute
from pipeline.tfjs.shapes.facts import Sizes
from pipeline.tfjs.shapes.strided_slice import Entry

_NUM_AXES = 4
_LAST = (-1, _NUM_AXES - 1)
# Ops that treat all channels of their first input alike.
_ALIKE = frozenset({"Cast", "Identity", "ResizeBilinear", "ResizeNearestNeighbor"})
# Ops that take a number for each channel beside the image.
_WITH_NUMBERS = frozenset({"Add", "AddV2", "BiasAdd", "Mul", "RealDiv", "Sub"})
_MOST = 2**30


@dataclass(frozen=True, kw_only=True)
class _Ordered:
    """A convolution of an image whose channels were put in another order.

    Attributes:
        convolution: Its node.
        node: The node that puts them in order.
        image: The image before.
        order: Channel i is channel order[i] of the image.
        between: The nodes between the two, each with its input that has the channels.
    """

    convolution: Json
    node: Json
    image: str
    order: list[int]
    between: list[tuple[Json, int]] = field(default_factory=list)


def order_filters(graph: Graph) -> int:
    """Put the channels of filters in order, in place of those of images; return how many."""
    found = [_find_ordered(node, graph) for node in graph.nodes.values()]
    ordered = [each for each in found if each is not None]
    shapes = infer_shapes(graph, (each.image for each in ordered))
    return sum(_move_order(each, shapes.get(each.image), graph) for each in ordered)


def _find_ordered(node: Json, graph: Graph) -> _Ordered | None:
    product = find_product(node, graph)
    if product is None or product.op != "Conv2D":
        return None
    image, weights = node["input"][:2]
    if not graph.is_plain_float(weights) or graph.reader(weights) is None:
        return None
    sizes = graph.shape(weights)
    assert sizes is not None
    between: list[tuple[Json, int]] = []
    while graph.reader(node_of(image)) is not None:
        before = graph.node(image)
        found = _find_order(before, sizes[2], graph)
        if found is not None:
            source, order = found
            return _Ordered(
                convolution=node, node=before, image=source, order=order, between=between
            )
        side = _side_of_image(before, graph)
        if side is None:
            return None
        between.append((before, side))
        image = before["input"][side]
    return None


def _side_of_image(node: Json, graph: Graph) -> int | None:
    """Return which input of a node has the channels that its output has; None if none has."""
    inputs = inputs_of(node)
    if not inputs:
        return None
    if node["op"] in _ALIKE:
        return 0
    if node["op"] in {"Pad", "PadV2"}:
        pads = graph.constant(inputs[1])
        is_alike = pads is not None and pads.shape == (_NUM_AXES, 2) and not np.any(pads[-1])
        return 0 if is_alike else None
    if node["op"] not in _WITH_NUMBERS or text(node, "data_format", "NHWC") != "NHWC":
        return None
    sides = [i for i in (0, 1) if graph.shape(inputs[i]) is None]
    numbers = graph.constant(inputs[1 - sides[0]]) if len(sides) == 1 else None
    return sides[0] if numbers is not None and numbers.ndim <= _NUM_AXES else None


def _find_order(node: Json, size: int, graph: Graph) -> tuple[str, list[int]] | None:
    """Return the image whose channels a node puts in order, and the order; else None."""
    inputs = inputs_of(node)
    if not inputs:
        return None
    image = inputs[0]
    order: list[int] | None = None
    if node["op"] == "ReverseV2" and graph.number(inputs[1]) in _LAST:
        order = list(range(size))[::-1]
    elif node["op"] == "GatherV2" and graph.number(inputs[2]) in _LAST:
        places = graph.constant(inputs[1], most=size)
        no_batch = not int(attribute(node, "batch_dims", "i") or 0)
        if places is not None and places.ndim == 1 and no_batch:
            order = [int(place) for place in places]
    elif node["op"] == "StridedSlice":
        entry = _last_entry(node, graph)
        order = list(range_of(entry, size)) if isinstance(entry, slice) else None
    elif node["op"] == "Pack" and int(attribute(node, "axis", "i") or 0) in _LAST:
        image, order = _find_packed(inputs, size, graph)
    return (image, order) if order and sorted(order) == list(range(size)) else None


def _find_packed(pieces: Sequence[str], size: int, graph: Graph) -> tuple[str, list[int] | None]:
    """Return an image and the order in which its single channels are packed."""
    nodes = [graph.node(piece) for piece in pieces]
    images = {node["input"][0] for node in nodes if node["op"] == "StridedSlice"}
    entries = [_last_entry(node, graph) for node in nodes if node["op"] == "StridedSlice"]
    order = [entry % size for entry in entries if isinstance(entry, int) and -size <= entry < size]
    if len(images) != 1 or len(order) != len(nodes):
        return pieces[0], None
    return images.pop(), order


def _last_entry(node: Json, graph: Graph) -> Entry:
    """Return what a slice takes of the last axis of images; None if not all of the other axes."""
    *others, last = slice_entries(node, graph, _NUM_AXES) or [None]
    return last if len(others) == _NUM_AXES - 1 and all(map(_is_whole, others)) else None


def _is_whole(entry: Entry) -> bool:
    return isinstance(entry, slice) and range_of(entry, _MOST) == range(_MOST)


def _move_order(ordered: _Ordered, shape: Sizes | None, graph: Graph) -> bool:
    if shape is None or len(shape) != _NUM_AXES or shape[-1] != len(ordered.order):
        return False
    convolution = ordered.convolution
    weights = graph.constant(convolution["input"][1], most=2**31)
    if weights is None:
        return False
    places = np.argsort(ordered.order)
    image = ordered.image
    unread = [ordered.node["name"], node_of(convolution["input"][1])]
    for node, side in reversed(ordered.between):
        inputs = list(node["input"])
        inputs[side] = image
        other = 1 - side
        numbers = graph.constant(inputs[other]) if node["op"] in _WITH_NUMBERS else None
        if numbers is not None and numbers.shape[-1:] == places.shape:
            unread.append(node_of(inputs[other]))
            inputs[other] = _add(numbers[..., places], node, graph)
        graph.put({**node, "input": inputs})
        image = node["name"]
    turned = _add(weights[:, :, places], convolution, graph)
    graph.put({**convolution, "input": [image, turned, *convolution["input"][2:]]})
    graph.remove(*unread)
    return True


def _add(values: Array, node: Json, graph: Graph) -> str:
    return graph.add_constant(node["name"], np.ascontiguousarray(values))
