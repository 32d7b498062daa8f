"""Operators that move elements and compute none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.elementwise import common_order
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size, broadcast, is_known, materialize, product
from pipeline.tf.layout.value import (
    Value,
    arrange,
    constant,
    natural,
    reshape_held,
    sizes_tensor,
    transpose,
    wrap,
)
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.sizes_of_shapes import listed_sizes


def _identity(call: Call) -> Value:
    return call.value(0)


def _constant(call: Call) -> Value:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        found = call.attribute(name)
        if found is not None:
            dtype = {"f": "float32", "i": "int64"}.get(name[6:7])
            return constant(np.asarray(found, dtype))
    for name in ("value_string", "value_strings"):
        found = call.attribute(name)
        if found is not None:
            return constant(np.asarray(found, object), "str")
    raise call.refuse("it has no value, or a sparse one")


def _transpose(call: Call) -> Value:
    value = call.value(0)
    axes: Sequence[int] = call.attribute("perm") or tuple(reversed(range(value.rank)))
    if sorted(axes) != list(range(value.rank)):
        raise FormatError(f"{call.node.label}: {axes} are not the axes of {value.rank}")
    return transpose(value, axes)


def _reshape(call: Call) -> Any:
    value = call.value(0)
    if call.version < 5:  # noqa: PLR2004
        wanted: Any = list(call.attribute("shape"))
    else:
        wanted = listed_sizes(call.value(1))
    if wanted is None:
        return _reshape_freely(call, value)
    if not call.attribute("allowzero", 0):
        wanted = [value.sizes[i] if size == 0 else size for i, size in enumerate(wanted)]
    if -1 in wanted:
        wanted = _fill_in(call, value, wanted)
    return reshape(value, wanted)


def _fill_in(call: Call, value: Value, wanted: Sequence[Size]) -> list[Size]:
    """Return sizes with the one that is -1 found from the others."""
    place = wanted.index(-1)
    known = product(size for number, size in enumerate(wanted) if number != place)
    total = product(value.sizes)
    if known == 0:
        raise call.refuse("a size is -1 beside one of 0")
    return [*wanted[:place], total // known, *wanted[place + 1 :]]


def _reshape_freely(call: Call, value: Value) -> Any:
    """Reshape to sizes that are computed in the graph; their number has to be known."""
    shape = call.value(1)
    if not is_known(count := shape.sizes[0]):
        raise call.refuse("the number of axes is not known")
    wanted = shape.plain
    if not call.attribute("allowzero", 0):
        own = tf.shape(value.plain)[:count]
        own = tf.pad(own, [[0, count - min(value.rank, count)]])
        wanted = tf.where(tf.equal(wanted, 0), own, wanted)
    return tf.ensure_shape(tf.reshape(value.plain, wanted), [None] * count)


def _flatten(call: Call) -> Value:
    value = call.value(0)
    axis = int(call.attribute("axis", 1))
    axis = axis + value.rank if axis < 0 else axis
    return reshape(value, [product(value.sizes[:axis]), product(value.sizes[axis:])])


def _squeeze(call: Call) -> Value:
    value = call.value(0)
    axes = call.whole_numbers(1, "axes", below=13)
    if axes is None:
        if not all(map(is_known, value.sizes)):
            raise call.refuse(
                "it drops each axis of size 1, and which these are is known only when it runs",
                hint="state the shapes of the model's inputs: `inputs: {NAME: {shape: […]}}`",
            )
        gone = {axis for axis, size in enumerate(value.sizes) if size == 1}
    else:
        gone = {call.from_front(axis, value.rank) for axis in axes}
    order = [axis for axis in value.order if axis not in gone]
    ranks = {axis: number for number, axis in enumerate(sorted(order))}
    held = reshape_held(value.held, [value.sizes[axis] for axis in order])
    return Value(
        held=held,
        dtype=value.dtype,
        order=tuple(ranks[axis] for axis in order),
        sizes=tuple(size for axis, size in enumerate(value.sizes) if axis not in gone),
    )


def _unsqueeze(call: Call) -> Value:
    value = call.value(0)
    axes = call.whole_numbers(1, "axes", below=13) or []
    rank = value.rank + len(axes)
    added = sorted(call.from_front(axis, rank) for axis in axes)
    kept = [axis for axis in range(rank) if axis not in added]
    sizes = list(value.sizes)
    for axis in added:
        sizes.insert(axis, 1)
    moved = (*added, *(kept[axis] for axis in value.order))
    order = natural(rank) if value.is_natural else moved
    held = reshape_held(value.held, [sizes[axis] for axis in order])
    return Value(held=held, dtype=value.dtype, order=order, sizes=tuple(sizes))


def _concat(call: Call) -> Value:
    values = [call.value(index) for index in range(len(call.inputs))]
    axis = call.axis(1 if call.version < 4 else 0)  # noqa: PLR2004
    order = common_order(values)
    held = [arrange(value, order).tensor for value in values]
    sizes: list[Size] = list(values[0].sizes)
    for value in values[1:]:
        sizes[axis] = sizes[axis] + value.sizes[axis]
    made = tf.concat(held, order.index(axis)) if len(held) > 1 else held[0]
    return wrap(made, values[0].dtype, order=order, sizes=sizes)


def _split(call: Call) -> list[Value]:
    value = call.value(0)
    axis = call.axis(0)
    parts = call.whole_numbers(1, "split", below=13)
    count = int(call.attribute("num_outputs", len(call.node.outputs)))
    size = value.sizes[axis]
    if parts is None:
        if not is_known(size):
            raise call.refuse("it splits an axis of a size that is not known")
        step = -(-size // count)  # the size is a number
        parts = [step] * (count - 1) + [size - step * (count - 1)]
    made = tf.split(value.tensor, parts, axis=value.order.index(axis))
    sizes = [(*value.sizes[:axis], part, *value.sizes[axis + 1 :]) for part in parts]
    return [
        wrap(part, value.dtype, order=value.order, sizes=own)
        for part, own in zip(made, sizes, strict=True)
    ]


def _expand(call: Call) -> Any:
    value = call.value(0)
    wanted = listed_sizes(call.value(1))
    if wanted is None:
        return _expand_freely(call)
    rank = max(value.rank, len(wanted))
    own = (1,) * (rank - value.rank) + value.sizes
    target: list[Size] = [1] * (rank - len(wanted)) + list(wanted)
    sizes = [broadcast(pair) for pair in zip(own, target, strict=True)]
    if tuple(sizes) == value.sizes:
        return value
    numbers = [
        _broadcast_open(*pair) if size is None else materialize(size)
        for size, pair in zip(sizes, zip(own, target, strict=True), strict=True)
    ]
    return wrap(tf.broadcast_to(value.plain, numbers), value.dtype, sizes=sizes)


def _broadcast_open(first: Size, second: Size) -> Any:
    """Return what two open sizes broadcast to, as a scalar of int32."""
    numbers = materialize(first), materialize(second)
    return tf.where(tf.equal(numbers[0], 1), numbers[1], numbers[0])


def _expand_freely(call: Call) -> Any:
    value, shape = call.value(0), call.value(1)
    if not is_known(shape.sizes[0]):
        raise call.refuse("the number of axes is not known")
    rank = max(value.rank, int(shape.sizes[0]))
    target = tf.broadcast_dynamic_shape(tf.shape(value.plain), tf.cast(shape.plain, tf.int32))
    return tf.ensure_shape(tf.broadcast_to(value.plain, target), [None] * rank)


def _tile(call: Call) -> Any:
    value = call.value(0)
    times = listed_sizes(call.value(1))
    if times is None:
        return tf.ensure_shape(tf.tile(value.plain, call.plain(1)), [None] * value.rank)
    held = tf.tile(value.tensor, sizes_tensor([times[axis] for axis in value.order]))
    sizes = [size * count for size, count in zip(value.sizes, times, strict=True)]
    return wrap(held, value.dtype, order=value.order, sizes=sizes)


def _fill(call: Call) -> Any:
    """ConstantOfShape: one number, zero of float32 where none is stated."""
    number = np.asarray(call.attribute("value", np.zeros(1, np.float32))).reshape(())
    sizes = listed_sizes(call.value(0))
    if sizes is None:
        count = call.value(0).sizes[0]
        if not is_known(count):
            raise call.refuse("the number of axes is not known")
        filled = tf.fill(call.plain(0), constant(number).tensor)
        return tf.ensure_shape(filled, [None] * int(count))
    if all(map(is_known, sizes)):
        return constant(np.full([int(n) for n in sizes], number))
    filled = tf.fill(sizes_tensor(sizes), constant(number).tensor)
    return wrap(filled, number.dtype.name, sizes=sizes)


def _shape(call: Call) -> Any:
    raise call.refuse("the shape of this value is not known")


RULES: Table = {
    "Identity": _identity,
    "Constant": _constant,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _fill,
    "Shape": _shape,
    "Size": _shape,
}
