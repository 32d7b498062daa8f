"""Lowerings of ops that compare positions with given ones: one-hot encodings, scattered maxima."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import (
    Lowering,
    NotNeeded,
    greatest_of,
    least_of,
    require_ndim,
    require_sizes,
)

_LEAST_DEPTH = 2


def _one_hot(
    *,
    indices: tf.Tensor,
    depth: tf.Tensor,
    on_value: tf.Tensor,
    off_value: tf.Tensor,
    axis: int,
    **_: Any,
) -> tf.Tensor:
    """Compare each index with all positions along the new axis."""
    known = tf.get_static_value(depth)
    is_last = axis in {-1, indices.shape.rank}
    if is_last and (known is None or known >= _LEAST_DEPTH):
        raise NotNeeded
    behind = 0 if is_last else require_ndim(indices) - axis
    positions = tf.cast(tf.range(depth), indices.dtype)
    shaped = tf.reshape(positions, [-1] + [1] * behind)
    return tf.where(tf.equal(tf.expand_dims(indices, axis), shaped), on_value, off_value)


def _scatter(
    choose: Callable[..., tf.Tensor], reduce: Callable[..., tf.Tensor], *, least: bool
) -> Callable[..., tf.Tensor]:
    """Return a rule that reduces, at each position, over all updates that name it."""

    def lower(*, tensor: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, **_: Any) -> tf.Tensor:
        (depth,) = require_sizes(indices, slice(-1, None))
        outer, inner = tf.shape(tensor)[:depth], tf.shape(tensor)[depth:]
        strides = tf.math.cumprod(outer, exclusive=True, reverse=True)
        flat = tf.reshape(tf.reduce_sum(tf.cast(indices, tf.int32) * strides, -1), [-1])
        rows = tf.reshape(updates, tf.concat([[1, tf.size(flat)], inner], 0))
        count = tf.reduce_prod(outer)
        named = tf.equal(tf.expand_dims(tf.range(count), 1), flat)
        ones = tf.ones_like(inner)
        mask = tf.reshape(named, tf.concat([tf.shape(named), ones], 0))
        number = least_of(tensor.dtype) if least else greatest_of(tensor.dtype)
        neutral = tf.constant(number, tensor.dtype)
        found = reduce(tf.where(mask, rows, neutral), 1)
        return choose(tensor, tf.reshape(found, tf.shape(tensor)))

    return lower


_REDUCED = "a reduction over the updates of each position"

RULES = {
    "OneHot": Lowering(
        lower=_one_hot,
        becomes="Equal and SelectV2",
        why="TensorFlow.js ignores its axis and refuses a depth of 1",
    ),
    "TensorScatterMax": Lowering(
        lower=_scatter(tf.maximum, tf.reduce_max, least=True), becomes=_REDUCED
    ),
    "TensorScatterMin": Lowering(
        lower=_scatter(tf.minimum, tf.reduce_min, least=False), becomes=_REDUCED
    ),
}
