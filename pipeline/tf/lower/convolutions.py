"""Lowerings of convolutions and pools whose windows TensorFlow.js refuses or places wrongly.

Strides and dilations that are both above 1: `eitherStridesOrDilationsAreOne` in conv_util.ts of
tfjs-core refuses them. A window narrower than its steps, padded as SAME: the wasm backend returns
zeros for images (tfjs-backend-wasm/src/cc/conv2d_impl.cc), and all backends pad volumes by less
than nothing (`get3DPadAndOutInfo` in conv_util.ts). Paddings of their own: only convolutions take
them. Dilation2D and MaxPoolWithArgmax: the wasm kernels start from the smallest positive number,
not from the least (Dilation2D.cc and MaxPoolWithArgmax.cc of tfjs-backend-wasm).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_sizes, size_of

_CHANNELS_LAST = {b"NHWC", b"NDHWC"}


def _convolve(op: str) -> Callable[..., tf.Tensor]:
    """Return a rule for a convolution: pad the input, and step after the convolution if need be."""
    raw = getattr(tf.raw_ops, op)

    def lower(
        *,
        input: tf.Tensor,
        filter: tf.Tensor,
        strides: list[int],
        dilations: list[int],
        padding: bytes,
        data_format: bytes,
        explicit_paddings: Sequence[int] = (),
        **_: Any,
    ) -> tf.Tensor:
        if data_format not in _CHANNELS_LAST:
            raise NotNeeded
        spatial = range(1, len(strides) - 1)
        sizes = require_sizes(filter, slice(0, len(spatial)))
        reaches = [
            (size - 1) * dilations[axis] + 1 for size, axis in zip(sizes, spatial, strict=True)
        ]
        both = max(strides) > 1 and max(dilations) > 1
        if not both and not _is_narrow(reaches, strides, padding):
            raise NotNeeded
        paddings = _paddings(input, reaches, strides, padding, explicit_paddings)
        padded = tf.pad(input, tf.stack(paddings))
        ones = [1] * len(strides)
        done = raw(
            input=padded,
            filter=filter,
            strides=ones if both else strides,
            dilations=dilations,
            padding="VALID",
        )
        return done[tuple(slice(None, None, stride) for stride in strides)] if both else done

    return lower


def _is_narrow(reaches: Sequence[int], strides: Sequence[int], padding: bytes) -> bool:
    narrow = any(reach < stride for reach, stride in zip(reaches, strides[1:-1], strict=True))
    return padding == b"SAME" and max(reaches) > 1 and narrow


def _paddings(
    tensor: tf.Tensor,
    reaches: Sequence[int],
    strides: Sequence[int],
    padding: bytes,
    explicit: Sequence[int],
) -> list[Any]:
    """Return the paddings of each axis before and after, as TensorFlow counts them."""
    if padding == b"EXPLICIT":
        return [list(explicit[i : i + 2]) for i in range(0, len(explicit), 2)]
    pairs: list[Any] = [[0, 0]]
    for axis, reach in enumerate(reaches, 1):
        total: Any = 0
        if padding == b"SAME":
            size, stride = size_of(tensor, axis), strides[axis]
            total = (-(-size // stride) - 1) * stride + reach - size
            total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
        pairs.append([total // 2, total - total // 2])
    return [*pairs, [0, 0]]


def _pool(
    *,
    input: tf.Tensor,
    ksize: list[int],
    strides: list[int],
    explicit_paddings: list[int],
    data_format: bytes,
    **_: Any,
) -> tf.Tensor:
    """Pad first."""
    if data_format not in _CHANNELS_LAST:
        raise NotLowered(f"in the layout {data_format.decode()}")
    padded = _pad_low(input, _paddings(input, (), strides, b"EXPLICIT", explicit_paddings))
    return tf.raw_ops.MaxPool(input=padded, ksize=ksize, strides=strides, padding="VALID")


def _dilate(
    *,
    input: tf.Tensor,
    filter: tf.Tensor,
    strides: list[int],
    rates: list[int],
    padding: bytes,
    **_: Any,
) -> tf.Tensor:
    """Take the maximum over the elements of the window, each with its addend."""
    height, width = require_sizes(filter, slice(0, 2))
    reaches = [(height - 1) * rates[1] + 1, (width - 1) * rates[2] + 1]
    pairs = _paddings(input, reaches, strides, padding, ())
    found = None
    for row, column, part in _walk((height, width), _pad_low(input, pairs), strides, rates):
        sums = part + filter[row, column]
        found = sums if found is None else tf.maximum(found, sums)
    return found


def _pool_with_places(
    *,
    input: tf.Tensor,
    ksize: list[int],
    strides: list[int],
    padding: bytes,
    Targmax: tf.DType,
    include_batch_in_index: bool,
    **_: Any,
) -> list[tf.Tensor]:
    """Keep, for each window, the greatest element so far and its place in the image."""
    pairs = _paddings(input, ksize[1:3], strides, padding, ())
    width, channels = size_of(input, 2), size_of(input, 3)
    found = places = None
    for row, column, part in _walk(ksize[1:3], _pad_low(input, pairs), strides, [1] * 4):
        if found is None:
            rows = tf.range(tf.shape(part)[1]) * strides[1] - pairs[1][0]
            columns = tf.range(tf.shape(part)[2]) * strides[2] - pairs[2][0]
            starts = (tf.expand_dims(rows, 1) * width + columns) * channels
            first = tf.expand_dims(starts, 2) + tf.range(channels)
            found, places = part, tf.broadcast_to(first, tf.shape(part))
            continue
        place = first + (row * width + column) * channels
        places = tf.where(tf.greater(part, found), place, places)
        found = tf.maximum(found, part)
    if include_batch_in_index:
        batch = tf.range(tf.shape(input)[0]) * (size_of(input, 1) * width * channels)
        places += tf.reshape(batch, [-1, 1, 1, 1])
    return [found, tf.cast(places, Targmax)]


def _pad_low(tensor: tf.Tensor, pairs: Sequence[Any]) -> tf.Tensor:
    """Pad with the least number, which no maximum takes."""
    return tf.pad(tensor, tf.stack(pairs), constant_values=tensor.dtype.min)


def _walk(
    window: Sequence[int], padded: tf.Tensor, strides: Sequence[int], rates: Sequence[int]
) -> Iterator[tuple[int, int, tf.Tensor]]:
    """Yield each position in a window, with the elements that all windows have there."""
    spans = [
        size_of(padded, axis) - (size - 1) * rates[axis] for axis, size in enumerate(window, 1)
    ]
    for row, column in np.ndindex(*window):
        top, left = row * rates[1], column * rates[2]
        rows = slice(top, top + spans[0], strides[1])
        columns = slice(left, left + spans[1], strides[2])
        yield row, column, padded[:, rows, columns]


def _steps(node: NodeDef) -> bool:
    return bool(max(node.attr["strides"].list.i) > 1)


def _pads(node: NodeDef) -> bool:
    return bool(node.attr["padding"].s == b"EXPLICIT")


RULES = {
    **{
        op: Lowering(
            lower=_convolve(op),
            becomes="Pad and a convolution without padding, then a slice if it has dilations",
            why="TensorFlow.js steps neither with dilations nor, if it pads, beyond its window",
            applies=_steps,
        )
        for op in ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
    },
    "Dilation2D": Lowering(
        lower=_dilate,
        becomes="the Maximum of slices",
        why="the wasm backend takes what is negative for zero",
    ),
    "MaxPool": Lowering(
        lower=_pool,
        becomes="PadV2 and one without padding",
        why="TensorFlow.js pads a pool as SAME or not at all",
        applies=_pads,
    ),
    "MaxPoolWithArgmax": Lowering(
        lower=_pool_with_places,
        becomes="the Maximum of slices, and a choice of their places",
        why="the wasm backend takes what is negative for zero",
    ),
}
