"""Lowerings of reductions: of none, along an axis counted from the end, whole means, and norms.

Over an axis of size 0 TensorFlow.js returns NaN or 0 for Max, Min, All and Mean, and the wasm
kernels read the memory behind their input (tfjs-backend-wasm/src/cc/kernels/Sum.cc: the elements of
an axis are as many as a quotient of sizes says). Cumsum and Cumprod permute the axes by a negative
axis (`getAxesPermutation` in tfjs-core/src/ops/axis_util.ts). EuclideanNorm takes one axis or two
(`normImpl` in norm.ts).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import (
    SMALL,
    Lowering,
    NotNeeded,
    greatest_of,
    least_of,
    require_ndim,
    require_static,
)
from pipeline.tf.lower.whole_products import keep_lower, product_along, products_along

_WHOLE = {tf.int32, tf.int64, *SMALL}


def _reduce(op: str, start: Callable[[tf.DType], Any]) -> Callable[..., tf.Tensor]:
    """Return a rule that chooses the neutral element if the input has no element."""
    raw = getattr(tf.raw_ops, op)

    def lower(
        *, input: tf.Tensor, reduction_indices: tf.Tensor, keep_dims: bool, **_: Any
    ) -> tf.Tensor:
        if _has_elements(input, reduction_indices):
            raise NotNeeded
        found = raw(input=input, axis=reduction_indices, keep_dims=keep_dims)
        neutral = tf.constant(start(input.dtype), input.dtype)
        return tf.where(tf.equal(tf.size(input), 0), neutral, found)

    return lower


def _mean(
    *, input: tf.Tensor, reduction_indices: tf.Tensor, keep_dims: bool, **others: Any
) -> tf.Tensor:
    if not input.dtype.is_integer:
        return _reduce("Mean", lambda _: np.nan)(
            input=input, reduction_indices=reduction_indices, keep_dims=keep_dims, **others
        )
    whole = tf.cast(input, tf.int32)
    sizes = tf.gather(tf.shape(whole), tf.reshape(reduction_indices, [-1]))
    return tf.cast(
        _mean_whole(whole, reduction_indices, tf.maximum(tf.reduce_prod(sizes), 1), keep_dims),
        input.dtype,
    )


def _mean_whole(x: tf.Tensor, axes: tf.Tensor, count: tf.Tensor, keep_dims: bool) -> tf.Tensor:  # noqa: FBT001  # as the op has it
    """Return the mean of int32, towards zero, as if their sum had 64 bits.

    Quotients by the count have a sum of 32 bits. The remainders are positive and below the count;
    a float comes near their mean, and the sum of 32 bits says exactly by how much it is off.
    """
    quotients = tf.math.floordiv(x, count)
    rest = x - quotients * count
    near = tf.reduce_mean(tf.cast(rest, tf.float32), axes, keepdims=keep_dims)
    guess = tf.cast(tf.floor(near), tf.int32)
    off = tf.reduce_sum(rest, axes, keepdims=keep_dims) - guess * count
    more = tf.math.floordiv(off, count)
    below = tf.reduce_sum(quotients, axes, keepdims=keep_dims) + guess + more
    is_off = tf.logical_and(tf.less(below, 0), tf.not_equal(off, more * count))
    return below + tf.cast(is_off, tf.int32)


def _reduce_small(op: str, start: int) -> Callable[..., tf.Tensor]:
    """Return a rule that computes small types in int32 and keeps the lower bits."""
    raw = getattr(tf.raw_ops, op)
    reduce = _reduce(op, lambda _: start)

    def lower(
        *, input: tf.Tensor, reduction_indices: tf.Tensor, keep_dims: bool, **others: Any
    ) -> tf.Tensor:
        if op == "Prod" and input.dtype in _WHOLE and _has_elements(input, reduction_indices):
            return _multiply_whole(input, reduction_indices, keep_dims)
        if input.dtype not in SMALL:
            return reduce(
                input=input, reduction_indices=reduction_indices, keep_dims=keep_dims, **others
            )
        wide = raw(input=tf.cast(input, tf.int32), axis=reduction_indices, keep_dims=keep_dims)
        return tf.cast(wide, input.dtype)

    return lower


def _multiply_whole(x: tf.Tensor, axes: tf.Tensor, keep_dims: bool) -> tf.Tensor:  # noqa: FBT001  # as the op has it
    """Return products of whole numbers with the lower bits of each, one axis after the other."""
    if x.shape.rank == 1:
        raise NotNeeded  # sizes, and no tensor has 2^31 elements
    chosen = tf.get_static_value(axes)
    if tf.get_static_value(x) is not None or chosen is None:
        raise NotNeeded
    listed = np.reshape(chosen, [-1])
    if max((int(x.shape[int(axis)]) for axis in listed), default=1) == 1:
        raise NotNeeded
    made = tf.cast(x, tf.int32)
    for axis in sorted((int(axis) % x.shape.rank for axis in listed), reverse=True):
        made = product_along(made, axis)
        made = tf.expand_dims(made, axis) if keep_dims else made
    return keep_lower(made, x.dtype)


def _has_elements(tensor: tf.Tensor, axes: tf.Tensor) -> bool:
    """Return whether the axes are known to have elements."""
    chosen = tf.get_static_value(axes)
    if tensor.shape.rank is None:
        return False
    numbers = range(tensor.shape.rank) if chosen is None else np.reshape(chosen, [-1])
    return all(tensor.shape[int(number)] not in (None, 0) for number in numbers)


def _accumulate(op: str) -> Callable[..., tf.Tensor]:
    raw = getattr(tf.raw_ops, op)

    def lower(
        *, x: tf.Tensor, axis: tf.Tensor, exclusive: bool, reverse: bool, **_: Any
    ) -> tf.Tensor:
        number = int(require_static(axis, "axis"))
        size = None if x.shape.rank is None else x.shape[number]
        if op == "Cumprod" and x.dtype in _WHOLE and size:
            place = number % int(x.shape.rank)
            return _accumulate_whole(x, place, exclusive=exclusive, reverse=reverse)
        if number >= 0 and x.dtype not in SMALL:
            raise NotNeeded
        given = tf.cast(x, tf.int32) if x.dtype in SMALL else x
        number = number if number >= 0 else number + require_ndim(x)
        made = raw(x=given, axis=number, exclusive=exclusive, reverse=reverse)
        return tf.cast(made, x.dtype)

    return lower


def _accumulate_whole(x: tf.Tensor, axis: int, *, exclusive: bool, reverse: bool) -> tf.Tensor:
    """Return cumulative products of whole numbers, which keep the lower bits of each."""
    whole = tf.cast(x, tf.int32)
    made = products_along(tf.reverse(whole, [axis]) if reverse else whole, axis)
    if exclusive:
        before, last = tf.split(made, [int(x.shape[axis]) - 1, 1], axis)
        made = tf.concat([tf.ones_like(last), before], axis)
    return keep_lower(tf.reverse(made, [axis]) if reverse else made, x.dtype)


def _norm(
    *, input: tf.Tensor, reduction_indices: tf.Tensor, keep_dims: bool, **_: Any
) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(input), reduction_indices, keepdims=keep_dims))


_STARTS: dict[str, Callable[[tf.DType], Any]] = {
    "All": lambda _: True,
    "Any": lambda _: False,
    "Max": least_of,
    "Min": greatest_of,
}

RULES = {
    **{
        op: Lowering(
            lower=_reduce(op, start),
            becomes="one with its neutral element for no elements",
            why="TensorFlow.js reads stray memory, or returns NaN, for an axis of size 0",
        )
        for op, start in _STARTS.items()
    },
    **{
        op: Lowering(
            lower=_accumulate(op),
            becomes=becomes,
            why=why,
        )
        for op, becomes, why in (
            (
                "Cumprod",
                "products of halves, or one along an axis counted from the start",
                (
                    "the cpu backend loses the lower bits of products above 2^53, and "
                    "TensorFlow.js permutes the axes wrongly if it counts from the end"
                ),
            ),
            (
                "Cumsum",
                "one along an axis counted from the start",
                "TensorFlow.js permutes the axes wrongly if it counts from the end",
            ),
        )
    },
    "Mean": Lowering(
        lower=_mean,
        becomes="one of whole numbers or with its neutral element",
        why="TensorFlow.js returns float32 for int32, and stray memory for an axis of size 0",
    ),
    **{
        op: Lowering(
            lower=_reduce_small(op, start),
            becomes=becomes,
            why=why,
        )
        for op, start, becomes, why in (
            (
                "Prod",
                1,
                "products of halves, or one with its neutral element",
                (
                    "the cpu backend loses the lower bits of products above 2^53, and wasm reads "
                    "stray memory for an axis of size 0"
                ),
            ),
            (
                "Sum",
                0,
                "one of int32, or with its neutral element",
                "TensorFlow.js keeps no small types, and reads stray memory for an axis of size 0",
            ),
        )
    },
    "EuclideanNorm": Lowering(
        lower=_norm,
        becomes="the Sqrt of a Sum of Square",
        why="TensorFlow.js takes one axis or two",
    ),
}
