"""Lowerings of reductions over segments.

Sums are ScatterNd. For other reductions the rows of a segment are put side by side, as many as the
largest segment has; the neutral element fills the rest. It takes memory for the number of segments
times the largest of them, and no loop.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, greatest_of, least_of, sort_places

Reduce = Callable[..., tf.Tensor]


def _unsorted_sum(
    *, data: tf.Tensor, segment_ids: tf.Tensor, num_segments: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Scatter with one more segment, which takes rows with a negative id and is cut off."""
    count = tf.cast(num_segments, tf.int32)
    kept, rows = _list_rows(data, segment_ids, count)
    shape = tf.concat([[count + 1], tf.shape(rows)[1:]], 0)
    return tf.scatter_nd(tf.expand_dims(kept, 1), rows, shape)[:count]


def _list_rows(
    data: tf.Tensor, segment_ids: tf.Tensor, count: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the segment of each row, the one behind the last for a negative id, and the rows."""
    ids = tf.reshape(tf.cast(segment_ids, tf.int32), [-1])
    inner = tf.shape(data)[tf.rank(segment_ids) :]
    rows = tf.reshape(data, tf.concat([[tf.size(ids)], inner], 0))
    return _put_last(ids, count), rows


def _unsorted(reduce: Reduce, start: Callable[[tf.DType], Any]) -> Callable[..., tf.Tensor]:
    """Return a rule for segments in any order; rows with a negative id are left out."""

    def lower(
        *, data: tf.Tensor, segment_ids: tf.Tensor, num_segments: tf.Tensor, **_: Any
    ) -> tf.Tensor:
        count = tf.cast(num_segments, tf.int32)
        kept, rows = _list_rows(data, segment_ids, count)
        lengths = _lengths(kept, count + 1)[:count]
        neutral = tf.constant(start(data.dtype), data.dtype)
        order = sort_places(tf.concat([kept, tf.reshape(count, [1])], 0))
        found = reduce_segments(tf.gather(fill(rows, neutral), order), lengths, reduce)
        return _reach(found, neutral, reduce)

    return lower


def _sorted(
    reduce: Reduce, start: Callable[[tf.DType], Any], empty: int
) -> Callable[..., tf.Tensor]:
    """Return a rule for sorted segments; an empty one gives `empty`."""

    def lower(*, data: tf.Tensor, segment_ids: tf.Tensor, **_: Any) -> tf.Tensor:
        ids = tf.cast(segment_ids, tf.int32)
        lengths = _lengths(ids, _count(ids))
        neutral = tf.constant(start(data.dtype), data.dtype)
        found = reduce_segments(fill(data, neutral), lengths, reduce)
        inner = tf.ones([tf.rank(data) - 1], tf.int32)
        is_empty = tf.reshape(tf.equal(lengths, 0), tf.concat([[-1], inner], 0))
        return tf.where(is_empty, tf.constant(empty, data.dtype), found)

    return lower


def reduce_segments(filled: tf.Tensor, lengths: tf.Tensor, reduce: Reduce) -> tf.Tensor:
    """Return (segments, ...): the rows of each segment reduced to one.

    Args:
        filled: The rows of one segment after the other; the last row of all is neutral.
        lengths: Number of rows of each segment, int32.
        reduce: tf.reduce_max, for example.
    """
    ends = tf.cumsum(lengths)
    width = tf.reduce_max(tf.concat([[1], lengths], 0))
    places = tf.expand_dims(ends - lengths, 1) + tf.range(width)
    inside = tf.less(places, tf.expand_dims(ends, 1))
    return reduce(tf.gather(filled, tf.where(inside, places, tf.shape(filled)[0] - 1)), 1)


def fill(rows: tf.Tensor, neutral: tf.Tensor) -> tf.Tensor:
    """Append a row of a scalar; the wasm backend gathers from no rows in a wrong shape."""
    return tf.concat([rows, tf.fill(tf.concat([[1], tf.shape(rows)[1:]], 0), neutral)], 0)


def _reach(found: tf.Tensor, neutral: tf.Tensor, reduce: Reduce) -> tf.Tensor:
    """Reduce once more with the start, which is finite where the rows may be infinite."""
    choose = {tf.reduce_max: tf.maximum, tf.reduce_min: tf.minimum}.get(reduce)
    return found if choose is None else choose(found, neutral)


def _put_last(ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Return ids with one more segment in place of a negative id.

    By arithmetic: `where` of TensorFlow.js makes one element of a scalar and no elements.
    """
    return ids + tf.cast(tf.less(ids, 0), tf.int32) * (count - ids)


def _lengths(ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    return tf.scatter_nd(tf.expand_dims(ids, 1), tf.ones_like(ids), tf.reshape(count, [1]))


def _lowest(dtype: tf.DType) -> Any:
    """Return the least finite number, the maximum of no rows."""
    return dtype.min if dtype.is_floating else least_of(dtype)


def _highest(dtype: tf.DType) -> Any:
    return dtype.max if dtype.is_floating else greatest_of(dtype)


def _one(_: tf.DType) -> int:
    return 1


def _sum(*, data: tf.Tensor, segment_ids: tf.Tensor, **_: Any) -> tf.Tensor:
    return _scatter(data, segment_ids, _count(segment_ids))


def _mean(*, data: tf.Tensor, segment_ids: tf.Tensor, **_: Any) -> tf.Tensor:
    if data.dtype.is_integer:
        raise NotLowered("of whole numbers")
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


_REDUCED = "a reduction of the rows of each segment side by side"

RULES = {
    "SegmentMax": Lowering(
        lower=_sorted(tf.reduce_max, least_of, 0), becomes=_REDUCED, is_final=True
    ),
    "SegmentMean": Lowering(lower=_mean, becomes="ScatterNd by the size of each segment"),
    "SegmentMin": Lowering(
        lower=_sorted(tf.reduce_min, greatest_of, 0), becomes=_REDUCED, is_final=True
    ),
    "SegmentProd": Lowering(
        lower=_sorted(tf.reduce_prod, _one, 1), becomes=_REDUCED, is_final=True
    ),
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
    "UnsortedSegmentMax": Lowering(
        lower=_unsorted(tf.reduce_max, _lowest), becomes=_REDUCED, is_final=True
    ),
    "UnsortedSegmentMin": Lowering(
        lower=_unsorted(tf.reduce_min, _highest), becomes=_REDUCED, is_final=True
    ),
    "UnsortedSegmentProd": Lowering(
        lower=_unsorted(tf.reduce_prod, _one), becomes=_REDUCED, is_final=True
    ),
    "UnsortedSegmentSum": Lowering(lower=_unsorted_sum, becomes="ScatterNd"),
}
