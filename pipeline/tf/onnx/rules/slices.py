"""Slice: places to cut at may be open sizes, or computed in the graph."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import Size, is_known, materialize
from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.sizes_of_shapes import is_end, listed_sizes

_INT32 = np.iinfo(np.int32)


def _slice(call: Call) -> Any:
    value = call.value(0)
    parts = [
        call.attribute(name) if call.version < 10 else _read_cuts(call, index)  # noqa: PLR2004
        for index, name in ((1, "starts"), (2, "ends"), (3, "axes"), (4, "steps"))
    ]
    starts, ends, axes, steps = parts
    for index, what, part in ((3, "axes", axes), (4, "steps", steps)):
        if call.version >= 10 and call.has(index) and part is None:  # noqa: PLR2004
            raise call.refuse(f"its {what} are computed")
    if starts is None or ends is None:
        return _slice_freely(call, value)
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cuts: dict[int, slice] = {}
    sizes: list[Size | None] = list(value.sizes)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = call.from_front(int(axis), value.rank)
        cuts[place], sizes[place] = _cut(start, end, int(step), value.sizes[place])
    held = value.tensor[tuple(_to_index(cuts.get(axis)) for axis in value.order)]
    return wrap(held, value.dtype, order=value.order, sizes=sizes)


def _read_cuts(call: Call, index: int) -> list[Size] | None:
    """Return places to cut at, some of which may be open sizes; None where they are computed."""
    return listed_sizes(call.value(index)) if call.has(index) else None


def _to_index(cut: slice | None) -> slice:
    return slice(None) if cut is None else cut


def _cut(start: Size, end: Size, step: int, size: Size) -> tuple[slice, Size | None]:
    """Return what to take of an axis, and how much it is; None for what depends on the size."""
    last = None if is_known(end) and is_end(end, step) else end
    if is_known(size) and is_known(start) and (last is None or is_known(last)):
        # Backwards from before the first is from the first.
        taken = range(size)[slice(max(start, -size), last, step)]
        if not taken:
            return slice(0, 0, 1), 0
        stop = None if taken.stop < 0 else taken.stop
        return slice(taken.start, stop, step), len(taken)
    first: Any = None if step > 0 and start == 0 else _limit(start)
    if step < 0 and not (is_known(start) and start >= -1):
        first = tf.maximum(first, materialize(-size))
    limit = None if last is None else _limit(last)
    return slice(first, limit, step), _count_taken(start, end, step, size)


def _limit(place: Size) -> Any:
    """Return a place to cut at, as what an op takes: int32, or a scalar."""
    return min(max(place, _INT32.min), _INT32.max) if is_known(place) else materialize(place)


def _count_taken(start: Size, end: Size, step: int, size: Size) -> Size | None:
    """Return how much a cut of an open axis takes, where that is certain."""
    if step != 1:
        return None
    if start == 0 and end == size:
        return size
    if is_known(start) and start >= 0 and is_known(end) and end >= 2**31 - 1:
        return size if start == 0 else None
    return None


def _slice_freely(call: Call, value: Value) -> Any:
    """Cut at places that are computed in the graph."""
    axes = call.known(3)
    count = call.value(1).sizes[0]
    if not is_known(count):
        raise call.refuse("the number of its cuts is not known")
    starts, ends = (_read_places(call, index, int(count)) for index in (1, 2))
    steps = call.known(4)
    cuts = [slice(None)] * value.rank
    for number in range(int(count)):
        axis = number if axes is None else call.from_front(int(axes[number]), value.rank)
        step = 1 if steps is None else int(steps[number])
        start, end = starts[number], ends[number]
        if step < 0:
            start = tf.maximum(start, materialize(-value.sizes[axis]))
        is_all = isinstance(end, int) and is_end(end, step)
        cuts[axis] = slice(start, None if is_all else end, step)
    return value.plain[tuple(cuts)]


def _read_places(call: Call, index: int, count: int) -> list[Any]:
    """Return places to cut at as numbers within int32 and scalars of int32."""
    found = _read_cuts(call, index)
    if found is not None:
        return [_limit(place) for place in found]
    places = call.plain(index)
    return [places[number] for number in range(count)]


RULES: Table = {"Slice": _slice}
