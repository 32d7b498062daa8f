"""StridedSlice: which part `x[1:, ..., 0]` takes of each axis, and of values that are known.

The rules follow ValidateStridedSliceOp in tensorflow/core/util/strided_slice_op.cc. A bit of a
mask stands for an entry of the slice, not for an axis. It opens no file.
"""

from collections.abc import Mapping, Sequence

from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import Call, NotKnownError, Values

MASKS = ("begin_mask", "end_mask", "shrink_axis_mask", "new_axis_mask", "ellipsis_mask")
# As in Python's own indexing: a range of an axis, an index that drops it, None for a new axis.
Entry = slice | int | None

# An index and a range that are not known: no axis has this index, no range this step.
_SOME_INDEX = -(2**63)
_SOME_RANGE = slice(0, 0, 0)


def slice_shape(call: Call) -> Shape:
    """Return the shape of a slice."""
    axes = iter(call.sizes(0))
    shape: list[int | None] = []
    for entry in _entries(call, len(call.sizes(0))):
        size = 1 if entry is None else next(axes)
        if isinstance(entry, slice):
            size = None if size is None or entry.step == 0 else len(range(*entry.indices(size)))
        if not isinstance(entry, int):
            shape.append(size)
    return tuple(shape)


def slice_values(call: Call) -> Values:
    """Return the values of a slice of a vector."""
    source = call.values(0)
    entries = [entry for entry in _entries(call, len(call.sizes(0))) if entry is not None]
    if len(entries) != 1 or call.fact(0).length != len(source) or entries[0] == _SOME_RANGE:
        raise NotKnownError
    try:
        taken = source[entries[0]]
    except IndexError:
        raise NotKnownError from None
    return taken if isinstance(taken, tuple) else (taken,)


def _entries(call: Call, ndim: int) -> list[Entry]:
    parts = [call.fact(i).values for i in (1, 2, 3)]
    return list_entries(parts, {name: call.integer(name) for name in MASKS}, ndim)


def list_entries(
    parts: Sequence[Values | None], masks: Mapping[str, int], ndim: int
) -> list[Entry]:
    """Return an entry for each axis of the source, and for each axis that the slice adds.

    Args:
        parts: Begins, ends and strides, as far as they are known.
        masks: The attributes of `MASKS`.
        ndim: Number of axes of the source.

    Raises:
        NotKnownError: The number of entries is not known, or does not fit.
    """
    count = next((len(part) for part in parts if part is not None), None)
    if count is None or any(part is not None and len(part) != count for part in parts):
        raise NotKnownError
    begins, ends, strides = (part or (None,) * count for part in parts)
    bits = {name: [bool(masks[name] >> i & 1) for i in range(count)] for name in MASKS}
    entries: list[Entry] = []
    for i in range(count):
        if bits["ellipsis_mask"][i]:
            taken = sum(not new for j, new in enumerate(bits["new_axis_mask"]) if j != i)
            entries += [slice(None)] * (ndim - taken)
        elif bits["new_axis_mask"][i]:
            entries.append(None)
        elif bits["shrink_axis_mask"][i]:
            entries.append(_SOME_INDEX if begins[i] is None else begins[i])
        else:
            ends_open = (bits["begin_mask"][i], bits["end_mask"][i])
            entries.append(_range((begins[i], ends[i]), ends_open, strides[i]))
    rest = ndim - sum(entry is not None for entry in entries)
    if rest < 0:
        raise NotKnownError
    return [*entries, *[slice(None)] * rest]


def _range(
    ends: tuple[int | None, int | None], ends_open: tuple[bool, bool], stride: int | None
) -> slice:
    if not stride or any(
        end is None and not open_ for end, open_ in zip(ends, ends_open, strict=True)
    ):
        return _SOME_RANGE
    begin, end = (None if open_ else end for end, open_ in zip(ends, ends_open, strict=True))
    return slice(begin, end, stride)
