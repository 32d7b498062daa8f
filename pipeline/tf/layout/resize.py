"""Resizing of axes: by an op of TensorFlow where it computes the same; else axis by axis.

An axis of known sizes becomes indices, or a matrix of weights, that are constants. One of an open
size becomes indices that the graph computes. Coordinate modes and roundings have the names that
ONNX and OpenVINO share: https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import Size, is_known, materialize, number_of, product
from pipeline.tf.layout.value import Order, Value, arrange, reshape_held, wrap

_MAX_DENOMINATOR = 1024
_MAX_SIZE_OF_FACTOR = 4096
# Positions are computed in float32; what is closer than its rounding is equal.
_ROUNDING = 1e-6
_TIE = 1e-4

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


class CannotResizeError(Exception):
    """A form of resizing that has no equal; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the elements of a resized axis are computed.

    Attributes:
        mode: "nearest", "linear" or "cubic".
        places: How places of the result become places of the source: "half_pixel", …
        rounding: How "nearest" rounds: "round_prefer_floor", "floor", …; "simple" rounds down,
            and up where the result is smaller than the source.
        cubic: Coefficient of the cubic.
        excludes_outside: Whether places outside weigh nothing; else they have the edge's element.
        antialiases: Whether a smaller result averages more elements.
        fill: What lies outside of the region of "tf_crop_and_resize".
    """

    mode: str
    places: str = "half_pixel"
    rounding: str = "round_prefer_floor"
    cubic: float = -0.75
    excludes_outside: bool = False
    antialiases: bool = False
    fill: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis that is resized.

    Attributes:
        size: Its size.
        target: Its size in the result.
        scale: The scale as stated; None for the quotient of the sizes.
        region: Where the region of "tf_crop_and_resize" begins and ends; 0 and 1 for all.
    """

    size: Size
    target: Size
    scale: float | None = None
    region: tuple[float, float] = (0.0, 1.0)

    @property
    def is_known(self) -> bool:
        """Whether both sizes are numbers."""
        return is_known(self.size) and is_known(self.target)

    @property
    def factor(self) -> float:
        """The scale, of known sizes."""
        if self.scale is not None:
            return self.scale
        return number_of(self.target) / number_of(self.size)

    @property
    def ratio(self) -> Fraction | None:
        """The scale as a fraction; None where it is the quotient of the sizes, or no simple one."""
        if self.scale is None:
            return None
        found = Fraction(self.scale).limit_denominator(_MAX_DENOMINATOR)
        return found if np.float32(float(found)) == np.float32(self.scale) else None

    @property
    def is_exact(self) -> bool:
        """Whether the scale is the quotient of the sizes."""
        if self.scale is None:
            return True
        if self.is_known:
            whole = float(number_of(self.target))
            return bool(abs(number_of(self.size) * self.scale - whole) <= _ROUNDING * whole)
        ratio = self.ratio
        return ratio is not None and (
            self.target * ratio.denominator == self.size * ratio.numerator
        )

    @property
    def multiple(self) -> int | None:
        """The whole number of times that the result is larger; None where it is none."""
        if not self.is_exact:
            return None
        if self.is_known:
            size, target = number_of(self.size), number_of(self.target)
            return target // size if size and target % size == 0 else None
        if self.scale is None:
            quotient = self.target // self.size
            is_whole = is_known(quotient) and quotient * self.size == self.target
            return number_of(quotient) if is_whole else None
        return int(self.scale) if self.scale == int(self.scale) else None


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
            places = _places(axis, sampling)
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
    shrinks = not _grows(axis)
    is_single = shrinks and (axis.target == 1 or not is_known(axis.target))
    differs = (
        sampling.mode != "linear"
        or (sampling.antialiases and shrinks)
        or (sampling.places != "align_corners" and not axis.is_exact)
        or (sampling.places == "pytorch_half_pixel" and is_single)
    )
    return frozenset() if differs else _FLAGS_OF_LINEAR.get(sampling.places, frozenset())


def _grows(axis: Axis) -> bool:
    """Return whether the result is certainly no smaller than the source."""
    if axis.scale is not None:
        return axis.scale >= 1
    return axis.multiple is not None or (
        axis.is_known and number_of(axis.target) >= number_of(axis.size)
    )


