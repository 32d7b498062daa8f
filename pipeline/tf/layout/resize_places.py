"""Where the elements of a resized axis lie in its source, and what each of them weighs.

Coordinate modes and roundings have the names that ONNX and OpenVINO share:
https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import Size, is_known, materialize, number_of

_MAX_DENOMINATOR = 1024
# Positions are computed in float32; what is closer than its rounding is equal.
_ROUNDING = 1e-6
_TIE = 1e-4


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


def grows(axis: Axis) -> bool:
    """Return whether the result is certainly no smaller than the source."""
    if axis.scale is not None:
        return axis.scale >= 1
    return axis.multiple is not None or (
        axis.is_known and number_of(axis.target) >= number_of(axis.size)
    )


def find_places(axis: Axis, sampling: Sampling, dtype: Any = np.float64) -> Any:
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


def find_nearest(axis: Axis, sampling: Sampling) -> Any:
    """Return the index of the element that each place takes, for known sizes."""
    places = find_places(axis, sampling, np.float32)
    rounding = rounding_of(axis, sampling)
    taken = _round(places, rounding)
    if sampling.places == "half_pixel_symmetric" and not axis.is_exact:
        near = [_round(places + error, rounding) for error in (-_TIE, _TIE)]
        if not np.array_equal(*near):
            raise CannotResizeError("a place lies between two elements, so that rounding decides")
    return np.clip(taken.astype(np.int32), 0, number_of(axis.size) - 1)


def rounding_of(axis: Axis, sampling: Sampling) -> str:
    """Return how places along an axis are rounded; "simple" depends on whether it shrinks."""
    if sampling.rounding != "simple":
        return sampling.rounding
    return "floor" if grows(axis) else "ceil"


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


def make_weights(axis: Axis, sampling: Sampling) -> Any:
    """Return the (target, size) matrix of an axis of known sizes."""
    size, target = number_of(axis.size), number_of(axis.target)
    places = find_places(axis, sampling)
    matrix = np.zeros((target, size))
    if sampling.mode == "nearest":
        matrix[np.arange(target), find_nearest(axis, sampling)] = 1
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


def rounding_decides(axis: Axis, sampling: Sampling) -> bool:
    """Return whether rounding errors of float32 may choose another element than fractions do.

    Other programs compute places in float32, and are exact where the scale is.
    """
    if axis.scale is not None:
        return axis.ratio is None or float(axis.ratio) != axis.scale
    return "half_pixel" in sampling.places and not sampling.rounding.startswith("round_")


def make_fractions(axis: Axis, sampling: Sampling) -> tuple[Any, Any]:
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
        case "pytorch_half_pixel" if not grows(axis):
            return tf.where(target > 1, halves - under, tf.zeros_like(halves)), under
        case "half_pixel_symmetric" if not axis.is_exact:
            raise CannotResizeError(f"{sampling.places!r} over an axis of a size that is not known")
        case _:
            return halves - under, under
