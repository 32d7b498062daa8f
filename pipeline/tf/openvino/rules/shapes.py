"""Operations that move data, or make shapes: reshaping, slices, concatenation, broadcasting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table

_MAX = np.iinfo(np.int64).max
_MIN = np.iinfo(np.int64).min


def _shape_of(layer: Layer) -> str:
    shape = layer.emit("Shape", layer.names)
    wanted = layer.outputs[0].dtype
    return shape if wanted == "int64" else layer.cast(shape, wanted)


def _reshape(layer: Layer) -> str:
    keeps = bool(layer.attribute("special_zero", False))
    return layer.emit("Reshape", [layer.names[0], whole(layer, 1)], allowzero=int(not keeps))


def whole(layer: Layer, index: int) -> str:
    """Return the name of an input of whole numbers as int64, as ONNX takes shapes and axes."""
    known = layer.known(index)
    if known is not None:
        return layer.constant(np.ravel(known) if known.ndim else known, "int64")
    name = layer.names[index]
    return name if layer.inputs[index].dtype == "int64" else layer.cast(name, "int64")


def vector(layer: Layer, index: int) -> str:
    """Return the name of an input of whole numbers as a vector of int64."""
    known = layer.known(index)
    if known is not None:
        return layer.constant(np.ravel(known), "int64")
    name = whole(layer, index)
    return layer.unsqueeze(name, [0]) if layer.rank(index) == 0 else name


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


def _split(layer: Layer) -> list[str]:
    (axis,) = layer.numbers(1, "axis")
    count = int(layer.attribute("num_splits"))
    return layer.emit_many("Split", layer.names[:1], count, axis=axis, num_outputs=count)


def _split_unevenly(layer: Layer) -> list[str]:
    """VariadicSplit: one length may be -1, for the rest."""
    axis = layer.axis(layer.numbers(1, "axis")[0])
    if layer.known(2) is None:
        given = [layer.names[0], whole(layer, 2)]
        return layer.emit_many("Split", given, len(layer.outputs), axis=axis)
    lengths = layer.numbers(2, "lengths")
    size = layer.sizes()[axis]
    if -1 in lengths and size is not None:
        lengths[lengths.index(-1)] = size - sum(lengths) - 1
    if -1 not in lengths:
        split = layer.constant(lengths, "int64")
        return layer.emit_many("Split", [layer.names[0], split], len(lengths), axis=axis)
    rest = lengths.index(-1)
    parts = []
    for number, length in enumerate(lengths):
        before, behind = sum(lengths[:number]), sum(lengths[number + 1 :])
        if number <= rest:
            end = (
                -behind
                if number == rest and behind
                else _MAX
                if number == rest
                else before + length
            )
            parts.append(slice_axes(layer, layer.names[0], [before], [end], [axis]))
        else:
            end = -behind if behind else _MAX
            parts.append(slice_axes(layer, layer.names[0], [-behind - length], [end], [axis]))
    return parts


def slice_axes(  # noqa: PLR0913, PLR0917  # what a slice has
    layer: Layer,
    name: str,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> str:
    """Write a slice with known ends; return the name of its value."""
    steps = steps or [1] * len(axes)
    parts = [layer.constant(each, "int64") for each in (starts, ends, axes, steps)]
    return layer.emit("Slice", [name, *parts])


def _slice(layer: Layer) -> str:
    """Slice: start, stop, step, and axes, which count from the first where they are left out."""
    start, stop, step = (vector(layer, index) for index in (1, 2, 3))
    if layer.has(4):
        axes = vector(layer, 4)
    else:
        axes = layer.constant(range(layer.sizes(1)[0] or 0), "int64")
    return layer.emit("Slice", [layer.names[0], start, stop, axes, step])


def _slice_strided(layer: Layer) -> str:
    """StridedSlice: masks say where an end is left out, an axis is new or goes away.

    An ellipsis stands for all axes that the others leave.
    """
    masks = {name: _mask(layer, name) for name in _MASKS}
    count = layer.sizes(1)[0]
    if count is None:
        raise layer.refuse("the number of its ends is open")
    rank = layer.rank()
    added = {n for n in range(count) if masks["new_axis_mask"](n) and not masks["ellipsis_mask"](n)}
    parts: list[tuple[int, int]] = []  # the number of an end, and its axis
    axis, new_axes, gone, place = 0, [], [], 0
    for number in range(count):
        if masks["ellipsis_mask"](number):
            behind = sum(1 for each in range(number + 1, count) if each not in added)
            skipped = rank - axis - behind
            axis, place = axis + skipped, place + skipped
        elif number in added:
            new_axes.append(place)
            place += 1
        else:
            parts.append((number, axis))
            if masks["shrink_axis_mask"](number):
                gone.append(axis)
            else:
                place += 1
            axis += 1
    name = _cut(layer, parts, masks)
    return layer.unsqueeze(layer.squeeze(name, gone), new_axes)


_MASKS = ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")


def _mask(layer: Layer, name: str) -> Any:
    numbers = list(layer.attribute(name) or ())
    return lambda number: number < len(numbers) and bool(numbers[number])


def _cut(layer: Layer, parts: Sequence[tuple[int, int]], masks: Any) -> str:
    """Slice axes; return the name of the value."""
    if not parts:
        return layer.names[0]
    steps = layer.numbers(3, "steps") if layer.has(3) else None
    wanted = [1 if steps is None or masks["shrink_axis_mask"](n) else steps[n] for n, _ in parts]
    axes = [axis for _, axis in parts]
    ends = [_ends(layer, index, [n for n, _ in parts], wanted, masks) for index in (_START, _END)]
    given = [*ends, layer.constant(axes, "int64"), layer.constant(wanted, "int64")]
    return layer.emit("Slice", [layer.names[0], *given])


_START, _END = 1, 2
# Where a slice without a stated end begins and ends, by the direction of its steps.
_LEFT_OUT = {(_START, True): 0, (_START, False): _MAX, (_END, True): _MAX, (_END, False): _MIN}


def _ends(
    layer: Layer, index: int, numbers: Sequence[int], steps: Sequence[int], masks: Any
) -> str:
    """Return the starts or the ends of slices, as a vector of int64."""
    is_left_out = masks["begin_mask" if index == _START else "end_mask"]
    made: list[int | str] = []
    for number, step in zip(numbers, steps, strict=True):
        shrinks = masks["shrink_axis_mask"](number)
        if not shrinks and is_left_out(number):
            made.append(_LEFT_OUT[index, step > 0])
        elif shrinks and index == _END:
            made.append(_behind(layer, _pick(layer, _START, number)))
        else:
            made.append(_pick(layer, index, number))
    if all(isinstance(each, int) for each in made):
        return layer.constant(made, "int64")
    names = [layer.constant([each], "int64") if isinstance(each, int) else each for each in made]
    return names[0] if len(names) == 1 else layer.emit("Concat", names, axis=0)


def _pick(layer: Layer, index: int, number: int) -> int | str:
    """Return one of the numbers of an input; the name of a vector of it where it is computed."""
    known = layer.known(index)
    if known is not None:
        return int(np.ravel(known)[number])
    return layer.emit("Gather", [whole(layer, index), layer.constant([number], "int64")], axis=0)


def _behind(layer: Layer, start: int | str) -> int | str:
    """Return the end of a slice of one element: the next place, or the end behind place -1."""
    if isinstance(start, int):
        return _MAX if start == -1 else start + 1
    one, last, beyond = (layer.constant([n], "int64") for n in (1, -1, 2**31 - 1))
    is_last = layer.emit("Equal", [start, last])
    return layer.emit("Where", [is_last, beyond, layer.emit("Add", [start, one])])


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


def _pad(layer: Layer) -> str:
    mode = {"constant": "constant", "edge": "edge", "reflect": "reflect"}.get(
        str(layer.attribute("pad_mode")).lower()
    )
    if mode is None:
        return _mirror(layer)
    before, after = layer.known(1), layer.known(2)
    if before is not None and after is not None:
        pads = layer.constant([*np.ravel(before), *np.ravel(after)], "int64")
    else:
        pads = layer.emit("Concat", [whole(layer, 1), whole(layer, 2)], axis=0)
    value = layer.names[3:4] if mode == "constant" else []
    if value and layer.inputs[3].dtype != layer.inputs[0].dtype:
        value = [layer.cast(value[0], layer.inputs[0].dtype)]
    return layer.emit("Pad", [layer.names[0], pads, *value], mode=mode)


def _mirror(layer: Layer) -> str:
    """Pad with mode symmetric: the elements at the border are repeated, too."""
    name = layer.names[0]
    before, after = layer.numbers(1, "pads_begin"), layer.numbers(2, "pads_end")
    for axis, (first, last) in enumerate(zip(before, after, strict=True)):
        if min(first, last) < 0:
            raise layer.refuse("it mirrors less than nothing")
        parts = [name]
        if first:
            parts.insert(0, slice_axes(layer, name, [first - 1], [_MIN], [axis], [-1]))
        if last:
            parts.append(slice_axes(layer, name, [-1], [-1 - last], [axis], [-1]))
        name = layer.emit("Concat", parts, axis=axis) if len(parts) > 1 else name
    return name


def _reverse(layer: Layer) -> str:
    """Reverse (opset1): axes by their numbers, or by a mask."""
    if str(layer.attribute("mode", "index")) == "mask":
        axes = [axis for axis, is_set in enumerate(np.ravel(layer.require(1, "mask"))) if is_set]
    else:
        axes = [layer.axis(axis) for axis in layer.numbers(1, "axes")]
    if not axes:
        return layer.names[0]
    count = len(axes)
    return slice_axes(layer, layer.names[0], [-1] * count, [_MIN] * count, axes, [-1] * count)


def _roll(layer: Layer) -> str:
    """Roll: elements that leave an axis at its end come in at its start."""
    name, sizes = layer.names[0], layer.sizes()
    axes = [layer.axis(axis) for axis in layer.numbers(2, "axes")]
    shifts = layer.numbers(1, "shift")
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    for axis, stated in zip(axes, shifts, strict=True):
        size = sizes[axis]
        shift = stated % size if size else stated
        if not shift:
            continue
        parts = [
            slice_axes(layer, name, [-shift], [_MAX], [axis]),
            slice_axes(layer, name, [0], [-shift], [axis]),
        ]
        name = layer.emit("Concat", parts, axis=axis)
    return name


def _eye(layer: Layer) -> str:
    """Eye: ones on a diagonal of a matrix, for each of a batch."""
    rows, columns = (
        layer.emit("Range", [zero, _scalar(layer, index), layer.constant(1, "int64")])
        for index, zero in ((0, layer.constant(0, "int64")), (1, layer.constant(0, "int64")))
    )
    diagonal = _scalar(layer, 2)
    places = layer.emit("Add", [layer.unsqueeze(rows, [1]), diagonal])
    hits = layer.emit("Equal", [layer.unsqueeze(columns, [0]), places])
    made = layer.cast(hits, layer.outputs[0].dtype)
    if not layer.has(3):
        return made
    shape = [whole(layer, 3), layer.emit("Shape", [made])]
    return layer.emit("Expand", [made, layer.emit("Concat", shape, axis=0)])


def _scalar(layer: Layer, index: int) -> str:
    known = layer.known(index)
    if known is not None:
        return layer.constant(int(np.ravel(known)[0]), "int64")
    name = whole(layer, index)
    return layer.squeeze(name, [0]) if layer.rank(index) else name


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
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Reverse": _reverse,
    "Roll": _roll,
    "ShapeOf": _shape_of,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "StridedSlice": _slice_strided,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "VariadicSplit": _split_unevenly,
}