def _flags_of_nearest(axis: Axis, sampling: Sampling) -> frozenset[Flags]:
    if axis.is_known:
        expected = _nearest(axis, sampling)
        return frozenset(flags for flags in _ALL if _chooses(axis, flags, expected))
    repeats = sampling.places in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric") and (
        sampling.rounding.startswith("round_")
    )
    repeats = repeats or (
        sampling.places == "asymmetric" and _rounding_of(axis, sampling) == "floor"
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


def _places(axis: Axis, sampling: Sampling, dtype: Any = np.float64) -> Any:
    """Return the places in the source of all elements of the result, for known sizes."""
    size, target = number_of(axis.size), number_of(axis.target)
    scale = dtype(np.float32(axis.factor) if dtype == np.float32 else axis.factor)
    number, half = np.arange(target, dtype=dtype), dtype(0.5)
    centres = (number + half) / scale
    match sampling.places:
        case "asymmetric":
            places = number / scale
        case "align_corners":
            places = number * dtype(size - 1) / dtype(max(target - 1, 1))
        case "tf_crop_and_resize":
            places = _crop(axis.region, number, dtype(size - 1))
        case "tf_half_pixel_for_nn":
            places = centres
        case "pytorch_half_pixel" if target == 1:
            places = number
        case "half_pixel_symmetric":
            places = dtype(size / 2) * (1 - dtype(target) / (scale * dtype(size))) + centres - half
        case _:
            places = centres - half
    return places


def _crop(region: tuple[float, float], number: Any, last: Any) -> Any:
    """Return places that are spread evenly over a region of an axis."""
    first, end = (last.dtype.type(n) for n in region)
    if number.size == 1:
        return number + (first + end) * last / 2
    return first * last + number * ((end - first) * last / last.dtype.type(number.size - 1))


def _nearest(axis: Axis, sampling: Sampling) -> Any:
    """Return the index of the element that each place takes, for known sizes."""
    places = _places(axis, sampling, np.float32)
    rounding = _rounding_of(axis, sampling)
    taken = _round(places, rounding)
    if sampling.places == "half_pixel_symmetric" and not axis.is_exact:
        near = [_round(places + error, rounding) for error in (-_TIE, _TIE)]
        if not np.array_equal(*near):
            raise CannotResizeError("a place lies between two elements, so that rounding decides")
    return np.clip(taken.astype(np.int32), 0, number_of(axis.size) - 1)


def _rounding_of(axis: Axis, sampling: Sampling) -> str:
    """Return how places along an axis are rounded; "simple" depends on whether it shrinks."""
    if sampling.rounding != "simple":
        return sampling.rounding
    return "floor" if _grows(axis) else "ceil"


def _round(places: Any, rounding: str) -> Any:
    match rounding:
        case "floor":
            return np.floor(places)
        case "ceil":
            return np.ceil(places)
        case "round_prefer_ceil":
            return np.floor(places + np.float32(0.5))
        case _:
            return np.ceil(places - np.float32(0.5))


def _resize_axis(value: Value, number: int, axis: Axis, sampling: Sampling) -> Value:
    held_axis = value.order.index(number)
    sizes = [axis.target if n == number else size for n, size in enumerate(value.sizes)]
    if not axis.is_known:
        made = _sample_open(value.tensor, held_axis, axis, sampling)
    elif sampling.mode == "nearest" and sampling.places != "tf_crop_and_resize":
        made = tf.gather(value.tensor, _nearest(axis, sampling), axis=held_axis)
    else:
        made = _multiply_axis(value, held_axis, _weights(axis, sampling).astype(np.float32), axis)
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


def _weights(axis: Axis, sampling: Sampling) -> Any:
    """Return the (target, size) matrix of an axis of known sizes."""
    size, target = number_of(axis.size), number_of(axis.target)
    places = _places(axis, sampling)
    matrix = np.zeros((target, size))
    if sampling.mode == "nearest":
        matrix[np.arange(target), _nearest(axis, sampling)] = 1
    else:
        narrow = min(axis.factor, 1.0) if sampling.antialiases else 1.0
        kernel, reach = _kernel(sampling)
        for row, place in enumerate(places):
            taken = np.arange(
                int(np.floor(place - reach / narrow)), int(np.ceil(place + reach / narrow)) + 1
            )
            weights = kernel((taken - place) * narrow)
            if sampling.excludes_outside:
                weights = weights * ((taken >= 0) & (taken < size))
            if sampling.excludes_outside or narrow != 1:
                weights = weights / weights.sum()
            np.add.at(matrix[row], np.clip(taken, 0, size - 1), weights)
    if sampling.places == "tf_crop_and_resize":
        matrix[(places < 0) | (places > size - 1)] = 0
    return matrix


def _kernel(sampling: Sampling) -> tuple[Callable[[Any], Any], int]:
    """Return the weight by distance, and from where on it is zero."""
    if sampling.mode == "linear":
        return lambda distance: np.maximum(1 - np.abs(distance), 0), 1
    a = sampling.cubic

    def cubic(distance: Any) -> Any:
        x = np.abs(distance)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))  # noqa: PLR2004  # its reach

    return cubic, 2


