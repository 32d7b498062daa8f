"""Slices, borders and joined images without a last axis of one channel.

The wasm backend copies what such ops take row by row along the last axis, in JavaScript: a number
at a time where that axis has one. Slices and borders of 172 by 309 by 1 take 40 times the time of
172 by 309, and eight images joined along the last axis 50 times that of packing and transposing.
"""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, is_float, node_of, whole_list
from pipeline.tfjs.optimize.known_shapes import infer_shapes
from pipeline.tfjs.optimize.slices import range_of, slice_entries
from pipeline.tfjs.rewrite.scope import Json, attribute
from pipeline.tfjs.shapes.facts import Sizes

# Fewer values are copied in less time than an op takes to start.
_LEAST_VALUES = 1024
# Axes without the last one; TensorFlow.js transposes four on all backends.
_LEAST_AXES, _MOST_AXES = 2, 4
_BORDERS = frozenset({"MirrorPad", "Pad", "PadV2"})
_WHOLE = {"type": "DT_INT32"}
_INDICES = {"Index": _WHOLE, "Tpaddings": _WHOLE}


def drop_single_channels(graph: Graph) -> int:
    """Have ops work on images without a last axis of size 1; return how many."""
    found = [
        node
        for node in graph.nodes.values()
        if node["op"] in _CHANGES and inputs_of(node) and _is_numeric(node)
    ]
    shapes = infer_shapes(graph, (image for node in found for image in _images(node)))
    count = 0
    for node in found:
        sizes = [shapes.get(image) for image in _images(node)]
        if all(_is_large(size, single=node["op"] != "Pack") for size in sizes):
            count += _CHANGES[node["op"]](node, len(sizes[0] or ()), graph)
    return count


def _is_numeric(node: Json) -> bool:
    return is_float(node) or attribute(node, "T", "type") == _WHOLE["type"]


def _images(node: Json) -> list[str]:
    """Return the inputs of an op that are images."""
    inputs = inputs_of(node) or []
    return inputs[: {"ConcatV2": -1, "Pack": None}.get(node["op"], 1)]


def _is_large(sizes: Sizes | None, *, single: bool) -> bool:
    """Return whether an image has many values; and a last axis of size 1, if it is `single`."""
    if sizes is None or not _LEAST_AXES <= len(sizes) - single < _MOST_AXES:
        return False
    is_large = math.prod(1 if size is None else size for size in sizes) >= _LEAST_VALUES
    return is_large and (not single or sizes[-1] == 1)


def _join(node: Json, ndim: int, graph: Graph) -> bool:
    """Join images along a new first axis, in place of their last, and move that to the end."""
    *images, last = node["input"]
    if graph.number(last) not in {-1, ndim - 1}:
        return False
    squeezed = [_squeeze(image, ndim, _dtype(node), graph) for image in images]
    _pack_first(node, squeezed, ndim, graph)
    return True


def _pack(node: Json, ndim: int, graph: Graph) -> bool:
    """Pack images along a new first axis, in place of a last one, and move that to the end."""
    if int(attribute(node, "axis", "i") or 0) not in {-1, ndim}:
        return False
    _pack_first(node, node["input"], ndim + 1, graph)
    return True


def _pack_first(node: Json, images: Sequence[str], ndim: int, graph: Graph) -> None:
    """Put a pack and a transpose, to so many axes, in the place of a node."""
    name, dtype = node["name"], _dtype(node)
    attrs = {**dtype, "N": {"i": str(len(images))}, "axis": {"i": "0"}}
    packed = _put("Pack", images, attrs, near=name, graph=graph)
    order = graph.add_constant(name, np.array([*range(1, ndim), 0], np.int32))
    attrs = {**dtype, "Tperm": _WHOLE}
    graph.put({"name": name, "op": "Transpose", "input": [packed, order], "attr": attrs})
    graph.remove(*map(node_of, node["input"]))


