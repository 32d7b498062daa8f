"""Lowerings of reductions: of no elements, along an axis counted from the end, and of norms.

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
    Lowering,
    NotNeeded,
    greatest_of,
    least_of,
    require_ndim,
    require_static,
)


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
        if number >= 0:
            raise NotNeeded
        return raw(x=x, axis=number + require_ndim(x), exclusive=exclusive, reverse=reverse)

    return lower


def _norm(
    *, input: tf.Tensor, reduction_indices: tf.Tensor, keep_dims: bool, **_: Any
) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(input), reduction_indices, keepdims=keep_dims))


_STARTS: dict[str, Callable[[tf.DType], Any]] = {
    "All": lambda _: True,
    "Any": lambda _: False,
    "Max": least_of,
    "Mean": lambda _: np.nan,
    "Min": greatest_of,
    "Prod": lambda _: 1,
    "Sum": lambda _: 0,
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
            becomes="one along an axis counted from the start",
            why="TensorFlow.js permutes the axes wrongly if it counts from the end",
        )
        for op in ("Cumprod", "Cumsum")
    },
    "EuclideanNorm": Lowering(
        lower=_norm,
        becomes="the Sqrt of a Sum of Square",
        why="TensorFlow.js takes one axis or two",
    ),
}