def _sample_open(tensor: Any, held_axis: int, axis: Axis, sampling: Sampling) -> Any:
    """Resize an axis of an open size by indices that the graph computes."""
    if sampling.mode not in ("nearest", "linear"):
        raise CannotResizeError(f"mode {sampling.mode!r} over an axis of a size that is not known")
    if sampling.antialiases and not _grows(axis):
        raise CannotResizeError("antialias over an axis of a size that is not known")
    if sampling.mode == "nearest" and _rounding_decides(axis, sampling):
        raise CannotResizeError("rounding decides between elements over an axis of an open size")
    above, below = _fractions(axis, sampling)
    last = materialize(axis.size) - 1
    double = 2 * below

    def take(index: Any) -> Any:
        return tf.gather(tensor, tf.clip_by_value(index, 0, last), axis=held_axis)

    if sampling.mode == "nearest":
        shift = {"floor": 0, "ceil": double - 1, "round_prefer_ceil": below}
        more = shift.get(_rounding_of(axis, sampling), below - 1)
        return take(tf.math.floordiv(above + more, double))
    lower = tf.math.floordiv(above, double)
    share = tf.cast(above - lower * double, tf.float32) / tf.cast(double, tf.float32)
    shape = [1] * len(tensor.shape)
    shape[held_axis] = -1
    first = take(lower)
    return first + (take(lower + 1) - first) * tf.reshape(share, shape)


def _rounding_decides(axis: Axis, sampling: Sampling) -> bool:
    """Return whether rounding errors of float32 may choose another element than fractions do.

    Other programs compute places in float32, and are exact where the scale is.
    """
    if axis.scale is not None:
        return axis.ratio is None or float(axis.ratio) != axis.scale
    return "half_pixel" in sampling.places and not sampling.rounding.startswith("round_")


def _fractions(axis: Axis, sampling: Sampling) -> tuple[Any, Any]:
    """Return the places (target,) of an axis as whole numbers over twice a whole number.

    Fractions are exact, on all backends: a rounding error before `floor` would choose another
    element.
    """
    size, target = materialize(axis.size), materialize(axis.target)
    ratio = axis.ratio
    if ratio is None and axis.scale is not None:
        raise CannotResizeError(
            f"the scale {axis.scale} over an axis of a size that is not known is no simple fraction"
        )
    over, under = (size, target) if ratio is None else (ratio.denominator, ratio.numerator)
    number = tf.range(target)
    halves = (2 * number + 1) * over
    match sampling.places:
        case "asymmetric":
            return 2 * number * over, under
        case "align_corners":
            return 2 * number * (size - 1), tf.maximum(target - 1, 1)
        case "tf_half_pixel_for_nn":
            return halves, under
        case "pytorch_half_pixel" if not _grows(axis):
            return tf.where(target > 1, halves - under, tf.zeros_like(halves)), under
        case "half_pixel_symmetric" if not axis.is_exact:
            raise CannotResizeError(f"{sampling.places!r} over an axis of a size that is not known")
        case _:
            return halves - under, under
