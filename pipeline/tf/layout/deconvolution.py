"""Transposed convolutions over values: channels last in the graph."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.convolution import Window, channels_last, pad_space
from pipeline.tf.layout.value import Value, arrange, wrap


def deconvolve(  # noqa: PLR0913  # a convolution, and what is added behind it
    value: Value,
    kernel: Value,
    bias: Value | None,
    window: Window,
    *,
    groups: int = 1,
    extra: Sequence[int] = (),
) -> Value:
    """Return the transposed convolution of a value.

    Args:
        value: (batch, channels, space …).
        kernel: (channels, outputs / groups, space …).
        bias: (outputs,), or None.
        window: Its movement; `before` and `after` are cut from the result.
        groups: Number of groups of channels.
        extra: Number of elements to add behind each axis of space.

    Returns:
        (batch, outputs, space …), held with the channels last.
    """
    rank = value.rank
    space = rank - 2
    extra = list(extra) or [0] * space
    held = arrange(value, channels_last(rank)).tensor
    # (space …, outputs, channels)
    weights = arrange(kernel, (*range(2, rank), 1, 0))
    full = [
        (size - 1) * stride + reach
        for size, stride, reach in zip(value.sizes[2:], window.strides, window.reach, strict=True)
    ]
    made = _deconvolve_held(held, weights, window, groups)
    after = [own - more for own, more in zip(window.after, extra, strict=True)]
    made = pad_space(made, [-n for n in window.before], [-n for n in after])
    if bias is not None:
        made = tf.nn.bias_add(made, bias.plain)
    sizes = [
        size - before - behind
        for size, before, behind in zip(full, window.before, after, strict=True)
    ]
    outputs = kernel.sizes[1] * groups
    return wrap(
        made, value.dtype, order=channels_last(rank), sizes=(value.sizes[0], outputs, *sizes)
    )


def _deconvolve_held(held: Any, weights: Value, window: Window, groups: int) -> Any:
    """Return the whole result, of which nothing is cut."""
    kernel = _spread(weights.tensor, window.dilations)
    parts = tf.split(held, groups, axis=-1) if groups > 1 else [held]
    kernels = tf.split(kernel, groups, axis=-1) if groups > 1 else [kernel]
    made = [
        _deconvolve_whole(part, own, window.strides)
        for part, own in zip(parts, kernels, strict=True)
    ]
    return tf.concat(made, -1) if groups > 1 else made[0]


def _spread(kernel: Any, dilations: Sequence[int]) -> Any:
    """Return a kernel with zeros between its elements; TensorFlow has no other dilation here."""
    if max(dilations) == 1:
        return kernel
    shape = kernel.shape.as_list()
    for axis, dilation in enumerate(dilations):
        if dilation > 1:
            wide = tf.expand_dims(kernel, axis + 1)
            pads = [(0, 0)] * len(wide.shape)
            pads[axis + 1] = (0, dilation - 1)
            size = kernel.shape[axis]
            merged = kernel.shape.as_list()
            merged[axis] = size * dilation
            kernel = tf.reshape(tf.pad(wide, pads), merged)
            cut = [slice(None)] * len(shape)
            cut[axis] = slice(0, (size - 1) * dilation + 1)
            kernel = kernel[tuple(cut)]
    return kernel


def _deconvolve_whole(held: Any, kernel: Any, strides: Sequence[int]) -> Any:
    space = len(strides)
    if space == 1:
        made = _deconvolve_whole(tf.expand_dims(held, 1), tf.expand_dims(kernel, 0), [1, *strides])
        return tf.squeeze(made, [1])
    shape = tf.shape(held)
    sizes = [
        (held.shape[i + 1] if held.shape[i + 1] is not None else shape[i + 1]) * stride
        - stride
        + kernel.shape[i]
        for i, stride in enumerate(strides)
    ]
    batch = held.shape[0] if held.shape[0] is not None else shape[0]
    target = [batch, *sizes, kernel.shape[space]]
    op = tf.nn.conv2d_transpose if space == 2 else tf.nn.conv3d_transpose  # noqa: PLR2004
    return op(held, kernel, target, strides=[1, *strides, 1], padding="VALID")
