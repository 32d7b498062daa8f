"""Lowerings of functions of probability, by published formulas good to float32.

The gamma function is that of Lanczos, "A Precision Approximation of the Gamma Function" (SIAM
Journal on Numerical Analysis 1, 1964), with g = 7 and nine coefficients; the inverse of the normal
distribution that of Moshier's Cephes library (ndtri), as in TensorFlow, which takes the inverse of
the error function from it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, require_sizes, require_static

_G = 7.0
_LANCZOS_START = 0.99999999999980993
_LANCZOS = (
    676.520368121885099, -1259.13921672240287, 771.323428777653079, -176.615029162140599,
    12.5073432786869048, -0.138571095265720117, 9.98436957801957086e-6, 1.50563273514931156e-7,
)  # fmt: skip
# Of Taylor's series of the sine, which is right to float32 up to 90 degrees.
_SINE = tuple((-1) ** i / math.factorial(2 * i + 1) for i in reversed(range(6)))
# Of Moshier: numerator and denominator of the middle, of the tails, and of their ends.
_MIDDLE = (
    (-59.9633501014107895, 98.0010754185999662, -56.6762857469070293, 13.9312609387279680,
     -1.23916583867381258),
    (1, 1.95448858338141760, 4.67627912898881538, 86.3602421390890591, -225.462687854119371,
     200.260212380060660, -82.0372256168333340, 15.9056225126211696, -1.18331621121330003),
)  # fmt: skip
_TAILS = (
    (4.05544892305962420, 31.5251094599893866, 57.1628192246421288, 44.0805073893200835,
     14.6849561928858024, 2.18663306850790268, -0.140256079171354496, -0.0350424626827848203,
     -8.57456785154685414e-4),
    (1, 15.7799883256466750, 45.3907635128879211, 41.3172038254672030, 15.0425385692907503,
     2.50464946208309416, -0.142182922854787788, -0.0380806407691578277, -9.33259480895457427e-4),
)  # fmt: skip
_ENDS = (
    (3.23774891776946036, 6.91522889068984212, 3.93881025292474443, 1.33303460815807542,
     0.201485389549179082, 0.0123716634817820021, 3.01581553508235416e-4, 2.65806974686737551e-6,
     6.23974539184983294e-9),
    (1, 6.02427039364742014, 3.67983563856160859, 1.37702099489081330, 0.216236993594496636,
     0.0134204006088543189, 3.28014464682127739e-4, 2.89247864745380684e-6, 6.79019408009981274e-9),
)  # fmt: skip
_TAIL = math.exp(-2)
_ENDS_FROM = 8.0


def _in_float32(compute: Callable[[tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Return a rule of one input, which computes in float32 whatever the input's type."""
    return lambda *, x, **_: tf.cast(compute(tf.cast(x, tf.float32)), x.dtype)


def _evaluate(coefficients: Sequence[float], x: tf.Tensor) -> tf.Tensor:
    """Return a polynomial of x; the coefficient of the highest power comes first."""
    made = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        made = made * x + coefficient
    return made


def _divide(pair: tuple[Sequence[float], Sequence[float]], x: tf.Tensor) -> tf.Tensor:
    return _evaluate(pair[0], x) / _evaluate(pair[1], x)


def _sine(turns: tf.Tensor) -> tf.Tensor:
    """Return sin(pi x) up to 1/2; the sine of the wasm backend is 0 for the smallest numbers."""
    angle = math.pi * turns
    return angle * _evaluate(_SINE, angle * angle)


def _log_gamma(x: tf.Tensor) -> tf.Tensor:
    """Return log |gamma(x)|; below 1/2 by the reflection at 1/2, infinite at the poles."""
    is_low = tf.less(x, 0.5)
    z = tf.where(is_low, -x, x - 1.0)
    total = tf.fill(tf.shape(x), np.float32(_LANCZOS_START))
    for i, coefficient in enumerate(_LANCZOS):
        total += coefficient / (z + (i + 1.0))
    t = z + (_G + 0.5)
    log_t = tf.math.log(t)
    made = (z + 0.5 - t / log_t) * log_t + tf.math.log(total) + 0.5 * math.log(2 * math.pi)
    part = tf.abs(x) - tf.floor(tf.abs(x))
    sine = _sine(tf.minimum(part, 1.0 - part))
    is_pole = tf.equal(part, 0.0)
    reflected = math.log(math.pi) - tf.math.log(sine) - made
    reflected = tf.where(is_pole, np.float32(np.inf), reflected)
    found = tf.where(is_low, reflected, made)
    return tf.where(tf.equal(tf.abs(x), np.inf), np.float32(np.inf), found)


def _digamma(x: tf.Tensor) -> tf.Tensor:
    """Return the derivative of log gamma(x); NaN at its poles."""
    is_low = tf.less(x, 0.5)
    z = tf.where(is_low, -x, x - 1.0)
    total, slope = tf.fill(tf.shape(x), np.float32(_LANCZOS_START)), tf.zeros_like(x)
    for i, coefficient in enumerate(_LANCZOS):
        part = coefficient / (z + (i + 1.0))
        total, slope = total + part, slope - part / (z + (i + 1.0))
    t = z + (_G + 0.5)
    made = tf.math.log(t) + slope / total - _G / t
    turn = x + tf.abs(tf.floor(x + 0.5))
    reflected = made - math.pi * _sine(0.5 - tf.abs(turn)) / _sine(turn)
    is_pole = tf.logical_and(tf.less_equal(x, 0.0), tf.equal(x, tf.floor(x)))
    return tf.where(is_pole, np.float32(np.nan), tf.where(is_low, reflected, made))


