"""Operators that take elements, and put them, by index."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.indices import (
    gather,
    gather_elements,
    gather_slices,
    one_hot,
    scatter_elements,
    scatter_slices,
    triangle,
)
from pipeline.tf.layout.sizes import is_known, is_natural_number
from pipeline.tf.layout.value import (
    Value,
    arrange,
    constant,
    expand_rank,
    held_dtype,
    is_integer,
    wrap,
)
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.onnx_model import dtype_name
from pipeline.tf.onnx.sizes_of_shapes import listed_sizes


def _gather(call: Call) -> Value:
    return gather(call.value(0), call.value(1), call.axis(0))


def _gather_elements(call: Call) -> Value:
    return gather_elements(call.value(0), call.value(1), call.axis(0))


def _gather_slices(call: Call) -> Value:
    return gather_slices(call.value(0), call.value(1), int(call.attribute("batch_dims", 0)))


def _scatter_elements(call: Call) -> Value:
    reduction = call.attribute("reduction", "none")
    return scatter_elements(call.value(0), call.value(1), call.value(2), call.axis(0), reduction)


def _scatter_slices(call: Call) -> Value:
    reduction = call.attribute("reduction", "none")
    return scatter_slices(call.value(0), call.value(1), call.value(2), reduction)


def _scatter_cache(call: Call) -> Value:
    """TensorScatter: write rows behind a place that each batch has; round and round if circular."""
    value, update = call.value(0), call.value(1)
    axis = call.axis(-2)
    count, size = update.sizes[axis], value.sizes[axis]
    if not is_known(count) or not is_known(size):
        raise call.refuse("the sizes of the axis that it writes along are not known")
    shape = [-1 if each == axis else 1 for each in range(value.rank)]
    rows: Any = np.arange(count).reshape(shape).astype(np.int32)
    if call.has(2):
        first = [-1 if each == 0 else 1 for each in range(value.rank)]
        rows = tf.reshape(call.plain(2), first) + rows
    if call.attribute("mode", "linear") == "circular":
        rows = tf.math.floormod(rows, size)
    places = elementwise(
        lambda a, b: tf.zeros_like(a, tf.int32) + b, [update, wrap(rows, "int64")], "uint32"
    )
    return scatter_elements(value, places, update, axis)


def _one_hot(call: Call) -> Value:
    """OneHot: floats are cut to whole numbers; values may have any dtype."""
    indices = call.value(0)
    depths = listed_sizes(call.value(1))
    if depths is None:
        raise call.refuse("its depth is computed")
    depth = int(depths[0]) if is_known(depths[0]) else depths[0]
    axis = call.from_front(int(call.attribute("axis", -1)), indices.rank + 1)
    return one_hot(indices, depth, call.value(2), axis)


def _triangle(call: Call) -> Value:
    """Trilu: keep a triangle of matrices, and zeros elsewhere."""
    value = call.value(0)
    known = call.known(1) if call.has(1) else np.zeros(1, np.int64)
    diagonal = tf.reshape(call.plain(1), []) if known is None else int(known.reshape(()))
    upper = bool(call.attribute("upper", 1))
    mask = triangle(value.sizes[-2], value.sizes[-1], diagonal, upper=upper)
    mask = expand_rank(mask, value.rank)
    if value.dtype == "bool":
        return elementwise(tf.logical_and, [value, mask])
    return elementwise(lambda a, inside: tf.where(inside, a, tf.zeros([], a.dtype)), [value, mask])


def _eye(call: Call) -> Value:
    """EyeLike: ones on a diagonal."""
    value = call.value(0)
    stated = call.attribute("dtype")
    dtype = dtype_name(int(stated)) if stated else value.dtype
    assert dtype is not None
    number = int(call.attribute("k", 0))
    rows, columns = value.sizes
    masks = [triangle(rows, columns, number, upper=upper) for upper in (True, False)]
    if all(mask.is_known for mask in masks):
        return constant((masks[0].array & masks[1].array).astype(dtype), dtype)
    return elementwise(lambda a, b: tf.cast(tf.logical_and(a, b), held_dtype(dtype)), masks, dtype)


def _reverse_sequences(call: Call) -> Value:
    """ReverseSequence: with these axes in front it is lowered whatever the others are."""
    value = call.value(0)
    batch, time = call.axis(1, name="batch_axis"), call.axis(0, name="time_axis")
    rest = [axis for axis in value.order if axis not in (batch, time)]
    value = arrange(value, (batch, time, *rest))
    made = tf.reverse_sequence(value.tensor, call.plain(1), seq_axis=1, batch_axis=0)
    return wrap(made, value.dtype, order=value.order, sizes=value.sizes)


def _range(call: Call) -> Value:
    """Range: from a start up to a limit, which is not reached."""
    dtype = call.value(0).dtype
    if all(call.known(index) is not None for index in range(3)):
        start, limit, step = (call.value(index).array.reshape(()) for index in range(3))
        count = max(int(np.ceil((limit - start) / step)), 0)
        return constant((start + np.arange(count) * step).astype(dtype), dtype)
    start, limit, step = (listed_sizes(call.value(index)) for index in range(3))
    size = None
    if is_integer(dtype) and start and limit and step == [1]:
        size = limit[0] - start[0]
        size = size if is_natural_number(size, call.state.axis_sizes) else None
    first, last, by = (tf.reshape(call.plain(index), []) for index in range(3))
    if size is None and step and step[0] == 1:
        # TensorFlow refuses a limit before the start.
        last = tf.maximum(first, last)
    return wrap(tf.range(first, last, by), dtype, sizes=[size])


def _cumulate(compute: Callable[..., Any]) -> Callable[[Call], Value]:
    """Return a rule for CumSum or CumProd."""

    def rule(call: Call) -> Value:
        value = call.value(0)
        axis = int(call.require(1, "axis").reshape(()))
        made = compute(
            value.tensor,
            axis=value.order.index(call.from_front(axis, value.rank)),
            exclusive=bool(call.attribute("exclusive", 0)),
            reverse=bool(call.attribute("reverse", 0)),
        )
        return wrap(made, value.dtype, order=value.order, sizes=value.sizes)

    return rule


RULES: Table = {
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_slices,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_slices,
    "TensorScatter": _scatter_cache,
    "OneHot": _one_hot,
    "Trilu": _triangle,
    "EyeLike": _eye,
    "ReverseSequence": _reverse_sequences,
    "Range": _range,
    "CumSum": _cumulate(tf.cumsum),
    "CumProd": _cumulate(tf.math.cumprod),
}
