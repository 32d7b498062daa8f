"""Lowerings of ragged tensors: rows of any length, end to end, with the starts of the rows.

The converter assumes that TensorFlow.js has these ops; TensorFlow.js 4 has their kernels, but does
not map ops to them ("Unknown op 'RaggedTensorToTensor'").
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_ndim

_ROW_IDS, _ROW_SPLITS, _NUM_ROWS = b"VALUE_ROWIDS", b"ROW_SPLITS", b"FIRST_DIM_SIZE"


def _to_tensor(
    *,
    shape: tf.Tensor,
    values: tf.Tensor,
    default_value: tf.Tensor,
    row_partition_tensors: list[tf.Tensor],
    row_partition_types: list[bytes],
    **_: Any,
) -> tf.Tensor:
    """Fill rows up to one length with a default, the innermost ragged axis first."""
    levels = _read_partitions(row_partition_types, row_partition_tensors)
    height = _wanted(shape, 0)
    if height is not None:
        # Rows beyond the last begin at its end, so that they are empty.
        last = tf.shape(levels[0])[0] - 1
        levels[0] = tf.gather(levels[0], tf.minimum(tf.range(height + 1), last))
    dense = values
    for axis, splits in reversed(list(enumerate(levels, 1))):
        width = _wanted(shape, axis)
        if width is None:
            lengths = splits[1:] - splits[:-1]
            width = tf.reduce_max(tf.concat([[0], lengths], 0))
        dense = _fill_rows(dense, splits, width, default_value)
    return dense


def _range(
    *, starts: tf.Tensor, limits: tf.Tensor, deltas: tf.Tensor, Tsplits: tf.DType, **_: Any
) -> list[tf.Tensor]:
    """Count from each start to its limit, one row after the other."""
    if not starts.dtype.is_integer:
        raise NotLowered(f"of {starts.dtype.name}")
    one = tf.ones([], starts.dtype)
    reach = limits - starts + tf.where(tf.greater(deltas, 0), deltas - one, deltas + one)
    lengths = tf.maximum(tf.cast(tf.math.floordiv(reach, deltas), tf.int32), 0)
    lengths = tf.reshape(lengths, [-1])
    splits = _to_splits(lengths)
    rows, positions = _locate(splits)
    begins = tf.broadcast_to(tf.reshape(starts, [-1]), tf.shape(lengths))
    steps = tf.broadcast_to(tf.reshape(deltas, [-1]), tf.shape(lengths))
    values = tf.gather(begins, rows) + tf.gather(steps, rows) * tf.cast(positions, starts.dtype)
    return [tf.cast(splits, Tsplits), values]


def _gather(
    *,
    params_nested_splits: list[tf.Tensor],
    params_dense_values: tf.Tensor,
    indices: tf.Tensor,
    **_: Any,
) -> list[tf.Tensor]:
    """Take the requested rows, level by level, and the values of the last level."""
    if require_ndim(indices) != 1:
        raise NotLowered("by more than a list of indices")
    wanted = tf.cast(indices, tf.int32)
    taken = []
    for given in params_nested_splits:
        splits = tf.cast(given, tf.int32)
        begins = tf.gather(splits, wanted)
        new = _to_splits(tf.gather(splits, wanted + 1) - begins)
        taken.append(tf.cast(new, given.dtype))
        rows, positions = _locate(new)
        wanted = tf.gather(begins, rows) + positions
    return [*taken, tf.gather(params_dense_values, wanted)]


def _bincount(
    *,
    splits: tf.Tensor,
    values: tf.Tensor,
    size: tf.Tensor,
    weights: tf.Tensor,
    binary_output: bool,
    **_: Any,
) -> tf.Tensor:
    """Return (rows, size): how often each row has each number, or the sum of its weights."""
    rows, _ = _locate(tf.cast(splits, tf.int32))
    height = tf.shape(splits)[0] - 1
    return count_numbers(rows, height, values, size, weights, is_binary=binary_output)


def _dense_bincount(
    *, input: tf.Tensor, size: tf.Tensor, weights: tf.Tensor, **_: Any
) -> tf.Tensor:
    if require_ndim(input) != 1:
        raise NotNeeded
    rows, height = tf.zeros_like(input, tf.int32), tf.constant(1)
    return tf.squeeze(count_numbers(rows, height, input, size, weights, is_binary=True), 0)


def count_numbers(
    rows: tf.Tensor,
    height: tf.Tensor,
    values: tf.Tensor,
    size: tf.Tensor,
    weights: tf.Tensor,
    *,
    is_binary: bool,
) -> tf.Tensor:
    """Return (height, size): counts of numbers below a size, weighed, by row."""
    if weights.shape.num_elements() is None and not is_binary:
        raise NotLowered("whether it has weights is not known")
    width = tf.cast(size, tf.int32)
    number = tf.minimum(tf.cast(values, tf.int32), width)  # the others go into one more column
    is_weighed = weights.shape.num_elements() != 0 and not is_binary
    each = weights if is_weighed else tf.ones_like(number, weights.dtype)
    shape = tf.stack([height, width + 1])
    counts = tf.scatter_nd(tf.stack([rows, number], 1), each, shape)[:, :width]
    return tf.minimum(counts, tf.ones([], counts.dtype)) if is_binary else counts


def _read_partitions(types: Sequence[bytes], tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return the splits of each ragged axis, from any form of row partition."""
    if types[0] == _ROW_SPLITS and set(types) == {_ROW_SPLITS}:
        return [tf.cast(tensor, tf.int32) for tensor in tensors]
    if types[0] != _NUM_ROWS or set(types[1:]) != {_ROW_IDS}:
        raise NotLowered(f"of rows given as {b', '.join(types).decode()}")
    levels = []
    count = tf.cast(tensors[0], tf.int32)
    for tensor in tensors[1:]:
        ids = tf.expand_dims(tf.cast(tensor, tf.int32), 1)
        lengths = tf.scatter_nd(ids, tf.ones_like(tensor, tf.int32), tf.reshape(count, [1]))
        levels.append(_to_splits(lengths))
        count = tf.size(tensor)
    return levels


