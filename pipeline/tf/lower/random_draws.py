"""Lowerings of ops that draw random numbers, by ops that draw uniform and normal numbers.

Loops that draw until a number is accepted become a fixed number of draws; the text at each says
how seldom none of them is accepted. RandomUniform has 24 bits in TensorFlow.js.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered

_TINY = float(np.finfo(np.float32).tiny)
_GAMMA_TRIES = 8
_POISSON_TRIES = 12
_LARGE = 10.0
_TERMS = 40
_HALF = 1 << 16


def _gamma(*, shape: tf.Tensor, alpha: tf.Tensor, **_: Any) -> tf.Tensor:
    """Draw by https://doi.org/10.1145/358407.358414, which accepts 95 % and more.

    All of eight draws are refused for 4 numbers in 10^11 at most. A shape below 1 is that plus 1,
    times a power of a uniform number.
    """
    full, given = _spread(shape, alpha)
    high = given + tf.cast(given < 1.0, tf.float32)
    scale = high - 1.0 / 3.0
    count = [_GAMMA_TRIES, tf.size(given)]
    normal = tf.raw_ops.RandomStandardNormal(shape=count, dtype=tf.float32)
    cubes = tf.maximum(1.0 + normal * tf.math.rsqrt(9.0 * scale), 0.0) ** 3
    logs = tf.math.log(tf.maximum(cubes, _TINY))
    bound = tf.square(normal) / 2.0 + scale * (1.0 - cubes + logs)
    accepted = tf.logical_and(cubes > 0.0, tf.math.log(_uniform(count)) < bound)
    drawn = scale * _first(accepted, cubes)
    power = tf.math.log(_uniform([tf.size(given)])) / given
    drawn *= tf.where(given < 1.0, tf.exp(power), tf.ones_like(given))
    return tf.cast(tf.reshape(drawn, full), alpha.dtype)


def _poisson(*, shape: tf.Tensor, rate: tf.Tensor, dtype: tf.DType, **_: Any) -> tf.Tensor:
    """Invert the distribution function below 10; above by `_large_poisson`."""
    full, given = _spread(shape, rate)
    small = tf.expand_dims(tf.minimum(given, _LARGE), -1)
    counts = tf.range(float(_TERMS))
    log_factorials = np.cumsum(np.log(np.maximum(np.arange(_TERMS), 1))).astype(np.float32)
    chances = tf.exp(counts * tf.math.log(tf.maximum(small, _TINY)) - small - log_factorials)
    uniform = tf.expand_dims(_uniform([tf.size(given)]), -1)
    inverted = tf.reduce_sum(tf.cast(uniform > tf.cumsum(chances, -1), tf.float32), -1)
    drawn = tf.where(given < _LARGE, inverted, _large_poisson(tf.maximum(given, _LARGE)))
    return tf.cast(tf.reshape(drawn, full), dtype)


def _large_poisson(rate: tf.Tensor) -> tf.Tensor:
    """Draw by https://doi.org/10.1016/0167-6687(93)90997-4 (PTRS), which accepts 75 % and more.

    All of twelve draws are refused for 6 numbers in 10^8 at most.
    """
    root = tf.sqrt(rate)
    wide = 0.931 + 2.53 * root
    slope = -0.059 + 0.02483 * wide
    inverse = 1.1239 + 1.1328 / (wide - 3.4)
    count = [_POISSON_TRIES, tf.size(rate)]
    centred, other = _uniform(count) - 0.5, _uniform(count)
    border = tf.maximum(0.5 - tf.abs(centred), _TINY)
    counts = tf.floor((2.0 * slope / border + wide) * centred + rate + 0.43)
    hat = other * inverse / (slope / tf.square(border) + wide)
    chance = _log_chance(tf.maximum(counts, 0.0), rate)
    accepted = tf.logical_and(counts >= 0.0, tf.math.log(hat) <= chance)
    return _first(accepted, tf.maximum(counts, 0.0))


def _log_chance(counts: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Return the log of a Poisson chance by Stirling's series, without large differences."""
    above = tf.maximum(counts, 1.0)
    part = (rate - above) / above
    series = (1.0 / 12.0 - 1.0 / (360.0 * tf.square(above))) / above
    chance = above * (tf.math.log1p(part) - part) - 0.5 * tf.math.log(2.0 * np.pi * above) - series
    return tf.where(counts < 1.0, -rate + tf.zeros_like(counts), chance)


def _shuffle(*, value: tf.Tensor, **_: Any) -> tf.Tensor:
    """Order rows by a uniform number for each."""
    if value.shape.rank is None:
        raise NotLowered("of unknown rank")
    if value.shape.rank == 0:
        return tf.identity(value)
    rows = tf.shape(value)[0]
    return tf.gather(value, tf.math.top_k(_uniform([rows]), rows).indices)


def _whole(*, shape: tf.Tensor, dtype: tf.DType, **_: Any) -> tf.Tensor:
    """Draw 32 bits as two halves, each of which a uniform number has."""
    if dtype.is_unsigned:
        raise NotLowered("of unsigned numbers")
    high, low = (tf.cast(tf.floor(_draw_uniform(shape) * float(_HALF)), tf.int32) for _ in range(2))
    return tf.cast((high - _HALF // 2) * _HALF + low, dtype)


def _spread(shape: tf.Tensor, given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the shape of the result, and its parameter for each number, flat float32."""
    full = tf.concat([tf.cast(shape, tf.int32), tf.shape(given)], 0)
    return full, tf.reshape(tf.broadcast_to(tf.cast(given, tf.float32), full), [-1])


def _draw_uniform(shape: Any) -> tf.Tensor:
    return tf.raw_ops.RandomUniform(shape=shape, dtype=tf.float32)


def _uniform(shape: Any) -> tf.Tensor:
    """Draw uniform numbers above 0, of which a logarithm is finite."""
    return tf.maximum(_draw_uniform(shape), 2.0**-25)


def _first(accepted: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Return the first accepted of the draws along axis 0, the last where none is."""
    *flags, _ = tf.unstack(accepted)
    *earlier, chosen = tf.unstack(drawn)
    for flag, value in zip(reversed(flags), reversed(earlier), strict=True):
        chosen = tf.where(flag, value, chosen)
    return chosen


RULES = {
    "NonDeterministicInts": Lowering(lower=_whole, becomes="two halves of a number, each uniform"),
    "RandomGamma": Lowering(lower=_gamma, becomes="the first accepted of eight draws"),
    "RandomPoissonV2": Lowering(
        lower=_poisson, becomes="an inverted distribution, or the first accepted of twelve draws"
    ),
    "RandomShuffle": Lowering(lower=_shuffle, becomes="Gather by the order of uniform numbers"),
}
