"""Lowerings of ops that take tensors apart and put them together by index."""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.empties import make_empty
from pipeline.tf.lower.lowering_rule import (
    Lowering,
    NotLowered,
    NotNeeded,
    count_axis,
    gather_rows,
    require_ndim,
    require_sizes,
    require_static,
    size_of,
)


def _roll(*, input: tf.Tensor, shift: tf.Tensor, axis: tf.Tensor, **_: Any) -> tf.Tensor:
    """Cut each axis in two, and exchange the parts."""
    axes = require_static(axis, "axis").reshape(-1).tolist()
    shifts = tf.reshape(tf.cast(shift, tf.int32), [-1])
    for i, axis_given in enumerate(axes):
        number = count_axis(axis_given, input)
        size = size_of(input, number)
        cut = size - tf.math.floormod(shifts[i], tf.maximum(size, 1))
        before = (slice(None),) * number
        input = tf.concat(
            [input[(*before, slice(cut, None))], input[(*before, slice(None, cut))]], number
        )
    return input


def _reverse_sequence(
    *,
    input: tf.Tensor,
    seq_lengths: tf.Tensor,
    seq_dim: int,
    batch_dim: int,
    **_: Any,
) -> tf.Tensor:
    """Gather each row by counting down from its length, and up after it."""
    order: list[int] = []
    if (batch_dim, seq_dim) != (0, 1):
        axes = range(require_ndim(input))
        rest = [axis for axis in axes if axis not in (batch_dim, seq_dim)]
        order = [batch_dim, seq_dim, *rest]
    rows = tf.transpose(input, order) if order else input
    lengths = tf.expand_dims(tf.cast(seq_lengths, tf.int32), 1)
    positions = tf.expand_dims(tf.range(size_of(rows, 1)), 0)
    indices = tf.where(tf.less(positions, lengths), lengths - 1 - positions, positions)
    indices = tf.broadcast_to(indices, tf.shape(rows)[:2])
    reversed_rows = gather_rows(rows, indices, 1)
    if not order:
        return reversed_rows
    return tf.transpose(reversed_rows, [order.index(axis) for axis in axes])


def _gather(
    *, params: tf.Tensor, indices: tf.Tensor, axis: tf.Tensor, batch_dims: int, **_: Any
) -> tf.Tensor:
    """Gather with batch axes; an axis after the next is moved there, and back."""
    if batch_dims == 0:
        raise NotNeeded
    num_batch = count_axis(batch_dims, indices)
    number = count_axis(int(require_static(axis, "axis")), params)
    outer = list(range(num_batch, number))
    if not outer:
        return gather_rows(params, indices, num_batch)
    ndim, num_own = require_ndim(params), require_ndim(indices) - num_batch
    order = [*range(num_batch), number, *outer, *range(number + 1, ndim)]
    found = gather_rows(tf.transpose(params, order), indices, num_batch)
    moved = [num_batch + num_own + i for i in range(len(outer))]
    own = [num_batch + i for i in range(num_own)]
    rest = range(num_batch + num_own + len(outer), num_own + ndim - 1)
    return tf.transpose(found, [*range(num_batch), *moved, *own, *rest])


def _scatter(tensor: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor) -> tf.Tensor:
    """Return zeros, with the sums of the updates at their indices."""
    return tf.scatter_nd(tf.cast(indices, tf.int32), updates, tf.shape(tensor))


def _scatter_add(
    *, tensor: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, **_: Any
) -> tf.Tensor:
    return tensor + _scatter(tensor, indices, updates)


def _scatter_sub(
    *, tensor: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, **_: Any
) -> tf.Tensor:
    return tensor - _scatter(tensor, indices, updates)


def _inplace_add(*, x: tf.Tensor, i: tf.Tensor, v: tf.Tensor, **_: Any) -> tf.Tensor:
    return x + _scatter(x, tf.expand_dims(i, -1), v)


def _inplace_sub(*, x: tf.Tensor, i: tf.Tensor, v: tf.Tensor, **_: Any) -> tf.Tensor:
    return x - _scatter(x, tf.expand_dims(i, -1), v)


