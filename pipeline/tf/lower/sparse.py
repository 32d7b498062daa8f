"""Lowerings of sparse tensors: indices (entries, axes), values (entries) and a shape (axes).

TensorFlow has the indices as int64, TensorFlow.js as int32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import (
    Lowering,
    least_of,
    require_sizes,
    require_static,
    sort_places,
)
from pipeline.tf.lower.ragged import count_numbers
from pipeline.tf.lower.segments import fill, reduce_segments


def _reorder(
    *, input_indices: tf.Tensor, input_values: tf.Tensor, input_shape: tf.Tensor, **_: Any
) -> list[tf.Tensor]:
    """Sort entries by one axis after the other, the last axis first."""
    (ndim,) = require_sizes(input_shape, slice(None))
    # One more entry, which comes last, so that there is one to gather from.
    indices = fill(tf.cast(input_indices, tf.int32), tf.int32.max)
    order = tf.range(tf.shape(indices)[0])
    for axis in reversed(range(ndim)):
        order = tf.gather(order, sort_places(tf.gather(indices[:, axis], order)))
    values = fill(input_values, tf.zeros([], input_values.dtype))
    return [
        tf.cast(tf.gather(indices, order)[:-1], input_indices.dtype),
        tf.gather(values, order)[:-1],
    ]


def _concat(
    *,
    indices: list[tf.Tensor],
    values: list[tf.Tensor],
    shapes: list[tf.Tensor],
    concat_dim: int,
    **_: Any,
) -> list[tf.Tensor]:
    """Move each tensor's entries behind the former tensors', and sort all."""
    (ndim,) = require_sizes(shapes[0], slice(None))
    along = np.eye(ndim, dtype=np.int64)[concat_dim]
    sizes = [tf.cast(shape, tf.int64) * along for shape in shapes]
    starts = [tf.add_n(sizes[:i]) if i else tf.zeros([ndim], tf.int64) for i in range(len(sizes))]
    moved = [each + start for each, start in zip(indices, starts, strict=True)]
    shape = shapes[0] + starts[-1] + sizes[-1] - sizes[0]
    made = _reorder(
        input_indices=tf.concat(moved, 0), input_values=tf.concat(values, 0), input_shape=shape
    )
    return [*made, shape]


def _add(
    *,
    a_indices: tf.Tensor,
    a_values: tf.Tensor,
    a_shape: tf.Tensor,
    b_indices: tf.Tensor,
    b_values: tf.Tensor,
    thresh: tf.Tensor,
    **_: Any,
) -> list[tf.Tensor]:
    """Sort the entries of both, and add two in the same place, unless they are below a limit."""
    indices, values, others, is_pair, is_first = _pair_entries(
        tf.concat([a_indices, b_indices], 0), tf.concat([a_values, b_values], 0), a_shape
    )
    sums = values + others
    is_large = tf.greater_equal(tf.abs(sums), tf.cast(thresh, sums.dtype))
    is_kept = tf.logical_and(is_first, tf.logical_or(tf.logical_not(is_pair), is_large))
    return [*_choose(indices, sums, is_kept), tf.identity(a_shape)]


def _pair_entries(
    indices: tf.Tensor, values: tf.Tensor, shape: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sort entries, of which two may be in the same place.

    Returns:
        Indices and values in order; the value that follows in the same place, else 0; whether one
        does; and whether an entry is the first in its place.
    """
    indices, values = _reorder(input_indices=indices, input_values=values, input_shape=shape)
    nowhere = fill(indices, tf.constant(-1, indices.dtype))
    is_pair = tf.reduce_all(tf.equal(nowhere[1:], nowhere[:-1]), 1)
    is_first = tf.equal(tf.concat([[0], tf.cast(is_pair, tf.int32)], 0)[:-1], 0)
    following = fill(values, tf.zeros([], values.dtype))[1:]
    return indices, values, tf.where(is_pair, following, tf.zeros_like(values)), is_pair, is_first


def _choose_of_both(choose: Callable[..., tf.Tensor]) -> Callable[..., list[tf.Tensor]]:
    """Return a rule that chooses one of two values in each place; of one alone the other is 0."""

    def lower(
        *,
        a_indices: tf.Tensor,
        a_values: tf.Tensor,
        a_shape: tf.Tensor,
        b_indices: tf.Tensor,
        b_values: tf.Tensor,
        **_: Any,
    ) -> list[tf.Tensor]:
        indices, values, others, _is_pair, is_first = _pair_entries(
            tf.concat([a_indices, b_indices], 0), tf.concat([a_values, b_values], 0), a_shape
        )
        return _choose(indices, choose(values, others), is_first)

    return lower


