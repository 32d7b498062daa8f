"""Pools over values: axes of space in the model's order, channels last in the graph.

The padding of an op is SAME where that is the model's; else the values are padded before it.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import Window, channels_last, pad_space
from pipeline.tf.layout.sizes import Size, is_known, materialize, number_of, product
from pipeline.tf.layout.value import Value, arrange, is_float, wrap

_LEAST = float(np.finfo(np.float32).min)
_MAX_POOLS = (tf.nn.max_pool2d, tf.nn.max_pool3d)
_MEAN_POOLS = (tf.nn.avg_pool2d, tf.nn.avg_pool3d)

Ops = tuple[Callable[..., Any], Callable[..., Any]]
"""An op for two axes of space, and the one for three."""


def round_up(window: Window, sizes: Sequence[Size]) -> Window:
    """Return a window that also counts a last place which reaches beyond the padding.

    A place that starts behind the elements and the padding before them does not count.

    Args:
        window: The window.
        sizes: The sizes of the axes of space.
    """
    after = []
    for size, stride, first, last, reach in zip(
        sizes, window.strides, window.before, window.after, window.reach, strict=True
    ):
        most = max(last, min(last + stride - 1, reach - 1))
        if is_known(size):
            # Only as much as the last place needs.
            steps = (size + first + most - reach) // stride
            most = max(last, steps * stride + reach - size - first)
        after.append(most)
    return replace(window, after=after)


def max_pool(value: Value, window: Window, *, is_same: bool = False) -> Value:
    """Return the largest element at each place of a window.

    Args:
        value: (batch, channels, space …), of floats or of whole numbers that float32 can hold.
        window: Its movement; padding counts as less than all elements.
        is_same: Whether the padding is that of SAME, which the window does not state.

    Returns:
        (batch, channels, space …), held with the channels last.
    """
    held = tf.cast(arrange(value, channels_last(value.rank)).tensor, tf.float32)
    if is_same or _is_same(window, value.sizes[2:]):
        return _finish(_call_op(held, window, _MAX_POOLS, "SAME"), value, window, is_same=is_same)
    held = pad_space(held, window.before, window.after, _LEAST)
    if _has_op(window):
        made = _call_op(held, window, _MAX_POOLS, "VALID")
    else:
        made = _combine_axes(held, window, tf.maximum)
    return _finish(made, value, window, is_same=False)


def average_pool(
    value: Value,
    window: Window,
    *,
    counted: tuple[Sequence[int], Sequence[int]] | None = None,
    is_same: bool = False,
) -> Value:
    """Return the mean at each place of a window.

    Args:
        value: (batch, channels, space …), of floats.
        window: Its movement.
        counted: How much of the padding before and behind each axis counts as zeros; None for
            nothing.
        is_same: Whether the padding is that of SAME, which the window does not state.

    Returns:
        (batch, channels, space …), held with the channels last.
    """
    held = arrange(value, channels_last(value.rank)).tensor
    none = [0] * len(window.size)
    counted = counted or (none, none)
    if not any((*counted[0], *counted[1])) and (is_same or _is_same(window, value.sizes[2:])):
        return _finish(_call_op(held, window, _MEAN_POOLS, "SAME"), value, window, is_same=is_same)
    pads = (list(window.before), list(window.after))
    inner = replace(window, before=none, after=none)
    made = _mean(pad_space(held, *pads), inner)
    if pads != (list(counted[0]), list(counted[1])):
        made = _correct_mean(made, value.sizes[2:], inner, pads, counted)
    return _finish(made, value, window, is_same=False)


def sum_pool(value: Value, window: Window) -> Value:
    """Return the sum at each place of a window: (batch, channels, space …)."""
    held = arrange(value, channels_last(value.rank)).tensor
    made = _mean(pad_space(held, window.before, window.after), window) * _count_elements(window)
    return _finish(made, value, window, is_same=False)


def find_largest(value: Value, window: Window, *, columns_first: bool = False) -> Value:
    """Return where the largest element at each place of a window is, the first of equal ones.

    Args:
        value: (batch, channels, space …).
        window: Its movement.
        columns_first: Whether the first axis of space counts fastest in the result.

    Returns:
        int64 (batch, channels, space …): the index of the element in the flattened value.
    """
    order = channels_last(value.rank)
    held = tf.cast(arrange(value, order).tensor, tf.float32)
    held = pad_space(held, window.before, window.after, _LEAST)
    offsets = list(itertools.product(*map(range, window.size)))
    cuts = [_cut(window, offset) for offset in offsets]
    best = tf.argmax(tf.stack([held[(slice(None), *cut)] for cut in cuts]), 0, tf.int32)
    space, counts = value.sizes[2:], window.count(value.sizes[2:])
    index = _number_channels(value, len(space))
    axes = list(range(len(space)))
    step: Any = 1
    for axis in axes if columns_first else reversed(axes):
        shape = [1] * value.rank
        shape[axis + 1] = -1
        starts = tf.range(materialize(counts[axis])) * window.strides[axis] - window.before[axis]
        inside = np.array([offset[axis] for offset in offsets], np.int32) * window.dilations[axis]
        index += (tf.reshape(starts, shape) + tf.gather(tf.constant(inside), best)) * step
        step = step * materialize(space[axis])
    return wrap(index, "int64", order=order, sizes=(*value.sizes[:2], *counts))


def _number_channels(value: Value, space: int) -> Any:
    """Return the index of the first element of each channel, channels last."""
    batch, channels = map(materialize, value.sizes[:2])
    size = materialize(product(value.sizes[2:]))
    images = tf.reshape(tf.range(batch) * channels, [-1] + [1] * (space + 1))
    return (images + tf.range(channels)) * size


def _finish(made: Any, value: Value, window: Window, *, is_same: bool) -> Value:
    space: Sequence[Size] = window.count(value.sizes[2:])
    if is_same:
        pairs = zip(value.sizes[2:], window.strides, strict=True)
        space = [(size + (stride - 1)) // stride for size, stride in pairs]
    if not is_float(value.dtype):
        made = tf.cast(made, tf.int32)
    sizes = (*value.sizes[:2], *space)
    return wrap(made, value.dtype, order=channels_last(value.rank), sizes=sizes)


def _is_same(window: Window, sizes: Sequence[Size]) -> bool:
    """Return whether there is padding, and it is what SAME makes of the sizes."""
    if not _has_op(window) or not any((*window.before, *window.after)):
        return False
    for size, own, stride, *pads in zip(
        sizes, window.size, window.strides, window.before, window.after, strict=True
    ):
        if is_known(size):
            total = max((-(-size // stride) - 1) * stride + own - size, 0)
        elif stride == 1:
            total = own - 1
        else:
            return False
        if pads != [total // 2, total - total // 2]:
            return False
    return True


def _has_op(window: Window) -> bool:
    return max(window.dilations) == 1 and len(window.size) <= 3  # noqa: PLR2004  # axes of space


def _call_op(held: Any, window: Window, ops: Ops, padding: str) -> Any:
    size, strides = list(window.size), list(window.strides)
    if len(size) == 1:
        wide = ops[0](tf.expand_dims(held, 1), [1, *size], [1, *strides], padding)
        return tf.squeeze(wide, [1])
    return ops[len(size) - 2](held, size, strides, padding)


def _mean(held: Any, window: Window) -> Any:
    """Return the means of values that are padded."""
    if _has_op(window):
        return _call_op(held, window, _MEAN_POOLS, "VALID")
    return _combine_axes(held, window, tf.add) / _count_elements(window)


def _count_elements(window: Window) -> float:
    return float(np.prod(window.size))


def _combine_axes(held: Any, window: Window, combine: Callable[..., Any]) -> Any:
    """Combine the elements at each place of a window one axis after the other."""
    for axis in range(len(window.size)):
        own = replace(
            window,
            size=[n if number == axis else 1 for number, n in enumerate(window.size)],
            strides=[n if number == axis else 1 for number, n in enumerate(window.strides)],
        )
        made = None
        for place in range(window.size[axis]):
            offset = [place if number == axis else 0 for number in range(len(window.size))]
            part = held[(slice(None), *_cut(own, offset))]
            made = part if made is None else combine(made, part)
        held = made
    return held


def _cut(window: Window, offset: Sequence[int]) -> list[slice]:
    """Return the cut of the padded axes of space that has one element of each place."""
    return [
        slice(place * dilation, -(reach - 1 - place * dilation) or None, stride)
        for place, dilation, reach, stride in zip(
            offset, window.dilations, window.reach, window.strides, strict=True
        )
    ]


def _correct_mean(
    made: Any,
    sizes: Sequence[Size],
    window: Window,
    pads: tuple[Sequence[int], Sequence[int]],
    counted: tuple[Sequence[int], Sequence[int]],
) -> Any:
    """Return means over the elements and the padding that counts, from means over all."""
    rest = tuple(
        [a - b for a, b in zip(*pair, strict=True)] for pair in zip(pads, counted, strict=True)
    )
    real = [size + a + b for size, a, b in zip(sizes, *counted, strict=True)]
    if not all(map(is_known, real)):
        ones = tf.ones(tf.stack([1, *map(materialize, real), 1]))
        return made / _mean(pad_space(ones, rest[0], rest[1]), window)
    share = np.ones([1] * len(made.shape))
    for axis, size in enumerate(real):
        ones = np.pad(np.ones(number_of(size)), (rest[0][axis], rest[1][axis]))
        starts = np.arange(0, len(ones) - window.reach[axis] + 1, window.strides[axis])
        inside = np.arange(window.size[axis]) * window.dilations[axis]
        shape = [1] * len(made.shape)
        shape[axis + 1] = -1
        share = share * ones[starts[:, None] + inside].mean(1).reshape(shape)
    return made * tf.constant((1 / share).astype(np.float32))
