"""Lowerings on entries: a row and a whole number each, of dense, sparse and ragged tensors.

Sets (tensorflow/core/kernels/set_kernels.cc) and counts with a sparse result
(count_ops.cc): a result has the numbers of each row in order, each once.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, require_ndim


class Entries(NamedTuple):
    """Numbers of rows: `rows` int32 (entries), `values` (entries), `outer` int32, the row axes."""

    rows: tf.Tensor
    values: tf.Tensor
    outer: tf.Tensor


def of_dense(values: tf.Tensor) -> Entries:
    """Return the entries of a dense tensor, whose last axis has the numbers of a row."""
    sizes = tf.shape(values)
    numbers = tf.range(tf.reduce_prod(sizes[:-1]))
    rows = tf.reshape(tf.tile(tf.expand_dims(numbers, 1), tf.stack([1, sizes[-1]])), [-1])
    return Entries(rows, tf.reshape(values, [-1]), sizes[:-1])


def of_sparse(indices: tf.Tensor, values: tf.Tensor, shape: tf.Tensor) -> Entries:
    """Return the entries of a sparse tensor; its last axis is within a row."""
    outer = tf.cast(shape, tf.int32)[:-1]
    number = indices.shape[1]
    if number is None:
        raise NotLowered("the number of axes is not known")
    rows = tf.zeros_like(indices[:, 0], tf.int32)
    for axis in range(int(number) - 1):
        rows = rows * outer[axis] + tf.cast(indices[:, axis], tf.int32)
    return Entries(rows, values, outer)


def keep_once(given: Entries, kept: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return indices, values and shape of the kept entries in order, each once; and their places.

    Args:
        given: The entries.
        kept: bool (entries), whether each may be in the result.

    Returns:
        A sparse tensor that is as wide as the longest row; and for each of its entries the place
        of the first equal one among the given.
    """
    same = _equal(given, given)
    numbers = tf.range(tf.size(given.rows))
    earlier = tf.logical_and(same, numbers[None] < numbers[:, None])
    kept = tf.logical_and(kept, tf.logical_not(tf.reduce_any(earlier, 1)))
    in_row = tf.equal(given.rows[:, None], given.rows[None])
    less = tf.logical_and(in_row, given.values[None] < given.values[:, None])
    column = _count(tf.logical_and(less, kept[None]))
    before = tf.logical_or(given.rows[None] < given.rows[:, None], less)
    rank = _count(tf.logical_and(before, kept[None]))
    # One more slot takes those that are not kept.
    total = _count(kept[None])[0]
    slots = tf.where(kept, rank, total)
    places = tf.scatter_nd(slots[:, None], tf.where(kept, numbers, 0), tf.reshape(total + 1, [1]))
    places = places[:total]
    columns = tf.gather(column, places)
    width = tf.reduce_max(tf.concat([columns, [-1]], 0)) + 1
    rows = _unravel(tf.gather(given.rows, places)[:, None], given.outer)
    return [
        tf.cast(tf.concat([rows, columns[:, None]], 1), tf.int64),
        tf.gather(given.values, places),
        tf.cast(tf.concat([given.outer, [width]], 0), tf.int64),
    ], places


def _equal(some: Entries, others: Entries) -> tf.Tensor:
    """Return bool (some, others): whether row and number are the same."""
    return tf.logical_and(
        tf.equal(some.rows[:, None], others.rows[None]),
        tf.equal(some.values[:, None], others.values[None]),
    )


def _count(matrix: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(matrix, tf.int32), 1)


def _unravel(rows: tf.Tensor, outer: tf.Tensor) -> tf.Tensor:
    """Return the coordinates of flat rows: int32 (entries, row axes)."""
    number = outer.shape[0]
    if number is None:
        raise NotLowered("the number of axes is not known")
    parts: list[tf.Tensor] = []
    for axis in reversed(range(1, int(number))):
        parts.insert(0, tf.math.floormod(rows, outer[axis]))
        rows = tf.math.floordiv(rows, outer[axis])
    return tf.concat([rows, *parts] if number else parts or [rows[:, :0]], 1)


def _combine(first: Entries, second: Entries, operation: bytes) -> list[tf.Tensor]:
    """Return the sparse tensor of a set operation; its rows are those of the first."""
    if first.values.dtype == tf.string:
        raise NotLowered("of texts")
    is_in = tf.reduce_any(_equal(first, second), 1)
    match operation.decode():
        case "intersection":
            return keep_once(first, is_in)[0]
        case "a-b":
            return keep_once(first, tf.logical_not(is_in))[0]
        case "b-a":
            is_out = tf.logical_not(tf.reduce_any(_equal(second, first), 1))
            return keep_once(second._replace(outer=first.outer), is_out)[0]
        case _:
            rows = tf.concat([first.rows, second.rows], 0)
            values = tf.concat([first.values, second.values], 0)
            both = Entries(rows, values, first.outer)
            return keep_once(both, tf.ones_like(both.rows, tf.bool))[0]


