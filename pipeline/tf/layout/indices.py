"""Elements taken from a tensor, and put into it, by index.

TensorFlow.js refuses indices below zero, and adds only to zeros; an index beyond the end is an
error, or undefined.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.elementwise import common_order
from pipeline.tf.layout.sizes import Size, is_known, materialize, product
from pipeline.tf.layout.value import (
    Value,
    arrange,
    constant,
    held_dtype,
    reshape_held,
    sizes_tensor,
    wrap,
)

Reduce = Callable[[Any, Any], Any]

REDUCTIONS: Mapping[str, Reduce] = {
    "add": tf.add,
    "mul": tf.multiply,
    "min": tf.minimum,
    "max": tf.maximum,
}
"""What may become of an element and an update to it, by name."""

_ALONG: Mapping[str, Callable[..., Any]] = {
    "mul": tf.reduce_prod,
    "min": tf.reduce_min,
    "max": tf.reduce_max,
}
_UNSIGNED = {"uint4", "uint8", "uint16", "uint32", "uint64", "bool"}
# The largest table of pairs of a place and an update.
_MAX_PAIRS = 2**22
_MAX_OFFSETS = 2**16


def from_front(indices: Value, size: Size) -> Value:
    """Return indices counted from the front of an axis; those below zero count from its end."""
    if indices.dtype in _UNSIGNED:
        return indices
    if indices.is_known:
        held = indices.held
        if not np.any(held < 0):
            return indices
        if is_known(size):
            counted = np.where(held < 0, held + size, held)
            return wrap(counted, indices.dtype, order=indices.order)
    places = indices.tensor
    counted = _count(places, materialize(size))
    return wrap(counted, indices.dtype, order=indices.order, sizes=indices.sizes)


def _count(places: Any, sizes: Any) -> Any:
    """Return places counted from the front. SelectV2 would do; webgl has it up to four axes."""
    return places + tf.cast(places < 0, tf.int32) * sizes


def gather(value: Value, indices: Value, axis: int) -> Value:
    """Return slices of an axis: the axes of the indices stand in its place."""
    places = from_front(indices, value.sizes[axis])
    held_axis = value.order.index(axis)
    if indices.rank == 0:
        return _take_one(value, places, axis)
    tensor = tf.gather(value.tensor, places.plain, axis=held_axis)
    added = indices.rank - 1
    order: list[int] = []
    for each in value.order:
        if each == axis:
            order += range(axis, axis + added + 1)
        else:
            order.append(each + added if each > axis else each)
    sizes = (*value.sizes[:axis], *indices.sizes, *value.sizes[axis + 1 :])
    return wrap(tensor, value.dtype, order=tuple(order), sizes=sizes)


def _take_one(value: Value, place: Value, axis: int) -> Value:
    """Return one place of an axis, which goes away."""
    held_axis = value.order.index(axis)
    if place.is_known:
        cut: list[Any] = [slice(None)] * value.rank
        cut[held_axis] = int(place.array)
        held = value.tensor[tuple(cut)]
    else:
        held = tf.gather(value.tensor, place.plain, axis=held_axis)
    order = tuple(a - (a > axis) for a in value.order if a != axis)
    sizes = [size for number, size in enumerate(value.sizes) if number != axis]
    return wrap(held, value.dtype, order=order, sizes=sizes)


def gather_elements(value: Value, indices: Value, axis: int) -> Value:
    """Return elements by their index along one axis; other axes count as in the indices."""
    order = common_order([value, indices])
    value, indices = arrange(value, order), arrange(indices, order)
    flat = reshape_held(value.tensor, [product(value.sizes)])
    taken = tf.gather(flat, _places(value.sizes, indices, axis))
    return wrap(taken, value.dtype, order=order, sizes=indices.sizes)


def _places(sizes: Sequence[Size], indices: Value, axis: int) -> Any:
    """Return the place of each element among all of a tensor, whose axes are held as the indices'.

    Args:
        sizes: Sizes of the tensor's axes, in the model's order.
        indices: Indices along one axis.
        axis: The axis.
    """
    order = indices.order
    strides = {
        held: product(sizes[each] for each in order[held + 1 :]) for held in range(len(order))
    }
    own = order.index(axis)
    counted = from_front(indices, sizes[axis])
    places: Any = counted.held if counted.is_known else counted.tensor
    if strides[own] != 1:
        places = places * materialize(strides[own])
    others = [
        _offsets(indices.sizes[each], strides[held], held, len(order))
        for held, each in enumerate(order)
        if held != own and indices.sizes[each] != 1
    ]
    known = [each for each in others if isinstance(each, np.ndarray)]
    if len(known) > 1 and np.broadcast(*known).size <= _MAX_OFFSETS:
        computed = [each for each in others if not isinstance(each, np.ndarray)]
        others = [functools.reduce(np.add, known), *computed]
    for each in others:
        places = places + each
    return places.astype(np.int32) if isinstance(places, np.ndarray) else places


def _offsets(size: Size, stride: Size, axis: int, rank: int) -> Any:
    """Return the multiples of a stride along an axis."""
    shape = [-1 if each == axis else 1 for each in range(rank)]
    if is_known(size) and is_known(stride):
        return (np.arange(size) * stride).astype(np.int32).reshape(shape)
    return tf.reshape(tf.range(materialize(size)) * materialize(stride), shape)


def gather_slices(value: Value, indices: Value, num_batch: int) -> Value:
    """Return slices by tuples of indices, which the last axis of the indices holds.

    Args:
        value: The tensor; its first axes are batches where the indices' are.
        indices: Indices into the axes behind the batches.
        num_batch: Number of axes that are batches.
    """
    count = indices.sizes[-1]
    if not is_known(count):
        raise ConversionError("the number of indices of an element is not known")
    depth = num_batch + int(count)
    indices = _count_tuples(value.sizes[num_batch:depth], indices)
    batch = value.sizes[:num_batch]
    sizes = (*indices.sizes[:-1], *value.sizes[depth:])
    if num_batch == 0:
        return wrap(tf.gather_nd(value.plain, indices.plain), value.dtype, sizes=sizes)
    inner = value.sizes[num_batch:depth]
    strides = [product(inner[number + 1 :]) for number in range(len(inner))]
    places = tf.reduce_sum(indices.plain * sizes_tensor(strides), -1)
    for axis in range(num_batch):
        stride = product((*batch[axis + 1 :], *inner))
        places = places + _offsets(batch[axis], stride, axis, indices.rank - 1)
    flat = reshape_held(value.plain, [product(value.sizes[:depth]), *value.sizes[depth:]])
    return wrap(tf.gather(flat, places), value.dtype, sizes=sizes)


def _count_tuples(sizes: Sequence[Size], indices: Value) -> Value:
    """Return tuples of indices, those below zero counted from the front of their axis."""
    if indices.is_known:
        array = indices.array
        if not np.any(array < 0):
            return indices
        if all(map(is_known, sizes)):
            return constant(np.where(array < 0, array + np.array(sizes, array.dtype), array))
    places = indices.plain
    counted = _count(places, sizes_tensor(sizes))
    return wrap(counted, indices.dtype, sizes=indices.sizes)


def scatter_elements(
    value: Value, indices: Value, updates: Value, axis: int, reduction: str = "none"
) -> Value:
    """Return a tensor with updates put at their index along one axis.

    Args:
        value: The tensor.
        indices: Indices; other axes count as in the indices.
        updates: An update for each index.
        axis: The axis.
        reduction: "none", where the last update of an element stays, or one of `REDUCTIONS`.
    """
    order = common_order([value, indices, updates])
    value, indices, updates = (arrange(each, order) for each in (value, indices, updates))
    places = _places(value.sizes, indices, axis)
    flat = reshape_held(value.tensor, [product(value.sizes)])
    made = _scatter(flat, tf.reshape(places, [-1, 1]), _flat(updates), reduction)
    held = reshape_held(made, [value.sizes[each] for each in order])
    return wrap(held, value.dtype, order=order, sizes=value.sizes)


def _flat(value: Value) -> Any:
    return reshape_held(value.tensor, [product(value.sizes)])


def scatter_slices(value: Value, indices: Value, updates: Value, reduction: str = "none") -> Value:
    """Return a tensor with slices put at tuples of indices, which the last axis holds."""
    count = indices.sizes[-1]
    if not is_known(count):
        raise ConversionError("the number of indices of an element is not known")
    indices = _count_tuples(value.sizes[: int(count)], indices)
    places = indices.array.astype(np.int32) if indices.is_known else indices.plain
    made = _scatter(value.plain, places, updates.plain, reduction)
    return wrap(made, value.dtype, sizes=value.sizes)


def _scatter(tensor: Any, places: Any, updates: Any, reduction: str) -> Any:
    """Put updates into a tensor at tuples of indices counted from the front."""
    if reduction == "none":
        if tensor.dtype == tf.bool:
            whole = [tf.cast(each, tf.int32) for each in (tensor, updates)]
            return tf.cast(tf.tensor_scatter_nd_update(whole[0], places, whole[1]), tf.bool)
        return tf.tensor_scatter_nd_update(tensor, places, updates)
    if reduction == "add":
        return tensor + tf.scatter_nd(places, updates, tf.shape(tensor))
    known = tf.get_static_value(places)
    if known is not None:
        return _scatter_in_rounds(tensor, known, updates, REDUCTIONS[reduction])
    return _scatter_by_pairs(tensor, places, updates, reduction)


def _scatter_in_rounds(tensor: Any, places: Any, updates: Any, reduce: Reduce) -> Any:
    """Put updates in rounds, in each of which every element has one."""
    tuples = places.reshape(-1, places.shape[-1])
    inner = tensor.shape[places.shape[-1] :]
    flat = tf.reshape(updates, [len(tuples), *inner])
    seen: dict[tuple[int, ...], int] = {}
    rounds: dict[int, list[int]] = {}
    for number, each in enumerate(map(tuple, tuples.tolist())):
        seen[each] = seen.get(each, -1) + 1
        rounds.setdefault(seen[each], []).append(number)
    for numbers in rounds.values():
        where = tuples[numbers]
        own = flat if len(numbers) == len(tuples) else tf.gather(flat, numbers)
        new = reduce(tf.gather_nd(tensor, where), own)
        tensor = tf.tensor_scatter_nd_update(tensor, where, new)
    return tensor


def _scatter_by_pairs(tensor: Any, places: Any, updates: Any, reduction: str) -> Any:
    """Reduce, for each element, all updates whose index is its own."""
    depth = places.shape[-1]
    outer, inner = tensor.shape[:depth].as_list(), tensor.shape[depth:].as_list()
    count = places.shape[:-1].num_elements()
    if None in (*outer, *inner, count):
        raise ConversionError(f"updates of open sizes cannot be reduced by {reduction!r}")
    total = int(np.prod(outer))
    if total * count * int(np.prod(inner)) > _MAX_PAIRS:
        raise ConversionError(
            f"{count} updates of {total} elements are too many to reduce by {reduction!r}: "
            "TensorFlow.js has no op for it"
        )
    strides = np.array([int(np.prod(outer[i + 1 :])) for i in range(depth)], np.int32)
    index = tf.reduce_sum(tf.reshape(places, [count, depth]) * strides, -1)
    is_own = tf.equal(np.arange(total, dtype=np.int32)[:, None], index[None, :])
    own = tf.reshape(is_own, [total, count, *[1] * len(inner)])
    rows = tf.reshape(updates, [1, count, *inner])
    neutral = {"mul": 1, "min": tensor.dtype.max, "max": tensor.dtype.min}[reduction]
    if tensor.dtype.is_floating and reduction != "mul":
        neutral = np.inf if reduction == "min" else -np.inf
    kept = tf.where(own, rows, tf.constant(neutral, tensor.dtype))
    reduced = tf.reshape(_ALONG[reduction](kept, 1), tensor.shape)
    return REDUCTIONS[reduction](tensor, reduced)


def one_hot(indices: Value, depth: Size, values: Value, axis: int) -> Value:
    """Return two numbers along a new axis: the second where its index is, else the first.

    Args:
        indices: Indices, those below zero counted from the end; others beyond it are nowhere.
        depth: The size of the new axis.
        values: The number elsewhere, and that at the index.
        axis: The new axis.
    """
    whole = tf.cast(from_front(indices, depth).plain, tf.int32)
    spread = tf.expand_dims(whole, axis)
    shape = [-1 if each == axis else 1 for each in range(indices.rank + 1)]
    is_own = tf.equal(spread, tf.reshape(tf.range(materialize(depth)), shape))
    sizes = (*indices.sizes[:axis], depth, *indices.sizes[axis:])
    known = values.array.tolist() if values.is_known else None
    if known == [0, 1]:
        made = tf.cast(is_own, held_dtype(values.dtype))
    else:
        pair = values.plain
        made = tf.where(is_own, pair[1], pair[0])
    return wrap(made, values.dtype, sizes=sizes)


def triangle(rows: Size, columns: Size, diagonal: Any, *, upper: bool) -> Value:
    """Return which elements of a matrix are in a triangle.

    Args:
        rows: Number of its rows.
        columns: Number of its columns.
        diagonal: Number of the diagonal that bounds it, which belongs to it; a number or a scalar.
        upper: Whether what lies above the diagonal is in it, or what lies below.
    """
    if is_known(rows) and is_known(columns) and isinstance(diagonal, int):
        distance = np.arange(columns)[None, :] - np.arange(rows)[:, None]
        return constant(distance >= diagonal if upper else distance <= diagonal)
    held = tf.range(materialize(columns))[None, :] - tf.range(materialize(rows))[:, None]
    inside = held >= diagonal if upper else held <= diagonal
    return wrap(inside, "bool", sizes=(rows, columns))
