"""Resizing of axes: by an op of TensorFlow where it computes the same; else axis by axis.

An axis of known sizes becomes indices, or a matrix of weights, that are constants. One of an open
size becomes indices that the graph computes. Coordinate modes and roundings have the names that
ONNX and OpenVINO share: https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.resize_places import (
    Axis,
    CannotResizeError,
    Sampling,
    find_nearest,
    find_places,
    grows,
    make_fractions,
    make_weights,
    rounding_decides,
    rounding_of,
)
from pipeline.tf.layout.sizes import is_known, materialize, number_of, product
from pipeline.tf.layout.value import Order, Value, arrange, reshape_held, wrap

_MAX_SIZE_OF_FACTOR = 4096

Flags = tuple[bool, bool]
"""align_corners and half_pixel_centers of TensorFlow's ops."""

_PLAIN: Flags = (False, False)
_HALF: Flags = (False, True)
_ALIGNED: Flags = (True, False)
_ALL = frozenset({_PLAIN, _HALF, _ALIGNED})
_FLAGS_OF_LINEAR = {
    "asymmetric": frozenset({_PLAIN}),
    "align_corners": frozenset({_ALIGNED}),
    "half_pixel": frozenset({_HALF}),
    "half_pixel_symmetric": frozenset({_HALF}),
    "pytorch_half_pixel": frozenset({_HALF}),
}


def resize(value: Value, axes: Mapping[int, Axis], sampling: Sampling) -> Value:
    """Return a value with axes resized.

    Args:
        value: The value.
        axes: What happens to its axes, by the model's axis; others stay.
        sampling: How elements are computed.

    Raises:
        CannotResizeError: An axis of an open size cannot be resized so.
    """
    changed = {number: axis for number, axis in axes.items() if not _is_identity(axis, sampling)}
    if not changed:
        return value
    made = _call_op(value, changed, sampling)
    if made is not None:
        return made
    outside: Any = np.zeros([1] * value.rank, bool)
    for number, axis in changed.items():
        value = _resize_axis(value, number, axis, sampling)
        if sampling.places == "tf_crop_and_resize":
            shape = [1] * value.rank
            shape[value.order.index(number)] = -1
            places = find_places(axis, sampling)
            outside = outside | ((places < 0) | (places > number_of(axis.size) - 1)).reshape(shape)
    if sampling.fill and np.any(outside):
        filled = value.tensor + tf.constant(outside.astype(np.float32) * np.float32(sampling.fill))
        value = wrap(filled, value.dtype, order=value.order, sizes=value.sizes)
    return value


def _is_identity(axis: Axis, sampling: Sampling) -> bool:
    """Return whether each element stays what it is."""
    moves = sampling.places in ("tf_crop_and_resize", "tf_half_pixel_for_nn")
    return axis.multiple == 1 and not moves


def _call_op(value: Value, axes: Mapping[int, Axis], sampling: Sampling) -> Value | None:
    """Resize two axes with TensorFlow's op; None where there is no op, or it differs."""
    if sampling.places == "tf_crop_and_resize":
        return None
    flags = _ALL
    for axis in axes.values():
        flags = flags & _flags_of(axis, sampling)
    order = _find_order(value, list(axes))
    if not flags or order is None or (sampling.mode == "linear" and value.dtype[:3] == "int"):
        return None
    held = tf.cast(arrange(value, order).tensor, tf.float32)
    is_narrow = value.rank == 3  # noqa: PLR2004  # one axis of space
    held = tf.expand_dims(held, 1) if is_narrow else held
    sizes = [axes[n].target if n in axes else size for n, size in enumerate(value.sizes)]
    space = [1, sizes[order[1]]] if is_narrow else [sizes[order[1]], sizes[order[2]]]
    op = (
        tf.raw_ops.ResizeNearestNeighbor
        if sampling.mode == "nearest"
        else tf.raw_ops.ResizeBilinear
    )
    align, half = min(flags)
    made = op(
        images=held,
        size=tf.stack([materialize(size) for size in space]),
        align_corners=align,
        half_pixel_centers=half,
    )
    made = tf.squeeze(made, [1]) if is_narrow else made
    return wrap(made, value.dtype, order=order, sizes=sizes)


def _find_order(value: Value, axes: Sequence[int]) -> Order | None:
    """Return an order with the resized axes in the middle; None where there is none."""
    order = value.order
    if value.rank not in (3, 4) or not 1 <= len(axes) <= value.rank - 2:
        return None
    if set(axes) <= set(order[1:-1]):
        return order
    rest = [axis for axis in range(value.rank) if axis not in axes]
    if len(axes) < value.rank - 2:
        # The last axis that stays is one of space too: (batch, channels, space …).
        return (rest[0], *sorted([*axes, rest[-1]]), rest[1]) if len(rest) > 2 else None  # noqa: PLR2004
    return (rest[0], *axes, rest[1])