def _slice(
    *,
    indices: tf.Tensor,
    values: tf.Tensor,
    shape: tf.Tensor,
    start: tf.Tensor,
    size: tf.Tensor,
    **_: Any,
) -> list[tf.Tensor]:
    end = tf.minimum(start + size, shape)
    is_inside = tf.logical_and(tf.greater_equal(indices, start), tf.less(indices, end))
    kept, chosen = _choose(indices - start, values, tf.reduce_all(is_inside, 1))
    return [kept, chosen, tf.maximum(end - start, tf.zeros([], shape.dtype))]


def _choose(indices: tf.Tensor, values: tf.Tensor, is_kept: tf.Tensor) -> list[tf.Tensor]:
    """Return some entries; one more at the end, so that there is one to gather from."""
    places = tf.cast(tf.where(tf.concat([is_kept, [True]], 0))[:, 0], tf.int32)
    zero = tf.zeros([], values.dtype)
    rows = tf.gather(fill(indices, tf.zeros([], indices.dtype)), places)
    return [rows[:-1], tf.gather(fill(values, zero), places)[:-1]]


def _reduce_sum(
    *,
    input_indices: tf.Tensor,
    input_values: tf.Tensor,
    input_shape: tf.Tensor,
    reduction_axes: tf.Tensor,
    keep_dims: bool,
    **_: Any,
) -> tf.Tensor:
    flat, outer, shape = _group(input_indices, input_shape, reduction_axes, keep_dims=keep_dims)
    count = tf.reduce_prod(tf.concat([[1], outer], 0))
    sums = tf.scatter_nd(tf.expand_dims(flat, 1), input_values, tf.reshape(count, [1]))
    return tf.reshape(sums, shape)


def _reduce_max(
    *,
    input_indices: tf.Tensor,
    input_values: tf.Tensor,
    input_shape: tf.Tensor,
    reduction_axes: tf.Tensor,
    keep_dims: bool,
    **_: Any,
) -> tf.Tensor:
    """Take the greatest entry of each group, and 0 without entries."""
    flat, outer, shape = _group(input_indices, input_shape, reduction_axes, keep_dims=keep_dims)
    lengths, found = _find_greatest(flat, outer, input_values)
    zero = tf.zeros([], input_values.dtype)
    return tf.reshape(tf.where(tf.equal(lengths, 0), zero, found), shape)