def _inplace_update(*, x: tf.Tensor, i: tf.Tensor, v: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(x, tf.expand_dims(i, -1), v)


def _update_slice(
    *,
    input: tf.Tensor,
    begin: tf.Tensor,
    end: tf.Tensor,
    strides: tf.Tensor,
    value: tf.Tensor,
    T: tf.DType,
    Index: tf.DType,
    **masks: Any,
) -> tf.Tensor:
    """Number the elements, slice the numbers, and put the values there."""
    # As floats: the wasm backend makes float32 of all values that it slices with a stride.
    positions = tf.raw_ops.StridedSlice(
        input=tf.cast(_number(input), tf.float32),
        begin=begin,
        end=end,
        strides=strides,
        begin_mask=masks["begin_mask"],
        end_mask=masks["end_mask"],
        ellipsis_mask=masks["ellipsis_mask"],
        new_axis_mask=masks["new_axis_mask"],
        shrink_axis_mask=masks["shrink_axis_mask"],
    )
    whole = tf.cast(positions, tf.int32)
    return _put(input, whole, tf.broadcast_to(value, tf.shape(whole)))


def _dynamic_slice(
    *,
    input: tf.Tensor,
    start_indices: tf.Tensor,
    size_indices: tf.Tensor,
    **_: Any,
) -> tf.Tensor:
    sizes = tf.cast(size_indices, tf.int32)
    return tf.slice(input, _keep_inside(input, start_indices, sizes), sizes)


def _dynamic_update(
    *,
    input: tf.Tensor,
    update: tf.Tensor,
    indices: tf.Tensor,
    **_: Any,
) -> tf.Tensor:
    sizes = tf.shape(update)
    positions = tf.slice(_number(input), _keep_inside(input, indices, sizes), sizes)
    return _put(input, positions, update)


def _number(tensor: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.range(tf.size(tensor)), tf.shape(tensor))


def _put(tensor: tf.Tensor, positions: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Replace elements at the positions with these numbers."""
    flat = tf.tensor_scatter_nd_update(
        tf.reshape(tensor, [-1]), tf.reshape(positions, [-1, 1]), tf.reshape(values, [-1])
    )
    return tf.reshape(flat, tf.shape(tensor))


def _keep_inside(tensor: tf.Tensor, begin: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """Move a slice that reaches beyond the end back, as XLA does."""
    return tf.maximum(tf.minimum(tf.cast(begin, tf.int32), tf.shape(tensor) - sizes), 0)


def _invert_permutation(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    indices = tf.expand_dims(tf.cast(x, tf.int32), 1)
    return tf.cast(tf.scatter_nd(indices, tf.range(tf.size(x)), tf.shape(x)), x.dtype)


def _unravel_index(*, indices: tf.Tensor, dims: tf.Tensor, **_: Any) -> tf.Tensor:
    (ndim,) = require_sizes(dims, slice(None))
    rest = indices
    digits = []
    for axis in reversed(range(ndim)):
        digits.append(tf.math.floormod(rest, dims[axis]) if axis else rest)
        rest = tf.math.floordiv(rest, dims[axis]) if axis else rest
    return tf.stack(digits[::-1])


def _concat_offset(*, concat_dim: tf.Tensor, shape: list[tf.Tensor], **_: Any) -> list[tf.Tensor]:
    (ndim,) = require_sizes(shape[0], slice(None))
    axis = tf.one_hot(concat_dim % ndim, ndim, dtype=shape[0].dtype)
    offsets = [tf.zeros_like(shape[0])]
    for size in shape[:-1]:
        offsets.append(offsets[-1] + size * axis)
    return offsets


def _unique_with_counts(*, x: tf.Tensor, out_idx: tf.DType, **_: Any) -> list[tf.Tensor]:
    values, positions = tf.raw_ops.Unique(x=x, out_idx=out_idx)
    indices = tf.expand_dims(tf.cast(positions, tf.int32), 1)
    counts = tf.scatter_nd(indices, tf.ones_like(positions), tf.shape(values))
    return [values, positions, counts]


def _unique_with_counts_v2(
    *, x: tf.Tensor, axis: tf.Tensor, out_idx: tf.DType, **_: Any
) -> list[tf.Tensor]:
    if require_static(axis, "axis").reshape(-1).tolist() not in ([], [0]) or require_ndim(x) != 1:
        raise NotLowered("over an axis")
    return _unique_with_counts(x=x, out_idx=out_idx)


def _nth_element(*, input: tf.Tensor, n: tf.Tensor, reverse: bool, **_: Any) -> tf.Tensor:
    """Sort all values, and take one from either end."""
    size = size_of(input, -1)
    values, _ = tf.math.top_k(input, size)
    return tf.gather(values, n if reverse else size - 1 - n, axis=-1)


def _stitch(*, indices: list[tf.Tensor], data: list[tf.Tensor], **_: Any) -> tf.Tensor:
    """Put each part at its indices; of two parts at one position the last stays."""
    inner = tf.shape(data[0])[tf.size(tf.shape(indices[0])) :]
    positions = tf.concat([tf.reshape(index, [-1]) for index in indices], 0)
    parts = [
        tf.reshape(part, tf.concat([[tf.size(index)], inner], 0))
        for index, part in zip(indices, data, strict=True)
    ]
    size = tf.maximum(tf.reduce_max(positions), -1) + 1
    empty = tf.zeros(tf.concat([[size], inner], 0), data[0].dtype)
    return tf.tensor_scatter_nd_update(empty, tf.expand_dims(positions, 1), tf.concat(parts, 0))


def _partition(
    *, data: tf.Tensor, partitions: tf.Tensor, num_partitions: int, **_: Any
) -> list[tf.Tensor]:
    inner = tf.shape(data)[tf.rank(partitions) :]
    flat = tf.reshape(data, tf.concat([[tf.size(partitions)], inner], 0))
    members = tf.reshape(partitions, [-1])
    return [
        tf.gather(flat, tf.reshape(tf.cast(tf.where(tf.equal(members, i)), tf.int32), [-1]))
        for i in range(num_partitions)
    ]


def _permute_layout(*, x: tf.Tensor, src_format: bytes, dst_format: bytes, **_: Any) -> tf.Tensor:
    """Put sizes, or pairs of paddings, in the order of another layout."""
    ndim = require_sizes(x, slice(0, 1))[0]
    source, target = _layouts(src_format, dst_format, ndim)
    return tf.gather(x, [source.index(letter) for letter in target])


def _map_axis(*, x: tf.Tensor, src_format: bytes, dst_format: bytes, **_: Any) -> tf.Tensor:
    source, target = src_format.decode(), dst_format.decode()
    axes = tf.constant([target.index(letter) for letter in source], x.dtype)
    return tf.gather(axes, tf.math.floormod(x, len(source)))


def _layouts(source: bytes, target: bytes, ndim: int) -> tuple[str, str]:
    """Return both layouts; only the axes of the image if there are no others."""
    texts = source.decode(), target.decode()
    if ndim == len(texts[0]):
        return texts
    kept = [text.replace("N", "").replace("C", "") for text in texts]
    if ndim != len(kept[0]):
        raise NotLowered(f"of {ndim} axes")
    return kept[0], kept[1]


_PLACED = "TensorScatterUpdate of numbered elements"

RULES = {
    "ConcatOffset": Lowering(lower=_concat_offset, becomes="sums of sizes"),
    "DataFormatDimMap": Lowering(lower=_map_axis, becomes="GatherV2 from a constant"),
    "DataFormatVecPermute": Lowering(lower=_permute_layout, becomes="GatherV2"),
    "DynamicPartition": Lowering(lower=_partition, becomes="GatherV2 of what Where finds"),
    "DynamicStitch": Lowering(lower=_stitch, becomes="TensorScatterUpdate"),
    "GatherV2": Lowering(
        lower=make_empty("GatherV2", _gather),
        becomes="one without batch axes, or Fill for no elements",
        why="the wasm backend reads beyond the batch, and gives no elements a wrong shape",
    ),
    "InplaceAdd": Lowering(lower=_inplace_add, becomes="a sum with ScatterNd"),
    "InplaceSub": Lowering(lower=_inplace_sub, becomes="a difference to ScatterNd"),
    "InplaceUpdate": Lowering(lower=_inplace_update, becomes="TensorScatterUpdate"),
    "InvertPermutation": Lowering(lower=_invert_permutation, becomes="ScatterNd"),
    "NthElement": Lowering(lower=_nth_element, becomes="TopKV2"),
    "ParallelDynamicStitch": Lowering(lower=_stitch, becomes="TensorScatterUpdate"),
    "ReverseSequence": Lowering(lower=_reverse_sequence, becomes="GatherV2 by counting down"),
    "Roll": Lowering(lower=_roll, becomes="ConcatV2 of two slices"),
    "TensorScatterAdd": Lowering(lower=_scatter_add, becomes="a sum with ScatterNd"),
    "TensorScatterSub": Lowering(lower=_scatter_sub, becomes="a difference to ScatterNd"),
    "TensorStridedSliceUpdate": Lowering(lower=_update_slice, becomes=_PLACED),
    "UniqueWithCounts": Lowering(lower=_unique_with_counts, becomes="Unique and ScatterNd"),
    "UniqueWithCountsV2": Lowering(lower=_unique_with_counts_v2, becomes="Unique and ScatterNd"),
    "UnravelIndex": Lowering(lower=_unravel_index, becomes="FloorDiv and FloorMod"),
    "XlaDynamicSlice": Lowering(lower=_dynamic_slice, becomes="Slice"),
    "XlaDynamicUpdateSlice": Lowering(lower=_dynamic_update, becomes=_PLACED),
}