def _invert_normal(x: tf.Tensor) -> tf.Tensor:
    """Return below what a standard normal number is with probability x; NaN beyond 0 and 1."""
    is_high = tf.greater(x, 1.0 - _TAIL)
    low = tf.where(is_high, 1.0 - x, x)
    from_half = low - 0.5
    square = from_half * from_half
    middle = from_half + from_half * square * _divide(_MIDDLE, square)
    z = tf.sqrt(-2.0 * tf.math.log(low))
    correction = tf.where(tf.less(z, _ENDS_FROM), _divide(_TAILS, 1.0 / z), _divide(_ENDS, 1.0 / z))
    tail = z - (tf.math.log(z) + correction) / z
    tail = tf.where(tf.equal(low, 0.0), np.float32(np.inf), tail)
    tail = tf.where(is_high, tail, -tail)
    return tf.where(tf.greater(low, _TAIL), middle * math.sqrt(2 * math.pi), tail)


def _invert_error(x: tf.Tensor) -> tf.Tensor:
    """Return where the error function is x, with the rounding of TensorFlow near 1 and -1."""
    return tf.sign(x) * _invert_normal(0.5 * tf.abs(x) + 0.5) * math.sqrt(0.5)


def _accumulate(
    *, x: tf.Tensor, axis: tf.Tensor, exclusive: bool, reverse: bool, **_: Any
) -> tf.Tensor:
    """Join each element with what ends one, two, four, ... before it."""
    number = int(require_static(axis, "axis"))
    sizes = require_sizes(x, slice(number, number + 1 or None))
    number %= x.shape.rank
    made = tf.reverse(x, [number]) if reverse else x
    step = 1
    while step < sizes[0]:
        made = _add_logarithms(made, _delay(made, number, step))
        step *= 2
    if exclusive:
        made = _delay(made, number, 1)
    return tf.reverse(made, [number]) if reverse else made


def _delay(x: tf.Tensor, axis: int, step: int) -> tf.Tensor:
    """Move elements along an axis, and fill its start with the logarithm of 0."""
    paddings = [[step * (i == axis), 0] for i in range(x.shape.rank)]
    padded = tf.pad(x, paddings, constant_values=tf.constant(-np.inf, x.dtype))
    return padded[(slice(None),) * axis + (slice(None, -step),)]


def _add_logarithms(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return log(exp(a) + exp(b)); of equal infinities the same."""
    apart = tf.where(tf.equal(a, b), tf.zeros([], a.dtype), tf.abs(a - b))
    return tf.maximum(a, b) + tf.math.log1p(tf.exp(-apart))


def _count_in_bins(
    *, values: tf.Tensor, value_range: tf.Tensor, nbins: tf.Tensor, dtype: tf.DType, **_: Any
) -> tf.Tensor:
    """Count the values that reach each border of two bins, and take differences."""
    if values.dtype not in (tf.float32, tf.float64):
        raise NotLowered(f"of {values.dtype.name}")
    low, high = require_static(value_range, "range of values").astype(np.float32)
    count = int(require_static(nbins, "number of bins"))
    if not low < high or count < 1:
        raise NotLowered("it has no bins")
    start = tf.constant(low, values.dtype)
    above = tf.reshape(tf.maximum(values, start) - start, [-1, 1])
    borders = tf.constant(_find_borders(float(high - low) / count, count), values.dtype)
    reached = tf.reduce_sum(tf.cast(tf.greater_equal(above, borders), tf.int32), 0)
    all_values = tf.reshape(tf.size(values), [1])
    counts = tf.concat([all_values, reached], 0) - tf.concat([reached, [0]], 0)
    return tf.cast(counts, dtype)


def _find_borders(step: float, count: int) -> np.ndarray[Any, Any]:
    """Return the least float32 that is in each bin but the first.

    TensorFlow divides by the step in float64, so that a quotient of float32 may be in the next bin.
    """
    numbers = np.arange(1, count)
    borders = (numbers * step).astype(np.float32)
    for _ in range(2):
        borders = np.nextafter(borders, np.float32(-np.inf))
    for _ in range(4):
        is_below = borders.astype(np.float64) / step < numbers
        borders = np.where(is_below, np.nextafter(borders, np.float32(np.inf)), borders)
    return borders


RULES = {
    "CumulativeLogsumexp": Lowering(
        lower=_accumulate, becomes="sums with what ends one, two, four, ... before"
    ),
    "Digamma": Lowering(lower=_in_float32(_digamma), becomes="the formula of Lanczos"),
    "Erfinv": Lowering(lower=_in_float32(_invert_error), becomes="a multiple of what Ndtri is"),
    "HistogramFixedWidth": Lowering(
        lower=_count_in_bins, becomes="differences of counts of the values not below each border"
    ),
    "Lgamma": Lowering(lower=_in_float32(_log_gamma), becomes="the formula of Lanczos"),
    "Ndtri": Lowering(lower=_in_float32(_invert_normal), becomes="the formula of Cephes"),
}
