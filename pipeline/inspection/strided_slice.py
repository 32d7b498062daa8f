"""StridedSlice: what `x[1:, ..., 0]` takes of each axis, and of values that are known.

After ValidateStridedSliceOp in tensorflow/core/util/strided_slice_op.cc. Bits of the masks
stand for entries of the slice, not for axes. It opens no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.inspection.facts import UNKNOWN, Call, Fact, Values
from pipeline.tfjs.model.inference import Shape


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """What is taken of one axis: an index (`shrinks`) or a range; None where unknown."""

    begin: int | None
    end: int | None
    stride: int | None
    open_begin: bool = False
    open_end: bool = False
    shrinks: bool = False


_WHOLE = _Entry(begin=0, end=0, stride=1, open_begin=True, open_end=True)


def strided_slice(call: Call) -> Sequence[Fact]:
    """Return the shape of a slice, and its values where they are known."""
    source = call.fact(0)
    entries = _entries(call, source.ndim)
    if source.shape is None or entries is None:
        return [UNKNOWN]
    shape: list[int | None] = []
    axis = 0
    for entry in entries:
        if entry is None:
            shape.append(1)
            continue
        if not entry.shrinks:
            shape.append(_count(entry, source.shape[axis]))
        axis += 1
    values = _take(source, [entry for entry in entries if entry is not None])
    return [Fact(shape=tuple(shape), values=values)]


def _entries(call: Call, ndim: int | None) -> list[_Entry | None] | None:
    """Return an entry per axis of the source, and None for each axis that is added."""
    if ndim is None:
        return None
    parts = [call.fact(i) for i in (1, 2, 3)]
    count = next((len(part.values) for part in parts if part.values is not None), None)
    if count is None:
        return None
    begins, ends, strides = (part.values or (None,) * count for part in parts)
    if not len(begins) == len(ends) == len(strides) == count:
        return None
    names = ("begin_mask", "end_mask", "shrink_axis_mask", "new_axis_mask", "ellipsis_mask")
    begin, end, shrink, new, ellipsis = (_bits(call.integer(name), count) for name in names)
    entries: list[_Entry | None] = []
    for i in range(count):
        if ellipsis[i]:
            taken = sum(not new[j] for j in range(count) if j != i)
            entries += [_WHOLE] * (ndim - taken)
        elif new[i]:
            entries.append(None)
        else:
            entries.append(
                _Entry(
                    begin=begins[i],
                    end=ends[i],
                    stride=strides[i],
                    open_begin=begin[i],
                    open_end=end[i],
                    shrinks=shrink[i],
                )
            )
    rest = ndim - sum(entry is not None for entry in entries)
    return None if rest < 0 else entries + [_WHOLE] * rest


def _bits(mask: int, count: int) -> list[bool]:
    return [bool(mask >> i & 1) for i in range(count)]


def _bounds(entry: _Entry, size: int | None) -> range | None:
    """Return the indices that a range takes of an axis, None where that is not known."""
    if size is None or not entry.stride:
        return None
    begin = None if entry.open_begin else entry.begin
    end = None if entry.open_end else entry.end
    if (begin is None and not entry.open_begin) or (end is None and not entry.open_end):
        return None
    return range(*slice(begin, end, entry.stride).indices(size))


def _count(entry: _Entry, size: int | None) -> int | None:
    bounds = _bounds(entry, size)
    return None if bounds is None else len(bounds)


def _take(source: Fact, entries: Sequence[_Entry]) -> Values | None:
    """Return the values of a slice of a vector."""
    if source.values is None or len(entries) != 1 or _length(source.shape) != len(source.values):
        return None
    entry = entries[0]
    if not entry.shrinks:
        bounds = _bounds(entry, len(source.values))
        return None if bounds is None else tuple(source.values[i] for i in bounds)
    index = entry.begin
    if index is None or not -len(source.values) <= index < len(source.values):
        return None
    return (source.values[index],)


def _length(shape: Shape) -> int | None:
    return shape[0] if shape is not None and len(shape) == 1 else None
