"""Operators that reduce axes, and softmax."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import materialize, product
from pipeline.tf.layout.value import Value, arrange, reshape_held, wrap
from pipeline.tf.onnx.call import Call, Rule, Table
from pipeline.tf.onnx.rules.arithmetic import divide_towards_zero

# The version in which the axes of each operator became an input.
_AXES_ARE_INPUT = 18
_SUM_AXES_ARE_INPUT = 13

Reduce = Callable[..., Any]


def reduce(compute: Reduce, value: Value, axes: list[int], *, keep: bool) -> Value:
    """Return a value reduced along axes.

    Args:
        compute: Takes a tensor, axes as they are held, and whether they stay with size 1.
        value: The value.
        axes: The model's axes, counted from the front.
        keep: Whether they stay with size 1.
    """
    held_axes = sorted(value.order.index(axis) for axis in axes)
    made = compute(value.tensor, held_axes, keep)
    if keep:
        sizes = [1 if axis in axes else size for axis, size in enumerate(value.sizes)]
        return wrap(made, value.dtype, order=value.order, sizes=sizes)
    kept = [axis for axis in range(value.rank) if axis not in axes]
    order = tuple(kept.index(axis) for axis in value.order if axis in kept)
    return wrap(made, value.dtype, order=order, sizes=[value.sizes[axis] for axis in kept])


def _reduction(compute: Reduce, axes_are_input: int = _AXES_ARE_INPUT) -> Rule:
    def rule(call: Call) -> Value:
        value = call.value(0)
        found = call.whole_numbers(1, "axes", below=axes_are_input)
        if not found:
            if call.attribute("noop_with_empty_axes", 0):
                return reduce(compute, value, [], keep=True)
            found = list(range(value.rank))
        axes = [call.from_front(axis, value.rank) for axis in found]
        return reduce(compute, value, axes, keep=bool(call.attribute("keepdims", 1)))

    return rule


def _plain(function: Callable[..., Any]) -> Reduce:
    return lambda tensor, axes, keep: function(tensor, axis=axes, keepdims=keep)


def _mean(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001  # as all of them
    if tensor.dtype == tf.int32:
        total = tf.reduce_sum(tensor, axis=axes, keepdims=keep)
        sizes = [tensor.shape[axis] or tf.shape(tensor)[axis] for axis in axes]
        return divide_towards_zero(total, functools.reduce(operator.mul, sizes, 1))
    return tf.reduce_mean(tensor, axis=axes, keepdims=keep)


def _norm_1(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
    return tf.reduce_sum(tf.abs(tensor), axis=axes, keepdims=keep)


def _sum_of_squares(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
    return tf.reduce_sum(tf.square(tensor), axis=axes, keepdims=keep)


def _norm_2(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
    squares = _sum_of_squares(tf.cast(tensor, tf.float32), axes, keep)
    return tf.sqrt(squares)


def _log_sum(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
    return tf.math.log(tf.reduce_sum(tensor, axis=axes, keepdims=keep))


def _softmax(compute: Callable[..., Any]) -> Rule:
    """Return a rule for a softmax: over one axis, or before version 13 over all behind it."""

    def rule(call: Call) -> Value:
        value = call.value(0)
        if call.version >= 13:  # noqa: PLR2004
            return softmax_along(compute, value, call.axis(-1))
        axis = call.axis(1)
        if product(value.sizes[axis + 1 :]) == 1:
            return softmax_along(compute, value, axis)
        flat = reshape(value, [product(value.sizes[:axis]), product(value.sizes[axis:])])
        return reshape(softmax_along(compute, flat, 1), value.sizes)

    return rule


def softmax_along(compute: Callable[..., Any], value: Value, axis: int) -> Value:
    """Return a softmax over one axis, which TensorFlow.js computes over the last only."""
    order = value.order
    if order[-1] != axis:
        order = (*(each for each in order if each != axis), axis)
    arranged = arrange(value, order)
    tensor = arranged.tensor
    if value.rank <= _MAX_RANK:
        return wrap(compute(tensor), value.dtype, order=order, sizes=value.sizes)
    # The wasm backend broadcasts no more axes, and says nothing.
    held = [value.sizes[each] for each in order]
    made = compute(reshape_held(tensor, [product(held[:-1]), held[-1]]))
    return wrap(reshape_held(made, held), value.dtype, order=order, sizes=value.sizes)


_MAX_RANK = 6


def _find_extreme(compute: Callable[..., Any]) -> Rule:
    """Return a rule for ArgMax or ArgMin."""

    def rule(call: Call) -> Value:
        value = call.value(0)
        axis = call.axis(0)
        held_axis = value.order.index(axis)
        tensor = value.tensor
        if call.attribute("select_last_index", 0):
            last = materialize(value.sizes[axis]) - 1
            made = last - compute(tf.reverse(tensor, [held_axis]), held_axis, tf.int32)
        else:
            made = compute(tensor, held_axis, tf.int32)
        keep = bool(call.attribute("keepdims", 1))
        if keep:
            made = tf.expand_dims(made, held_axis)
            sizes = [1 if a == axis else size for a, size in enumerate(value.sizes)]
            return wrap(made, "int64", order=value.order, sizes=sizes)
        order = tuple(a - (a > axis) for a in value.order if a != axis)
        return wrap(
            made, "int64", order=order, sizes=[s for a, s in enumerate(value.sizes) if a != axis]
        )

    return rule


RULES: Table = {
    "ReduceSum": _reduction(_plain(tf.reduce_sum), _SUM_AXES_ARE_INPUT),
    "ReduceMean": _reduction(_mean),
    "ReduceMax": _reduction(_plain(tf.reduce_max)),
    "ReduceMin": _reduction(_plain(tf.reduce_min)),
    "ReduceProd": _reduction(_plain(tf.reduce_prod)),
    "ReduceL1": _reduction(_norm_1),
    "ReduceL2": _reduction(_norm_2),
    "ReduceSumSquare": _reduction(_sum_of_squares),
    "ReduceLogSum": _reduction(_log_sum),
    "ReduceLogSumExp": _reduction(_plain(tf.reduce_logsumexp)),
    "Softmax": _softmax(tf.nn.softmax),
    "LogSoftmax": _softmax(tf.nn.log_softmax),
    "ArgMax": _find_extreme(tf.argmax),
    "ArgMin": _find_extreme(tf.argmin),
}
