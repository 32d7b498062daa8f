"""Convolutions over values: any number of axes in the model's order, channels last in the graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import Size
from pipeline.tf.layout.value import Order, Value, arrange, wrap


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a window moves over the axes of space, each a list of one number for each axis.

    Attributes:
        size: Its size.
        strides: Its steps.
        dilations: The distance between two of its elements.
        before: Zeros put before the first element; negative numbers take elements away.
        after: Zeros put behind the last element.
    """

    size: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    before: Sequence[int]
    after: Sequence[int]

    @property
    def reach(self) -> list[int]:
        """The number of elements from the first to the last of the window, along each axis."""
        return [(n - 1) * d + 1 for n, d in zip(self.size, self.dilations, strict=True)]

    def count(self, sizes: Sequence[Size]) -> list[Size]:
        """Return the number of places of the window along each axis of space."""
        return [
            (size + before + after - reach) // stride + 1
            for size, before, after, reach, stride in zip(
                sizes, self.before, self.after, self.reach, self.strides, strict=True
            )
        ]


def channels_last(rank: int) -> Order:
    """Return the order of axes with the channels last: (0, 2, 3, 1)."""
    return (0, *range(2, rank), 1)


def pad_space(tensor: Any, before: Sequence[int], after: Sequence[int], fill: float = 0) -> Any:
    """Return a tensor of channels last with its axes of space padded, or cut where negative."""
    if any(n < 0 for n in (*before, *after)):
        cuts = [slice(max(-b, 0), -max(-a, 0) or None) for b, a in zip(before, after, strict=True)]
        tensor = tensor[(slice(None), *cuts)]
    pads = [(0, 0), *((max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)), (0, 0)]
    return tf.pad(tensor, pads, constant_values=fill) if np.any(pads) else tensor


def convolve(
    value: Value, kernel: Value, bias: Value | None, window: Window, groups: int = 1
) -> Value:
    """Return the convolution of a value.

    Args:
        value: (batch, channels, space …).
        kernel: (outputs, channels / groups, space …).
        bias: (outputs,), or None.
        window: Its movement over the axes of space.
        groups: Number of groups of channels that are convolved apart.

    Returns:
        (batch, outputs, space …), held with the channels last.
    """
    rank = value.rank
    held = arrange(value, channels_last(rank)).tensor
    # (space …, channels / groups, outputs)
    weights = arrange(kernel, (*range(2, rank), 1, 0))
    sizes = (value.sizes[0], kernel.sizes[0], *window.count(value.sizes[2:]))
    if rank == 3:  # noqa: PLR2004  # one axis of space
        held, weights, window = tf.expand_dims(held, 1), _widen(weights), _widen_window(window)
    made = _convolve_held(held, weights, window, value.sizes[1], groups)
    if bias is not None:
        made = tf.nn.bias_add(made, bias.plain)
    if rank == 3:  # noqa: PLR2004
        made = tf.squeeze(made, [1])
    return wrap(made, value.dtype, order=channels_last(rank), sizes=sizes)


def _widen(weights: Value) -> Value:
    """Return a kernel of one axis of space with a second before it, of size 1."""
    held = weights.held[None] if weights.is_array else tf.expand_dims(weights.held, 0)
    order = (3, *weights.order)
    return Value(held=held, dtype=weights.dtype, order=order, sizes=(*weights.sizes, 1))


def _widen_window(window: Window) -> Window:
    return Window(
        size=[1, *window.size],
        strides=[1, *window.strides],
        dilations=[1, *window.dilations],
        before=[0, *window.before],
        after=[0, *window.after],
    )


def _convolve_held(held: Any, weights: Value, window: Window, channels: Size, groups: int) -> Any:
    if groups > 1:
        if groups == channels:
            return _convolve_depthwise(held, weights, window, groups)
        return _convolve_groups(held, weights, window, groups)
    return _convolve_whole(held, weights.tensor, window)


