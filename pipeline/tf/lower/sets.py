"""Lowerings of sets: the numbers of each row of two tensors, as `tf.sets` has them.

tensorflow/core/kernels/set_kernels.cc: a result has the numbers of each row in order, each once, as
a sparse tensor that is as wide as the longest row.
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, require_ndim


def _combine(
    *, set1: tf.Tensor, set2: tf.Tensor, set_operation: bytes, **_: Any
) -> list[tf.Tensor]:
    """Keep the numbers that belong to the result, each where it first stands, and sort each row."""
    if set1.dtype == tf.string:
        raise NotLowered("of texts")
    ndim = require_ndim(set1)
    outer = tf.shape(set1)[:-1]
    first, second = (_flatten(one) for one in (set1, set2))
    match set_operation.decode():
        case "intersection":
            given, kept = first, _is_in(first, second)
        case "a-b":
            given, kept = first, tf.logical_not(_is_in(first, second))
        case "b-a":
            given, kept = second, tf.logical_not(_is_in(second, first))
        case _:
            given = tf.concat([first, second], 1)
            kept = tf.ones_like(given, tf.bool)
    kept = tf.logical_and(kept, _is_first(given))
    places, values = _sort(given, kept)
    counts = tf.reduce_sum(tf.cast(kept, tf.int32), 1)
    width = tf.reduce_max(tf.concat([counts, [0]], 0))
    rows = _unravel(places[:, :1], outer, ndim - 1)
    return [
        tf.cast(tf.concat([rows, places[:, 1:]], 1), tf.int64),
        values,
        tf.cast(tf.concat([outer, [width]], 0), tf.int64),
    ]


def _flatten(tensor: tf.Tensor) -> tf.Tensor:
    sizes = tf.shape(tensor)
    return tf.reshape(tensor, tf.stack([tf.reduce_prod(sizes[:-1]), sizes[-1]]))


def _is_in(some: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Return for each number of a row whether it is in the same row of others."""
    return tf.reduce_any(tf.equal(tf.expand_dims(some, 2), tf.expand_dims(others, 1)), 2)


def _is_first(given: tf.Tensor) -> tf.Tensor:
    """Return for each number of a row whether no equal one stands before it."""
    numbers = tf.range(tf.shape(given)[1])
    earlier = tf.expand_dims(numbers, 0) < tf.expand_dims(numbers, 1)
    same = tf.equal(tf.expand_dims(given, 2), tf.expand_dims(given, 1))
    return tf.logical_not(tf.reduce_any(tf.logical_and(same, earlier), 2))


def _sort(given: tf.Tensor, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return rows and places of the kept numbers, and the numbers, in order."""
    less = tf.logical_and(
        tf.expand_dims(given, 1) < tf.expand_dims(given, 2), tf.expand_dims(kept, 1)
    )
    place = tf.reduce_sum(tf.cast(less, tf.int32), 2)
    # (rows, places, numbers): the number that stands at each place.
    slots = tf.range(tf.shape(given)[1])
    here = tf.equal(tf.expand_dims(place, 1), tf.expand_dims(tf.expand_dims(slots, 0), 2))
    here = tf.logical_and(here, tf.expand_dims(kept, 1))
    chosen = tf.where(here, tf.expand_dims(given, 1), tf.zeros([], given.dtype))
    places = tf.cast(tf.where(tf.reduce_any(here, 2)), tf.int32)
    return places, tf.gather_nd(tf.reduce_sum(chosen, 2), places)


def _unravel(rows: tf.Tensor, outer: tf.Tensor, ndim: int) -> tf.Tensor:
    """Return the coordinates of flat rows: int32 (entries, ndim)."""
    if ndim == 1:
        return rows
    parts: list[tf.Tensor] = []
    for axis in reversed(range(ndim)):
        parts.insert(0, tf.math.floormod(rows, outer[axis]))
        rows = tf.math.floordiv(rows, outer[axis])
    return tf.concat(parts, 1)


def _count(
    *, set_indices: tf.Tensor, set_values: tf.Tensor, set_shape: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Count the numbers of each row, each once."""
    outer = tf.cast(set_shape, tf.int32)[:-1]
    rows = tf.cast(set_indices, tf.int32)[:, :-1]
    same = tf.reduce_all(tf.equal(tf.expand_dims(rows, 1), tf.expand_dims(rows, 0)), 2)
    same = tf.logical_and(same, tf.equal(set_values[:, None], set_values[None]))
    numbers = tf.range(tf.shape(rows)[0])
    earlier = tf.logical_and(same, numbers[None] < numbers[:, None])
    is_new = tf.logical_not(tf.reduce_any(earlier, 1))
    return tf.scatter_nd(rows, tf.cast(is_new, tf.int32), outer)


RULES = {
    "DenseToDenseSetOperation": Lowering(
        lower=_combine, becomes="comparisons of all numbers of a row"
    ),
    "SetSize": Lowering(lower=_count, becomes="ScatterNd of the numbers that are new"),
}
