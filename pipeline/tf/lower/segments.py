"""Lowerings of sums over segments, and of products with sparse matrices: all are ScatterNd."""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering


def _unsorted_sum(
    *, data: tf.Tensor, segment_ids: tf.Tensor, num_segments: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Scatter with one more segment, which takes rows with a negative id and is cut off."""
    ids = tf.reshape(tf.cast(segment_ids, tf.int32), [-1])
    count = tf.cast(num_segments, tf.int32)
    inner = tf.shape(data)[tf.rank(segment_ids) :]
    rows = tf.reshape(data, tf.concat([[tf.size(ids)], inner], 0))
    kept = tf.where(tf.less(ids, 0), count, ids)
    shape = tf.concat([[count + 1], inner], 0)
    return tf.scatter_nd(tf.expand_dims(kept, 1), rows, shape)[:count]


def _sum(*, data: tf.Tensor, segment_ids: tf.Tensor, **_: Any) -> tf.Tensor:
    return _scatter(data, segment_ids, _count(segment_ids))


def _mean(*, data: tf.Tensor, segment_ids: tf.Tensor, **_: Any) -> tf.Tensor:
    return _average(data, segment_ids, _count(segment_ids), root=False)


def _sum_v2(
    *, data: tf.Tensor, segment_ids: tf.Tensor, num_segments: tf.Tensor, **_: Any
) -> tf.Tensor:
    return _unsorted_sum(data=data, segment_ids=segment_ids, num_segments=num_segments)


def _sparse_root(
    *, data: tf.Tensor, indices: tf.Tensor, segment_ids: tf.Tensor, **_: Any
) -> tf.Tensor:
    rows = tf.gather(data, indices)
    return _average(rows, segment_ids, _count(segment_ids), root=True)


def _sparse_root_of(
    *,
    data: tf.Tensor,
    indices: tf.Tensor,
    segment_ids: tf.Tensor,
    num_segments: tf.Tensor,
    **_: Any,
) -> tf.Tensor:
    rows = tf.gather(data, indices)
    return _average(rows, segment_ids, tf.cast(num_segments, tf.int32), root=True)


def _sparse_mean_of(
    *,
    data: tf.Tensor,
    indices: tf.Tensor,
    segment_ids: tf.Tensor,
    num_segments: tf.Tensor,
    **_: Any,
) -> tf.Tensor:
    rows = tf.gather(data, indices)
    return _average(rows, segment_ids, tf.cast(num_segments, tf.int32), root=False)


def _sparse_sum_of(
    *,
    data: tf.Tensor,
    indices: tf.Tensor,
    segment_ids: tf.Tensor,
    num_segments: tf.Tensor,
    **_: Any,
) -> tf.Tensor:
    return _scatter(tf.gather(data, indices), segment_ids, tf.cast(num_segments, tf.int32))


def _sparse_dense_product(
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


def _sparse_dense_sum(
    *, a_indices: tf.Tensor, a_values: tf.Tensor, b: tf.Tensor, **_: Any
) -> tf.Tensor:
    return b + tf.scatter_nd(tf.cast(a_indices, tf.int32), a_values, tf.shape(b))


def _count(segment_ids: tf.Tensor) -> tf.Tensor:
    """Return one more than the last of sorted ids, 0 without ids."""
    return tf.reduce_max(tf.concat([[-1], tf.cast(segment_ids, tf.int32)], 0)) + 1


def _scatter(rows: tf.Tensor, segment_ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    ids = tf.expand_dims(tf.cast(segment_ids, tf.int32), 1)
    return tf.scatter_nd(ids, rows, tf.concat([[count], tf.shape(rows)[1:]], 0))


def _average(rows: tf.Tensor, segment_ids: tf.Tensor, count: tf.Tensor, *, root: bool) -> tf.Tensor:
    """Divide sums by the sizes of their segments, or by their roots; 0 if empty."""
    ones = tf.ones_like(segment_ids, rows.dtype)
    sizes = tf.maximum(_scatter(ones, segment_ids, count), tf.ones([], rows.dtype))
    divisor = tf.sqrt(sizes) if root else sizes
    inner = tf.ones([tf.rank(rows) - 1], tf.int32)
    return _scatter(rows, segment_ids, count) / tf.reshape(divisor, tf.concat([[-1], inner], 0))


RULES = {
    "SegmentMean": Lowering(lower=_mean, becomes="ScatterNd by the size of each segment"),
    "SegmentSum": Lowering(lower=_sum, becomes="ScatterNd"),
    "SegmentSumV2": Lowering(lower=_sum_v2, becomes="ScatterNd"),
    "SparseSegmentMeanWithNumSegments": Lowering(
        lower=_sparse_mean_of, becomes="GatherV2 and ScatterNd"
    ),
    "SparseSegmentSqrtN": Lowering(lower=_sparse_root, becomes="GatherV2 and ScatterNd"),
    "SparseSegmentSqrtNWithNumSegments": Lowering(
        lower=_sparse_root_of, becomes="GatherV2 and ScatterNd"
    ),
    "SparseSegmentSumWithNumSegments": Lowering(
        lower=_sparse_sum_of, becomes="GatherV2 and ScatterNd"
    ),
    "SparseTensorDenseAdd": Lowering(lower=_sparse_dense_sum, becomes="a sum with ScatterNd"),
    "SparseTensorDenseMatMul": Lowering(
        lower=_sparse_dense_product, becomes="ScatterNd of products"
    ),
    "UnsortedSegmentSum": Lowering(lower=_unsorted_sum, becomes="ScatterNd"),
}
