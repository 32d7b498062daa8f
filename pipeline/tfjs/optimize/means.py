"""Means over images as pools, and the ops that Keras writes around such means.

TensorFlow.js transposes an image before it takes the mean over its rows and columns: on wasm a
pool as large as the image is 6 to 19 times as fast. Keras 3 asks of each mean whether the image is
empty, and gives the result its two axes back by a shape that is computed.
"""

from collections.abc import Collection

from pipeline.tfjs.optimize.graph import Graph, inputs_of, is_float, node_of, whole_list
from pipeline.tfjs.optimize.known_shapes import infer_shapes
from pipeline.tfjs.rewrite.scope import Json, attribute
from pipeline.tfjs.shapes.facts import Sizes

_NUM_AXES = 4
_IMAGE_AXES = {1, 2}
_VALID = {"s": "VkFMSUQ="}
_NHWC = {"s": "TkhXQw=="}
# A larger image is pooled in two steps: each thread of a graphics card sums one window alone.
_LARGE = 1024
_STEP = 8
# They keep the first axis, so that of no images they make nothing.
_MEANS = frozenset({"AvgPool", "Squeeze"})
_RESHAPES = frozenset({"ExpandDims", "Reshape", "Squeeze"})


def pool_means(graph: Graph) -> int:
    """Make means over all rows and columns of images pools; return how many."""
    means = [node for node in graph.nodes.values() if _is_mean(node, graph)]
    shapes = infer_shapes(graph, (node["input"][0] for node in means))
    return sum(_pool(node, shapes.get(node["input"][0]), graph) for node in means)


def drop_tests(graph: Graph) -> int:
    """Drop tests whether the image of a mean has no values, where a mean has none then either.

    Returns:
        How many.
    """
    found = [(node, _tested(node, graph)) for node in graph.nodes.values()]
    tested = [(node, *pair) for node, pair in found if pair is not None]
    shapes = infer_shapes(graph, (image for _, image, _ in tested))
    count = 0
    for node, image, mean in tested:
        shape = shapes.get(image)
        if shape is not None and all(shape[1:]) and not graph.is_kept(node["name"]):
            graph.redirect(node["name"], mean)
            count += 1
    return count


def restore_shapes(graph: Graph) -> int:
    """Drop reshapes that give a value back the shape that it had before others.

    Returns:
        How many.
    """
    found = {name: _sources(node, _RESHAPES, graph) for name, node in graph.nodes.items()}
    found = {name: before for name, before in found.items() if len(before) > 1}
    shapes = infer_shapes(graph, (one for pair in found.items() for one in (pair[0], *pair[1])))
    count = 0
    for name, before in found.items():
        same = (one for one in before[1:] if _are_same(shapes.get(name), shapes.get(one)))
        other = next(same, None)
        if other is not None and node_of(other) in graph.nodes and graph.readers(name):
            graph.redirect(name, other)
            count += 1
    return count


def _is_mean(node: Json, graph: Graph) -> bool:
    """Return whether a node takes the mean over the second and third of four axes."""
    inputs = inputs_of(node) or []
    if node["op"] != "Mean" or len(inputs) != 2 or not is_float(node):  # noqa: PLR2004  # image, axes
        return False
    axes = graph.constant(inputs[1], most=_NUM_AXES)
    return axes is not None and {int(axis) % _NUM_AXES for axis in axes.reshape(-1)} == _IMAGE_AXES


def _pool(node: Json, shape: Sizes | None, graph: Graph) -> bool:
    if shape is None or len(shape) != _NUM_AXES:
        return False
    height, width = shape[1:3]
    if not height or not width:
        return False
    name, (image, axes) = node["name"], node["input"]
    kept = bool(attribute(node, "keep_dims", "b"))
    dtype = {"T": (node.get("attr") or {}).get("T", {"type": "DT_FLOAT"})}
    if height * width > _LARGE and height % _STEP == width % _STEP == 0:
        image = _put_pool(graph.new_name(name), image, (_STEP, _STEP), dtype, graph)
        height, width = height // _STEP, width // _STEP
    pooled = _put_pool(name if kept else graph.new_name(name), image, (height, width), dtype, graph)
    if not kept:
        attrs = {**dtype, "squeeze_dims": whole_list(sorted(_IMAGE_AXES))}
        graph.put({"name": name, "op": "Squeeze", "input": [pooled], "attr": attrs})
    graph.remove(node_of(axes))
    return True


def _put_pool(name: str, image: str, window: tuple[int, int], dtype: Json, graph: Graph) -> str:
    sizes = whole_list([1, *window, 1])
    attrs = {**dtype, "ksize": sizes, "strides": sizes, "padding": _VALID, "data_format": _NHWC}
    graph.put({"name": name, "op": "AvgPool", "input": [image], "attr": attrs})
    return name


def _tested(node: Json, graph: Graph) -> tuple[str, str] | None:
    """Return the image and the mean of `where(size(image) == 0, nan, mean(image))`."""
    inputs = inputs_of(node) or []
    if node["op"] not in {"Select", "SelectV2"} or len(inputs) != 3:  # noqa: PLR2004  # test, two values
        return None
    test, mean = graph.node(inputs[0]), inputs[2]
    sides = inputs_of(test) if test["op"] == "Equal" else None
    sizes = [side for side in sides or () if graph.op(side) == "Size"]
    zeros = [side for side in sides or () if _is_zero(side, graph)]
    if len(sizes) != 1 or len(zeros) != 1 or graph.shape(inputs[1]) != ():
        return None
    image = _first_input(graph.node(sizes[0]))
    if image is None or image not in _sources(graph.node(mean), _MEANS, graph):
        return None
    return image, mean


def _is_zero(reference: str, graph: Graph) -> bool:
    value = graph.constant(reference, most=1)
    return value is not None and not value.any()


def _sources(node: Json, ops: Collection[str], graph: Graph) -> list[str]:
    """Return what a node was made of by some ops, one after the other, the last value first."""
    found: list[str] = []
    while node["op"] in ops and (name := _first_input(node)) and name not in found:
        found.append(name)
        node = graph.node(name)
    return found


def _first_input(node: Json) -> str | None:
    inputs = inputs_of(node)
    return _plain(inputs[0]) if inputs else None


def _plain(reference: str) -> str:
    return reference.removesuffix(":0")


def _are_same(shape: Sizes | None, other: Sizes | None) -> bool:
    """Return whether shapes of the same values are the same: one size follows from the others."""
    if shape is None or other is None or len(shape) != len(other) or not shape:
        return False
    return shape[1:] == other[1:] and all(shape[1:])
