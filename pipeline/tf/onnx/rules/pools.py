"""Pools: the largest, the mean or a norm of the elements in a window, or of all in a channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import Window
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.pooling import average_pool, find_largest, max_pool, round_up, sum_pool
from pipeline.tf.layout.quantized import keep_apart
from pipeline.tf.layout.sizes import Size, is_known, materialize, product
from pipeline.tf.layout.value import Value, constant, wrap
from pipeline.tf.onnx.call import Call, Rule, Table
from pipeline.tf.onnx.rules.convolutions import window_of
from pipeline.tf.onnx.rules.reductions import reduce
from pipeline.tf.onnx.sizes_of_shapes import listed_sizes


def _find_window(call: Call) -> tuple[Window, bool]:
    """Return the window of a pool, and whether its padding is SAME, which it does not state."""
    value = call.value(0)
    space = value.sizes[2:]
    is_same = (
        call.attribute("auto_pad", "NOTSET") == "SAME_UPPER"
        and not all(map(is_known, space))
        and max(call.attribute("dilations", [1])) == 1
    )
    if is_same:
        call = call.replaced(call.inputs, auto_pad="VALID")
    return window_of(call, (), space), is_same


def _round(call: Call, window: Window) -> Window:
    is_padded = call.attribute("auto_pad", "NOTSET") not in ("SAME_UPPER", "SAME_LOWER")
    if call.attribute("ceil_mode", 0) and is_padded:
        return round_up(window, call.value(0).sizes[2:])
    return window


def _pool_max(call: Call) -> Any:
    value = call.value(0)
    window, is_same = _find_window(call)
    wide = _round(call, window)
    made = max_pool(value, wide, is_same=is_same)
    if len(call.node.outputs) == 1 or not call.node.outputs[1]:
        return made
    if is_same:
        raise call.refuse("it returns indices, with auto_pad over an axis of a size not known")
    return [made, find_largest(value, wide, columns_first=bool(call.attribute("storage_order", 0)))]


def _pool_average(call: Call) -> Value:
    window, is_same = _find_window(call)
    counted = None
    if call.attribute("count_include_pad", 0):
        if is_same:
            raise call.refuse("its padding counts, with auto_pad over an axis of a size not known")
        counted = (list(window.before), list(window.after))
    return average_pool(call.value(0), _round(call, window), counted=counted, is_same=is_same)


def _pool_norm(call: Call) -> Value:
    """LpPool: the root of the sum of powers."""
    window, is_same = _find_window(call)
    if is_same:
        raise call.refuse("auto_pad over an axis of a size that is not known")
    power = int(call.attribute("p", 2))
    raised = elementwise(lambda a: _raise(a, power), [call.value(0)])
    made = sum_pool(raised, _round(call, window))
    return elementwise(lambda a: _root(a, power), [made])


def _raise(tensor: Any, power: int) -> Any:
    if power == 2:  # noqa: PLR2004  # a square needs no absolute value
        return tf.square(tensor)
    absolute = tf.abs(tensor)
    return absolute if power == 1 else tf.pow(absolute, float(power))


def _root(tensor: Any, power: int) -> Any:
    if power == 2:  # noqa: PLR2004
        return tf.sqrt(tensor)
    return tensor if power == 1 else tf.pow(tensor, 1 / power)


def _global(compute: Any) -> Rule:
    """Return a rule for a pool over all axes of space."""

    def rule(call: Call) -> Value:
        value = call.value(0)
        return reduce(compute, value, list(range(2, value.rank)), keep=True)

    return rule


def _mean(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001  # as all of them
    return tf.reduce_mean(tensor, axis=axes, keepdims=keep)


def _max(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
    return tf.reduce_max(tensor, axis=axes, keepdims=keep)


def _global_norm(call: Call) -> Any:
    power = int(call.attribute("p", 2))

    def compute(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
        total = tf.reduce_sum(_raise(tensor, power), axis=axes, keepdims=keep)
        return _root(total, power)

    return _global(compute)(call)


def _unpool(call: Call) -> Value:
    """MaxUnpool: put each element where its index says, zeros elsewhere."""
    value = call.value(0)
    plain = window_of(call, (), value.sizes[2:])
    space: list[Size] = [
        (size - 1) * stride + own - first - last
        for size, stride, own, first, last in zip(
            value.sizes[2:], plain.strides, plain.size, plain.before, plain.after, strict=True
        )
    ]
    sizes: Sequence[Size] = (*value.sizes[:2], *space)
    if call.has(2):
        found = listed_sizes(call.value(2))
        if found is None:
            raise call.refuse("its output_shape is computed")
        if tuple(found) != tuple(sizes):
            raise call.refuse(
                "its output_shape is not that of the window, so that the standard and ONNX "
                "Runtime read its indices differently"
            )
    total = materialize(product(sizes))
    places = tf.reshape(call.plain(1), [-1, 1])
    zeros = tf.zeros(tf.reshape(total, [1]))
    flat = tf.tensor_scatter_nd_update(zeros, places, tf.reshape(value.plain, [-1]))
    made = tf.reshape(flat, [materialize(size) for size in sizes])
    return wrap(made, value.dtype, sizes=sizes)


def _pool_regions(call: Call) -> Value:
    """MaxRoiPool: the largest element in each cell of a grid over each region, 0 if it is empty."""
    value, regions = call.value(0), call.plain(1)
    scale = float(call.attribute("spatial_scale", 1.0))
    rows, columns = (int(n) for n in call.attribute("pooled_shape"))
    places = tf.cast(tf.round(regions[:, 1:] * scale), tf.int32)
    image = tf.gather(tf.transpose(value.plain, [0, 2, 3, 1]), tf.cast(regions[:, 0], tf.int32))
    made = image
    # Each pass makes one axis of space an axis of cells: (regions, cells, rest, channels).
    for axis, count in ((1, rows), (2, columns)):
        size = materialize(value.sizes[axis + 1])
        inside = _cells(places[:, 2 - axis], places[:, 4 - axis], count, size)
        shape = [-1, count, 1, size, 1] if axis == 2 else [-1, count, size, 1, 1]  # noqa: PLR2004
        least = tf.reshape((tf.cast(inside, tf.float32) - 1.0) * _HUGE, shape)
        made = tf.reduce_max(tf.expand_dims(made, 1) + least, axis=axis + 1)
        if axis == 2:  # noqa: PLR2004
            made = tf.transpose(made, [0, 2, 1, 3])
    made = tf.where(made > -_HUGE / 2, made, tf.zeros([]))
    return wrap(made, value.dtype, order=(0, 2, 3, 1))


_HUGE = float(np.finfo(np.float32).max)


def _cells(first: Any, last: Any, count: int, size: Any) -> Any:
    """Return whether places of an axis lie in the cells of regions: (regions, cells, size)."""
    # The optimizer would multiply by the inverse, which moves the edges of some cells.
    divisor = keep_apart(constant(np.float32(count))).tensor
    step = tf.cast(tf.maximum(last - first + 1, 1), tf.float32) / divisor
    number = tf.range(count, dtype=tf.float32)
    starts = tf.floor(step[:, None] * number) + tf.cast(first[:, None], tf.float32)
    ends = tf.math.ceil(step[:, None] * (number + 1)) + tf.cast(first[:, None], tf.float32)
    places = tf.cast(tf.range(size), tf.float32)
    return (places >= starts[:, :, None]) & (places < ends[:, :, None])


RULES: Table = {
    "MaxPool": _pool_max,
    "AveragePool": _pool_average,
    "LpPool": _pool_norm,
    "GlobalAveragePool": _global(_mean),
    "GlobalMaxPool": _global(_max),
    "GlobalLpPool": _global_norm,
    "MaxRoiPool": _pool_regions,
    "MaxUnpool": _unpool,
}
