"""Slices by constants: what they take of each axis."""

from pipeline.tfjs.optimize.graph import Graph, inputs_of
from pipeline.tfjs.rewrite.scope import Json, attribute
from pipeline.tfjs.shapes.facts import NotKnownError
from pipeline.tfjs.shapes.strided_slice import MASKS, Entry, list_entries

_NUM_PARTS = 3


def slice_entries(node: Json, graph: Graph, ndim: int) -> list[Entry] | None:
    """Return what a StridedSlice takes of each axis; None if its parts are no constants.

    Args:
        node: The node.
        graph: Its graph.
        ndim: Number of axes of what it slices.
    """
    parts = [graph.constant(name, most=ndim) for name in (inputs_of(node) or ())[1:]]
    values = [tuple(int(number) for number in part) for part in parts if part is not None]
    if len(values) != _NUM_PARTS:
        return None
    masks = {name: int(attribute(node, name, "i") or 0) for name in MASKS}
    try:
        return list_entries(values, masks, ndim)
    except NotKnownError:
        return None


def range_of(entry: slice, size: int) -> range:
    """Return what a slice takes of an axis; nothing of a slice that TensorFlow refuses."""
    return range(0) if entry.step == 0 else range(*entry.indices(size))