def _fill_rows(values: tf.Tensor, splits: tf.Tensor, width: Any, default: tf.Tensor) -> tf.Tensor:
    """Return (number of rows, width, ...): the rows, cut or filled to a width."""
    positions = tf.expand_dims(splits[:-1], 1) + tf.range(width)
    inside = tf.less(positions, tf.expand_dims(splits[1:], 1))
    return tf.gather(_append(values, default), tf.where(inside, positions, tf.shape(values)[0]))


def _append(values: tf.Tensor, default: tf.Tensor) -> tf.Tensor:
    """Append one more element, the default, to values."""
    if values.dtype == tf.string and require_ndim(values) > 1:
        raise NotLowered("of texts in more than one ragged axis")
    if values.dtype == tf.string:  # TensorFlow.js broadcasts no texts
        return tf.concat([values, tf.reshape(default, [1])], 0)
    row = tf.broadcast_to(default, tf.concat([[1], tf.shape(values)[1:]], 0))
    return tf.concat([values, row], 0)


def _wanted(shape: tf.Tensor, axis: int) -> int | None:
    """Return the requested size, None if the rows decide it."""
    value = tf.get_static_value(shape)
    if value is None:
        raise NotLowered("its shape is computed")
    if value.ndim == 0 or value[axis] < 0:
        return None
    return int(value[axis])


def _to_splits(lengths: tf.Tensor) -> tf.Tensor:
    return tf.concat([[0], tf.cumsum(lengths)], 0)


def _locate(splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the row of each value, and its position in the row."""
    count = splits[-1]
    ends = tf.expand_dims(splits[1:-1], 1)
    marks = tf.scatter_nd(ends, tf.ones_like(splits[1:-1]), tf.reshape(count + 1, [1]))
    rows = tf.cumsum(marks[:count])
    return rows, tf.range(count) - tf.gather(splits, rows)


_NOT_MAPPED = "TensorFlow.js 4 has a kernel for it, but does not know the op"

RULES = {
    "DenseBincount": Lowering(
        lower=_dense_bincount,
        becomes="ScatterNd, and the Minimum with 1",
        why="the cpu backend counts where it shall say whether a number is there",
        applies=lambda node: node.attr["binary_output"].b,
    ),
    "RaggedBincount": Lowering(lower=_bincount, becomes="ScatterNd by row and number"),
    "RaggedGather": Lowering(lower=_gather, becomes="GatherV2", why=_NOT_MAPPED),
    "RaggedRange": Lowering(lower=_range, becomes="Range of all rows", why=_NOT_MAPPED),
    "RaggedTensorToTensor": Lowering(
        lower=_to_tensor, becomes="GatherV2, and the default behind each row", why=_NOT_MAPPED
    ),
}