def _convolve_whole(held: Any, kernel: Any, window: Window) -> Any:
    """Convolve all channels together; the padding is the op's own where it can be."""
    space = len(window.size)
    if space == 2 and min(*window.before, *window.after) >= 0:  # noqa: PLR2004
        padding = _name_padding(window)
        strides, rest = _split_strides(window)
        made = tf.nn.conv2d(
            held, kernel, strides=strides, padding=padding, dilations=list(window.dilations)
        )
        return _thin_out(made, rest)
    held = pad_space(held, window.before, window.after)
    strides, rest = _split_strides(window)
    if space == 2:  # noqa: PLR2004
        made = tf.nn.conv2d(
            held, kernel, strides=strides, padding="VALID", dilations=list(window.dilations)
        )
    else:
        made = tf.nn.conv3d(
            held,
            kernel,
            strides=[1, *strides, 1],
            padding="VALID",
            dilations=[1, *window.dilations, 1],
        )
    return _thin_out(made, rest)


def _name_padding(window: Window) -> Any:
    """Return the padding of an op: "VALID", or its numbers."""
    if not any((*window.before, *window.after)):
        return "VALID"
    pairs = zip(window.before, window.after, strict=True)
    return [[0, 0], *([before, after] for before, after in pairs), [0, 0]]


def _split_strides(window: Window) -> tuple[list[int], list[int]]:
    """Return the strides of the op, and those that are taken behind it.

    TensorFlow.js has no convolution with strides and dilations: one with dilations moves by 1,
    and its result is thinned out.
    """
    ones = [1] * len(window.strides)
    if max(window.strides) > 1 and max(window.dilations) > 1:
        return ones, list(window.strides)
    return list(window.strides), ones


def _thin_out(tensor: Any, strides: Sequence[int]) -> Any:
    if max(strides) == 1:
        return tensor
    return tensor[(slice(None), *(slice(None, None, stride) for stride in strides))]


def _convolve_depthwise(held: Any, weights: Value, window: Window, channels: int) -> Any:
    """Convolve each channel by itself, in two dimensions; in three, group by group."""
    if len(window.size) != 2:  # noqa: PLR2004
        return _convolve_groups(held, weights, window, channels)
    outputs = weights.sizes[0]
    multiplier = outputs // channels
    # (space …, 1, outputs): the multiples of a channel lie together.
    kernel = _reshape(weights, (*window.size, channels, multiplier))
    strides, rest = _split_strides(window)
    if strides[0] != strides[1]:
        strides, rest = [1, 1], strides
    padding = "VALID"
    if strides == [1, 1] and _is_centred(window):
        padding = "SAME"
    else:
        held = pad_space(held, window.before, window.after)
    made = tf.nn.depthwise_conv2d(
        held, kernel, strides=[1, *strides, 1], padding=padding, dilations=list(window.dilations)
    )
    return _thin_out(made, rest)


def _is_centred(window: Window) -> bool:
    """Return whether a window that moves by 1 leaves the sizes as they are, as "SAME" does."""
    return all(
        before == after and before + after == reach - 1
        for before, after, reach in zip(window.before, window.after, window.reach, strict=True)
    )


def _reshape(weights: Value, shape: Sequence[Size]) -> Any:
    if weights.is_array:
        whole = Value(
            held=weights.held.reshape(shape),
            dtype=weights.dtype,
            order=tuple(range(len(shape))),
            sizes=tuple(shape),
        )
        return whole.tensor
    return tf.reshape(weights.tensor, shape)


def _convolve_groups(held: Any, weights: Value, window: Window, groups: int) -> Any:
    parts = tf.split(held, groups, axis=-1)
    if weights.is_array:
        kernels: Any = [
            Value(held=part, dtype=weights.dtype, order=weights.order, sizes=weights.sizes).tensor
            for part in np.split(weights.held, groups, axis=-1)
        ]
    else:
        kernels = tf.split(weights.tensor, groups, axis=-1)
    made = [
        _convolve_whole(part, kernel, window) for part, kernel in zip(parts, kernels, strict=True)
    ]
    return tf.concat(made, -1)