def _shorten(node: Json, ndim: int, graph: Graph) -> bool:
    """Slice an image, or give it a border, without its last axis, which comes back then."""
    found = _slice_parts(node, ndim, graph) if node["op"] == "StridedSlice" else None
    parts, attrs = found or (_parts(node, ndim, graph), {})
    if not parts:
        return False
    name, dtype = node["name"], _dtype(node)
    image, others = node["input"][0], node["input"][1 + len(parts) :]
    inputs = [_squeeze(image, ndim, dtype, graph)]
    inputs += [graph.add_constant(name, part) for part in parts]
    own = node.get("attr") or {}
    indices = {key: value for key, value in _INDICES.items() if key in own}
    attrs = {**own, **indices, **attrs}
    changed = _put(node["op"], [*inputs, *others], attrs, near=name, graph=graph)
    last = graph.add_constant(name, np.array(ndim - 1, np.int32))
    attrs = {**dtype, "Tdim": _WHOLE}
    graph.put({"name": name, "op": "ExpandDims", "input": [changed, last], "attr": attrs})
    graph.remove(*map(node_of, node["input"]))
    return True


def _parts(node: Json, ndim: int, graph: Graph) -> list[Array]:
    """Return the constants of a border or slice without the last axis; none if that changes."""
    names = node["input"][1:2] if node["op"] in _BORDERS else node["input"][1:]
    parts = [graph.constant(name, most=2 * ndim) for name in names]
    known = [part.astype(np.int32) for part in parts if part is not None and part.ndim]
    if len(known) != len(names) or any(len(part) != ndim for part in known):
        return []
    lasts = [part[-1] for part in known]
    stays = not lasts[0].any() and (len(lasts) == 1 or lasts[1] in (1, -1))
    return [part[:-1] for part in known] if stays else []


def _slice_parts(node: Json, ndim: int, graph: Graph) -> tuple[list[Array], Json]:
    """Return begin, end and strides of a slice without the last axis, and its masks."""
    entries = [e for e in slice_entries(node, graph, ndim) or () if isinstance(e, slice)]
    if len(entries) != ndim or range_of(entries[-1], 1) != range(1):
        return [], {}
    bounds = [(entry.start, entry.stop, entry.step) for entry in entries[:-1]]
    begins, ends, steps = ([each[i] for each in bounds] for i in range(3))
    parts = [
        np.array([0 if each is None else each for each in part], np.int32)
        for part in (begins, ends, [1 if step is None else step for step in steps])
    ]
    masks = {"begin_mask": _mask(begins), "end_mask": _mask(ends)}
    none = {key: {"i": "0"} for key in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")}
    return parts, masks | none


def _mask(bounds: Sequence[int | None]) -> Json:
    """Return an attribute with a bit for each bound that is open."""
    return {"i": str(sum(1 << i for i, bound in enumerate(bounds) if bound is None))}


def _squeeze(image: str, ndim: int, dtype: Json, graph: Graph) -> str:
    """Return an image without its last axis: what an ExpandDims was made of, or a new Squeeze."""
    node = graph.node(image)
    if node["op"] == "ExpandDims":
        source, where = node["input"][:2]
        if graph.number(where) in {-1, ndim - 1}:
            return str(source)
    attrs = {**dtype, "squeeze_dims": whole_list([ndim - 1])}
    return _put("Squeeze", [image], attrs, near=node["name"], graph=graph)


def _put(op: str, inputs: Sequence[str], attrs: Json, *, near: str, graph: Graph) -> str:
    name = graph.new_name(near)
    graph.put({"name": name, "op": op, "input": [*inputs], "attr": attrs})
    return name


def _dtype(node: Json) -> Json:
    attrs = node.get("attr") or {}
    return {"T": attrs["T"]} if "T" in attrs else {}


_CHANGES = {
    "ConcatV2": _join,
    "MirrorPad": _shorten,
    "Pack": _pack,
    "Pad": _shorten,
    "PadV2": _shorten,
    "Slice": _shorten,
    "StridedSlice": _shorten,
}
