"""Operations that move data, or make shapes: reshaping, concatenation, broadcasting, ranges."""

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.parts import scalar, vector, whole


def _shape_of(layer: Layer) -> str:
    shape = layer.emit("Shape", layer.names)
    wanted = layer.outputs[0].dtype
    return shape if wanted == "int64" else layer.cast(shape, wanted)


def _reshape(layer: Layer) -> str:
    keeps = bool(layer.attribute("special_zero", False))
    return layer.emit("Reshape", [layer.names[0], whole(layer, 1)], allowzero=int(not keeps))


def _squeeze(layer: Layer) -> str:
    if not layer.has(1):
        return layer.emit("Squeeze", layer.names[:1])
    axes = layer.numbers(1, "axes")
    sizes = layer.sizes(0)
    # Axes of other sizes stay as they are.
    if all(size is not None for size in sizes):
        axes = [axis for axis in map(layer.axis, axes) if sizes[axis] == 1]
    return layer.squeeze(layer.names[0], axes)


def _unsqueeze(layer: Layer) -> str:
    return layer.emit("Unsqueeze", [layer.names[0], vector(layer, 1)])


def _transpose(layer: Layer) -> str:
    axes = layer.numbers(1, "order") or list(range(layer.rank()))[::-1]
    return layer.transpose(layer.names[0], axes)


def _concat(layer: Layer) -> str:
    if len(layer.names) == 1:
        return layer.names[0]
    return layer.emit("Concat", layer.names, axis=int(layer.attribute("axis")))


def _broadcast(layer: Layer) -> str:
    """Broadcast: by numpy's rules, in both directions, or with the axes that an input states."""
    name, mode = layer.names[0], str(layer.attribute("mode", "numpy"))
    if mode == "explicit":
        axes = layer.numbers(2, "axes_mapping")
        count = layer.sizes(1)[0]
        if count is None:
            raise layer.refuse("the number of axes of its result is open")
        name = layer.unsqueeze(name, [axis for axis in range(count) if axis not in axes])
    elif mode == "pdpd":
        raise layer.refuse("it broadcasts as PaddlePaddle does")
    known, (count,) = layer.known(0), layer.sizes(1)
    is_number = known is not None and known.size == 1 and known.ndim <= (count or 0)
    if is_number and layer.inputs[0].dtype != "str":
        return layer.emit("ConstantOfShape", [whole(layer, 1)], value=known.reshape(1))
    return layer.emit("Expand", [name, whole(layer, 1)])


def _tile(layer: Layer) -> str:
    name, repeats = layer.names[0], vector(layer, 1)
    count, rank = layer.sizes(1), layer.rank()
    number = 1 if count == () else count[0]
    if number is not None and number < rank:
        ones = layer.constant([1] * (rank - number), "int64")
        repeats = layer.emit("Concat", [ones, repeats], axis=0)
    elif number is not None and number > rank:
        name = layer.unsqueeze(name, range(number - rank))
    return layer.emit("Tile", [name, repeats])


def _range(layer: Layer) -> str:
    dtype = layer.outputs[0].dtype
    ends = []
    for index, port in enumerate(layer.inputs):
        name = port.name if port.dtype == dtype else layer.cast(port.name, dtype)
        known = layer.known(index)
        if known is not None:
            name = layer.constant(np.asarray(known).reshape(()), dtype)
        elif layer.rank(index):
            name = layer.squeeze(name, [0])
        ends.append(name)
    return layer.emit("Range", ends)


def _eye(layer: Layer) -> str:
    """Eye: ones on a diagonal of a matrix, for each of a batch."""
    rows, columns = (
        layer.emit("Range", [zero, scalar(layer, index), layer.constant(1, "int64")])
        for index, zero in ((0, layer.constant(0, "int64")), (1, layer.constant(0, "int64")))
    )
    diagonal = scalar(layer, 2)
    places = layer.emit("Add", [layer.unsqueeze(rows, [1]), diagonal])
    hits = layer.emit("Equal", [layer.unsqueeze(columns, [0]), places])
    made = layer.cast(hits, layer.outputs[0].dtype)
    if not layer.has(3):
        return made
    shape = [whole(layer, 3), layer.emit("Shape", [made])]
    return layer.emit("Expand", [made, layer.emit("Concat", shape, axis=0)])


def _one_hot(layer: Layer) -> str:
    """OneHot: indices below 0 are nowhere, unless `negative_indices_mode` is normalize."""
    indices, depth = whole(layer, 0), vector(layer, 1)
    if str(layer.attribute("negative_indices_mode", "ignore_negative")) != "normalize":
        zero = layer.constant(0, "int64")
        beyond = layer.emit("Less", [indices, zero])
        indices = layer.emit("Where", [beyond, depth, indices])
    numbers = [
        layer.unsqueeze(name, [0]) if layer.rank(n) == 0 else name
        for n, name in ((3, layer.names[3]), (2, layer.names[2]))
    ]
    values = layer.emit("Concat", numbers, axis=0)
    return layer.emit("OneHot", [indices, depth, values], axis=int(layer.attribute("axis", -1)))


RULES: Table = {
    "Broadcast": _broadcast,
    "Concat": _concat,
    "Eye": _eye,
    "OneHot": _one_hot,
    "Range": _range,
    "Reshape": _reshape,
    "ShapeOf": _shape_of,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