def _softmax(
    *, sp_indices: tf.Tensor, sp_values: tf.Tensor, sp_shape: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Divide the exponential of each entry by the sum over its row, the last axis."""
    flat, outer, _ = _group(sp_indices, sp_shape, tf.constant([-1]), keep_dims=False)
    lengths, found = _find_greatest(flat, outer, sp_values)
    powers = tf.exp(sp_values - tf.gather(found, flat))
    sums = tf.scatter_nd(tf.expand_dims(flat, 1), powers, tf.shape(lengths))
    return powers / tf.gather(sums, flat)


def _find_greatest(
    flat: tf.Tensor, outer: tf.Tensor, values: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the number of entries of each group, and the greatest of them."""
    count = tf.reduce_prod(tf.concat([[1], outer], 0))
    lengths = tf.scatter_nd(tf.expand_dims(flat, 1), tf.ones_like(flat), tf.reshape(count, [1]))
    filled = fill(values, tf.constant(least_of(values.dtype), values.dtype))
    order = sort_places(tf.concat([flat, tf.reshape(count, [1])], 0))
    return lengths, reduce_segments(tf.gather(filled, order), lengths, tf.reduce_max)


def _group(
    indices: tf.Tensor,
    shape: tf.Tensor,
    axes: tf.Tensor,
    *,
    keep_dims: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return each entry's group, the sizes of the axes that stay, and the shape of the result."""
    (ndim,) = require_sizes(shape, slice(None))
    reduced = {int(axis) % ndim for axis in require_static(axes, "axes").reshape(-1)}
    kept = [axis for axis in range(ndim) if axis not in reduced]
    sizes = tf.cast(shape, tf.int32)
    outer = tf.gather(sizes, kept) if kept else tf.zeros([0], tf.int32)
    flat = tf.zeros(tf.shape(indices)[:1], tf.int32)
    for axis in kept:
        flat = flat * sizes[axis] + tf.cast(indices[:, axis], tf.int32)
    if not keep_dims:
        return flat, outer, outer
    full = tf.stack([sizes[axis] if axis in kept else 1 for axis in range(ndim)])
    return flat, outer, full


def _dense_product(
    *,
    a_indices: tf.Tensor,
    a_values: tf.Tensor,
    a_shape: tf.Tensor,
    b: tf.Tensor,
    adjoint_a: bool,
    adjoint_b: bool,
    **_: Any,
) -> tf.Tensor:
    """Sum, for each row, the rows of b that its entries name, times the entries."""
    row, column = (1, 0) if adjoint_a else (0, 1)
    matrix = tf.transpose(b) if adjoint_b else b
    indices = tf.cast(a_indices, tf.int32)
    products = tf.expand_dims(a_values, 1) * tf.gather(matrix, indices[:, column])
    shape = tf.stack([tf.cast(a_shape[row], tf.int32), tf.shape(matrix)[1]])
    return tf.scatter_nd(indices[:, row : row + 1], products, shape)


def _dense_sum(*, a_indices: tf.Tensor, a_values: tf.Tensor, b: tf.Tensor, **_: Any) -> tf.Tensor:
    return b + tf.scatter_nd(tf.cast(a_indices, tf.int32), a_values, tf.shape(b))


def _bincount(
    *,
    indices: tf.Tensor,
    values: tf.Tensor,
    dense_shape: tf.Tensor,
    size: tf.Tensor,
    weights: tf.Tensor,
    binary_output: bool,
    **_: Any,
) -> tf.Tensor:
    """Return (rows, size), or (size) if the sparse tensor has one axis."""
    (ndim,) = require_sizes(dense_shape, slice(None))
    rows = tf.cast(indices[:, 0], tf.int32) if ndim > 1 else tf.zeros_like(values, tf.int32)
    height = tf.cast(dense_shape[0], tf.int32) if ndim > 1 else tf.constant(1)
    made = count_numbers(rows, height, values, size, weights, is_binary=binary_output)
    return made if ndim > 1 else tf.squeeze(made, 0)


def _with_dense(op: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Return a rule that combines each entry with the element of a dense tensor in its place."""

    def lower(
        *,
        sp_indices: tf.Tensor,
        sp_values: tf.Tensor,
        sp_shape: tf.Tensor,
        dense: tf.Tensor,
        **_: Any,
    ) -> tf.Tensor:
        wide = tf.broadcast_to(dense, tf.cast(sp_shape, tf.int32))
        return op(sp_values, tf.gather_nd(wide, tf.cast(sp_indices, tf.int32)))

    return lower


RULES = {
    "SparseAdd": Lowering(lower=_add, becomes="a sum of neighbours in the order of TopKV2"),
    "SparseConcat": Lowering(lower=_concat, becomes="ConcatV2 in the order of TopKV2"),
    "SparseSlice": Lowering(lower=_slice, becomes="GatherV2 of the entries inside"),
    "SparseBincount": Lowering(lower=_bincount, becomes="ScatterNd by row and number"),
    "SparseDenseCwiseMul": Lowering(lower=_with_dense(tf.multiply), becomes="Mul with GatherNd"),
    "SparseDenseCwiseDiv": Lowering(lower=_with_dense(tf.divide), becomes="RealDiv by GatherNd"),
    "SparseReduceMax": Lowering(
        lower=_reduce_max, becomes="a reduction of each group side by side", is_final=True
    ),
    "SparseReduceSum": Lowering(lower=_reduce_sum, becomes="ScatterNd by the axes that stay"),
    "SparseReorder": Lowering(lower=_reorder, becomes="GatherV2 in the order of TopKV2"),
    "SparseSoftmax": Lowering(
        lower=_softmax, becomes="Exp by the ScatterNd of each row", is_final=True
    ),
    "SparseSparseMaximum": Lowering(
        lower=_choose_of_both(tf.maximum), becomes="the Maximum of neighbours in order"
    ),
    "SparseSparseMinimum": Lowering(
        lower=_choose_of_both(tf.minimum), becomes="the Minimum of neighbours in order"
    ),
    "SparseTensorDenseAdd": Lowering(lower=_dense_sum, becomes="a sum with ScatterNd"),
    "SparseTensorDenseMatMul": Lowering(lower=_dense_product, becomes="ScatterNd of products"),
}