def _flags_of(axis: Axis, sampling: Sampling) -> frozenset[Flags]:
    """Return the flags with which TensorFlow's op computes the same along an axis."""
    if sampling.mode == "nearest":
        return _flags_of_nearest(axis, sampling)
    shrinks = not grows(axis)
    is_single = shrinks and (axis.target == 1 or not is_known(axis.target))
    differs = (
        sampling.mode != "linear"
        or (sampling.antialiases and shrinks)
        or (sampling.places != "align_corners" and not axis.is_exact)
        or (sampling.places == "pytorch_half_pixel" and is_single)
    )
    return frozenset() if differs else _FLAGS_OF_LINEAR.get(sampling.places, frozenset())


def _flags_of_nearest(axis: Axis, sampling: Sampling) -> frozenset[Flags]:
    if axis.is_known:
        expected = find_nearest(axis, sampling)
        return frozenset(flags for flags in _ALL if _chooses(axis, flags, expected))
    repeats = sampling.places in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric") and (
        sampling.rounding.startswith("round_")
    )
    repeats = repeats or (
        sampling.places == "asymmetric" and rounding_of(axis, sampling) == "floor"
    )
    if not repeats or not axis.multiple:
        return frozenset()
    trial = Axis(size=_MAX_SIZE_OF_FACTOR, target=_MAX_SIZE_OF_FACTOR * axis.multiple)
    expected = np.repeat(np.arange(_MAX_SIZE_OF_FACTOR), axis.multiple)
    return frozenset(flags for flags in (_PLAIN, _HALF) if _chooses(trial, flags, expected))


def _chooses(axis: Axis, flags: Flags, expected: Any) -> bool:
    """Return whether TensorFlow's op takes the expected elements, however precisely it computes."""
    size, target = number_of(axis.size), number_of(axis.target)
    align, half = flags
    kinds: tuple[Any, ...] = (np.float32, np.float64)
    for dtype in kinds:
        ends = (size - 1, target - 1) if align and target > 1 else (size, target)
        step = dtype(ends[0]) / dtype(ends[1])
        places = (np.arange(target, dtype=dtype) + dtype(0.5 * half)) * step
        taken = np.floor(places + dtype(0.5)) if align else np.floor(places)
        if not np.array_equal(np.minimum(taken.astype(int), size - 1), expected):
            return False
    return True


def _resize_axis(value: Value, number: int, axis: Axis, sampling: Sampling) -> Value:
    held_axis = value.order.index(number)
    sizes = [axis.target if n == number else size for n, size in enumerate(value.sizes)]
    if not axis.is_known:
        made = _sample_open(value.tensor, held_axis, axis, sampling)
    elif sampling.mode == "nearest" and sampling.places != "tf_crop_and_resize":
        made = tf.gather(value.tensor, find_nearest(axis, sampling), axis=held_axis)
    else:
        made = _multiply_axis(
            value, held_axis, make_weights(axis, sampling).astype(np.float32), axis
        )
    return wrap(made, value.dtype, order=value.order, sizes=sizes)


def _multiply_axis(value: Value, held_axis: int, matrix: Any, axis: Axis) -> Any:
    """Return a tensor with one axis multiplied by a (target, size) matrix."""
    sizes = [value.sizes[number] for number in value.order]
    before, behind = sizes[:held_axis], sizes[held_axis + 1 :]
    made = [*before, axis.target, *behind]
    if product(behind) == 1:
        flat = reshape_held(value.tensor, [product(before), axis.size])
        return reshape_held(tf.matmul(flat, tf.constant(np.ascontiguousarray(matrix.T))), made)
    wide = reshape_held(value.tensor, [product(before), axis.size, product(behind)])
    return reshape_held(tf.matmul(tf.constant(matrix), wide), made)


def _sample_open(tensor: Any, held_axis: int, axis: Axis, sampling: Sampling) -> Any:
    """Resize an axis of an open size by indices that the graph computes."""
    if sampling.mode not in ("nearest", "linear"):
        raise CannotResizeError(f"mode {sampling.mode!r} over an axis of a size that is not known")
    if sampling.antialiases and not grows(axis):
        raise CannotResizeError("antialias over an axis of a size that is not known")
    if sampling.mode == "nearest" and rounding_decides(axis, sampling):
        raise CannotResizeError("rounding decides between elements over an axis of an open size")
    above, below = make_fractions(axis, sampling)
    last = materialize(axis.size) - 1
    double = 2 * below

    def take(index: Any) -> Any:
        return tf.gather(tensor, tf.clip_by_value(index, 0, last), axis=held_axis)

    if sampling.mode == "nearest":
        shift = {"floor": 0, "ceil": double - 1, "round_prefer_ceil": below}
        more = shift.get(rounding_of(axis, sampling), below - 1)
        return take(tf.math.floordiv(above + more, double))
    lower = tf.math.floordiv(above, double)
    share = tf.cast(above - lower * double, tf.float32) / tf.cast(double, tf.float32)
    shape = [1] * len(tensor.shape)
    shape[held_axis] = -1
    first = take(lower)
    return first + (take(lower + 1) - first) * tf.reshape(share, shape)
