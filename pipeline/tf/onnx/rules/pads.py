"""Pad: more elements, or fewer, at the ends of axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.onnx.call import Call, Table

_CONSTANT, _EDGE, _REFLECT, _WRAP = "constant", "edge", "reflect", "wrap"
_MAX_NDIM_MIRRORED = 4

Pads = tuple[Sequence[int], Sequence[int]]
"""Number of elements before the first and behind the last of each of the model's axes."""


def _pad(call: Call) -> Any:
    value = call.value(0)
    mode = call.attribute("mode", _CONSTANT)
    if call.version >= 11 and call.known(1) is None:  # noqa: PLR2004
        return _pad_freely(call, mode)
    pads = call.whole_numbers(1, "pads", below=11)
    if call.version < 2:  # noqa: PLR2004
        pads = list(call.attribute("paddings"))
    assert pads is not None
    before, after = [0] * value.rank, [0] * value.rank
    for number, axis in enumerate(_axes(call)):
        before[axis], after[axis] = pads[number], pads[len(pads) // 2 + number]
    return pad(call, value, (before, after), mode, _fill(call))


def _axes(call: Call) -> list[int]:
    value = call.value(0)
    if not call.has(3):
        return list(range(value.rank))
    return [call.from_front(int(axis), value.rank) for axis in call.require(3, "axes")]


def _fill(call: Call) -> Any:
    return call.plain(2) if call.has(2) else call.attribute("value", 0.0)


def _pad_freely(call: Call, mode: str) -> Any:
    """Pad by numbers that are computed in the graph; negative ones take elements away."""
    if mode != _CONSTANT:
        raise call.refuse(f"its pads are computed in mode {mode!r}")
    tensor, rank, axes = call.plain(0), call.value(0).rank, _axes(call)
    pads = tf.transpose(tf.reshape(call.plain(1), [2, len(axes)]))
    if axes != list(range(rank)):
        pads = tf.scatter_nd([[axis] for axis in axes], pads, [rank, 2])
    taken = tf.maximum(-pads, 0)
    shape = tf.shape(tensor)
    tensor = tf.slice(tensor, taken[:, 0], shape - taken[:, 0] - taken[:, 1])
    fill = tf.cast(tf.reshape(_fill(call), []), tensor.dtype)
    padded = tf.pad(tensor, tf.maximum(pads, 0), constant_values=fill)
    return tf.ensure_shape(padded, [None] * rank)


def pad(call: Call, value: Value, pads: Pads, mode: str, fill: Any) -> Value:
    """Return a value with more, or fewer, elements at the ends of its axes.

    Args:
        call: The operator, for messages.
        value: The value.
        pads: Elements to add to each of the model's axes; negative numbers take elements away.
        mode: "constant", "edge", "reflect" or "wrap".
        fill: The number to add, in mode "constant".
    """
    order = value.order
    sizes = [size + before + after for size, before, after in zip(value.sizes, *pads, strict=True)]
    held = value.tensor
    cuts = [slice(max(-pads[0][a], 0), -max(-pads[1][a], 0) or None) for a in order]
    if any(n < 0 for side in pads for n in side):
        held = held[tuple(cuts)]
    widths = [(max(pads[0][a], 0), max(pads[1][a], 0)) for a in order]
    if not np.any(widths):
        return wrap(held, value.dtype, order=order, sizes=sizes)
    if mode == _CONSTANT:
        number = tf.cast(tf.reshape(fill, []), held.dtype)
        held = tf.pad(held, widths, constant_values=number)
    elif mode == _REFLECT and _can_mirror(held, widths):
        held = tf.pad(held, widths, mode="REFLECT")
    elif mode == _EDGE and np.max(widths) == 1 and len(widths) <= _MAX_NDIM_MIRRORED:
        held = tf.pad(held, widths, mode="SYMMETRIC")
    else:
        for axis, width in enumerate(widths):
            held = _repeat(call, held, axis, width, mode) if any(width) else held
    return wrap(held, value.dtype, order=order, sizes=sizes)


def _can_mirror(held: Any, widths: Sequence[tuple[int, int]]) -> bool:
    """Return whether TensorFlow.js mirrors so; an open size has to be larger than its pads."""
    sizes = held.shape.as_list()
    return len(sizes) <= _MAX_NDIM_MIRRORED and all(
        size is None or max(pair) < size for size, pair in zip(sizes, widths, strict=True)
    )


def _repeat(call: Call, held: Any, axis: int, width: tuple[int, int], mode: str) -> Any:
    """Repeat elements at the ends of an axis."""
    if mode == _EDGE:
        return _repeat_edges(held, axis, width)
    size = held.shape[axis]
    if size is None:
        raise call.refuse(f"it pads an axis of an open size in mode {mode!r}")
    places = np.arange(-width[0], size + width[1])
    if mode == _WRAP:
        places = places % size
    else:
        period = max(2 * size - 2, 1)
        places = np.abs(places) % period
        places = np.where(places < size, places, period - places)
    return tf.gather(held, places.astype(np.int32), axis=axis)


def _repeat_edges(held: Any, axis: int, width: tuple[int, int]) -> Any:
    """Repeat the first and the last element of an axis of any size.

    TensorFlow.js takes a hundred times as long to gather an image as to join its parts.
    """
    parts = [held]
    for count, cut in zip(width, (slice(0, 1), slice(-1, None)), strict=True):
        if count:
            edge = held[(*[slice(None)] * axis, cut)]
            times = [count if i == axis else 1 for i in range(len(held.shape))]
            parts.insert(0 if cut.start == 0 else len(parts), tf.tile(edge, times))
    return tf.concat(parts, axis)


RULES: Table = {"Pad": _pad}