def _combine_sparse(
    *,
    set1_indices: tf.Tensor,
    set1_values: tf.Tensor,
    set1_shape: tf.Tensor,
    set2_indices: tf.Tensor,
    set2_values: tf.Tensor,
    set2_shape: tf.Tensor,
    set_operation: bytes,
    **_: Any,
) -> list[tf.Tensor]:
    first = of_sparse(set1_indices, set1_values, set1_shape)
    return _combine(first, of_sparse(set2_indices, set2_values, set2_shape), set_operation)


def _combine_with_sparse(
    *,
    set1: tf.Tensor,
    set2_indices: tf.Tensor,
    set2_values: tf.Tensor,
    set2_shape: tf.Tensor,
    set_operation: bytes,
    **_: Any,
) -> list[tf.Tensor]:
    second = of_sparse(set2_indices, set2_values, set2_shape)
    return _combine(of_dense(set1), second, set_operation)


def _count_dense(*, values: tf.Tensor, **given: Any) -> list[tf.Tensor]:
    return _count_entries(of_dense(values), require_ndim(values), **given)


def _count_sparse(
    *, indices: tf.Tensor, values: tf.Tensor, dense_shape: tf.Tensor, **given: Any
) -> list[tf.Tensor]:
    entries = of_sparse(indices, values, dense_shape)
    return _count_entries(entries, int(indices.shape[1]), **given)


def _count_ragged(*, splits: tf.Tensor, values: tf.Tensor, **given: Any) -> list[tf.Tensor]:
    ends = tf.cast(splits, tf.int32)[1:]
    numbers = tf.range(tf.size(values))
    rows = tf.reduce_sum(tf.cast(numbers[:, None] >= ends[None], tf.int32), 1)
    return _count_entries(Entries(rows, values, tf.shape(ends)), 2, **given)


def _count_entries(
    entries: Entries,
    ndim: int,
    *,
    weights: tf.Tensor,
    minlength: int,
    maxlength: int,
    binary_output: bool,
    **_: Any,
) -> list[tf.Tensor]:
    """Return how often each number is in each row, or the sum of the weights there."""
    if weights.shape.num_elements() is None:
        raise NotLowered("whether it has weights is not known")
    is_kept = tf.ones_like(entries.rows, tf.bool)
    if maxlength >= 0:
        is_kept = tf.less(entries.values, tf.constant(maxlength, entries.values.dtype))
    (_, values, _), places = keep_once(entries, is_kept)
    each = tf.ones_like(entries.rows) if weights.shape.num_elements() == 0 else weights
    each = tf.cast(each if not binary_output else tf.ones_like(entries.rows), weights.dtype)
    equal = tf.cast(_equal(entries, entries), weights.dtype)
    sums = tf.reduce_sum(equal * tf.reshape(each, [1, -1]), 1)
    sums = tf.minimum(sums, tf.ones([], sums.dtype)) if binary_output else sums
    seen = tf.reduce_max(tf.concat([values, [-1]], 0)) + 1
    width = tf.maximum(seen, max(minlength, 0)) if maxlength < 0 else maxlength
    columns = tf.cast(values, tf.int64)[:, None]
    rows = tf.cast(tf.gather(entries.rows, places), tf.int64)[:, None]
    one_axis = ndim == 1
    return [
        columns if one_axis else tf.concat([rows, columns], 1),
        tf.gather(sums, places),
        tf.cast(tf.concat([entries.outer, tf.reshape(tf.cast(width, tf.int32), [1])], 0), tf.int64),
    ]


_COUNTS = "sums over comparisons of all numbers of a row"
_COMPARED = "comparisons of all numbers of a row"

RULES = {
    "DenseCountSparseOutput": Lowering(lower=_count_dense, becomes=_COUNTS),
    "DenseToSparseSetOperation": Lowering(lower=_combine_with_sparse, becomes=_COMPARED),
    "RaggedCountSparseOutput": Lowering(lower=_count_ragged, becomes=_COUNTS),
    "SparseCountSparseOutput": Lowering(lower=_count_sparse, becomes=_COUNTS),
    "SparseToSparseSetOperation": Lowering(lower=_combine_sparse, becomes=_COMPARED),
}
