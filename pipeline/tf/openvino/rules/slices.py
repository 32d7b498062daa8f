"""Operations that take parts of axes: slices, splits, pads, reversals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.parts import LARGEST, LEAST, slice_axes, vector, whole


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
                else LARGEST
                if number == rest
                else before + length
            )
            parts.append(slice_axes(layer, layer.names[0], [before], [end], [axis]))
        else:
            end = -behind if behind else LARGEST
            parts.append(slice_axes(layer, layer.names[0], [-behind - length], [end], [axis]))
    return parts


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
_LEFT_OUT = {
    (_START, True): 0,
    (_START, False): LARGEST,
    (_END, True): LARGEST,
    (_END, False): LEAST,
}


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
        return LARGEST if start == -1 else start + 1
    one, last, beyond = (layer.constant([n], "int64") for n in (1, -1, 2**31 - 1))
    is_last = layer.emit("Equal", [start, last])
    return layer.emit("Where", [is_last, beyond, layer.emit("Add", [start, one])])


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
            parts.insert(0, slice_axes(layer, name, [first - 1], [LEAST], [axis], [-1]))
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
    return slice_axes(layer, layer.names[0], [-1] * count, [LEAST] * count, axes, [-1] * count)


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
            slice_axes(layer, name, [-shift], [LARGEST], [axis]),
            slice_axes(layer, name, [0], [-shift], [axis]),
        ]
        name = layer.emit("Concat", parts, axis=axis)
    return name


RULES: Table = {
    "Pad": _pad,
    "Reverse": _reverse,
    "Roll": _roll,
    "Slice": _slice,
    "Split": _split,
    "StridedSlice": _slice_strided,
    "VariadicSplit": _split_unevenly,
}
