"""Matrices of interpolations along an axis whose size is known only when the model runs.

They follow core/kernels/image/resize_bicubic_op.cc and scale_and_translate_op.cc, in the same order
of operations, because a place is rounded to an index.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

_TABLE_SIZE = 1024
# The parameters of Keys' cubic, with and without `half_pixel_centers`.
_KEYS, _OLD = -0.5, -0.75
# A thousand times the least normal number, below which a total of weights is left as it is.
_LEAST_TOTAL = 1000 * 2.0**-126


def bicubic_matrix(
    before: Any, after: Any, *, align_corners: bool, half_pixel_centers: bool
) -> tf.Tensor:
    """Return (after, before): the weights of the four nearest elements, float32."""
    less = tf.cast(tf.greater(after, 1), tf.int32) if align_corners else 0
    scale = tf.cast(before - less, tf.float32) / tf.cast(after - less, tf.float32)
    places = tf.range(tf.cast(after, tf.float32))
    centers = (places + 0.5) * scale - 0.5 if half_pixel_centers else places * scale
    start = tf.floor(centers)
    part = tf.round((centers - start) * _TABLE_SIZE) / _TABLE_SIZE
    factor = _KEYS if half_pixel_centers else _OLD
    weights = [
        _far(part + 1, factor),
        _near(part, factor),
        _near(1 - part, factor),
        _far(2 - part, factor),
    ]
    last = tf.cast(before, tf.float32) - 1
    found = [start + i for i in (-1, 0, 1, 2)]
    inside = [tf.minimum(tf.maximum(index, 0), last) for index in found]
    if half_pixel_centers:
        weights = [
            weight * tf.cast(tf.equal(*pair), tf.float32)
            for weight, *pair in zip(weights, found, inside, strict=True)
        ]
        total = tf.add_n(weights)
        weights = [weight / total for weight in weights]
    elements = tf.range(tf.cast(before, tf.float32))
    return tf.add_n(
        [
            tf.expand_dims(weight, 1)
            * tf.cast(tf.equal(tf.expand_dims(index, 1), elements), tf.float32)
            for weight, index in zip(weights, inside, strict=True)
        ]
    )


def _near(x: tf.Tensor, a: float) -> tf.Tensor:
    """Return Keys' cubic up to a distance of 1."""
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far(x: tf.Tensor, a: float) -> tf.Tensor:
    """Return Keys' cubic at distances from 1 to 2."""
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def span_matrix(
    before: Any, after: Any, scale: Any, translation: Any, *, kernel: str, antialias: bool
) -> tf.Tensor:
    """Return (after, before): the weights of a kernel around each place, float32."""
    radius, weigh = KERNELS[kernel]
    step = 1 / tf.cast(scale, tf.float32)
    width = tf.maximum(step, 1.0) if antialias else tf.ones([])
    samples = (tf.range(tf.cast(after, tf.float32)) + 0.5) * step - step * translation
    length = tf.cast(before, tf.float32)
    sample = tf.expand_dims(samples, 1)
    distance = tf.abs(tf.range(length) + 0.5 - sample) / width
    inside = tf.less_equal(distance, radius)
    weights = tf.where(inside, weigh(distance), 0.0)
    total = tf.reduce_sum(weights, 1, keepdims=True)
    some = tf.greater_equal(tf.abs(total), _LEAST_TOTAL)
    used = tf.logical_and(tf.greater_equal(sample, 0.0), tf.less_equal(sample, length))
    safe = tf.where(some, total, tf.ones([]))
    return tf.where(used, weights / safe, 0.0)


def _lanczos(radius: float) -> Callable[[tf.Tensor], tf.Tensor]:
    def weigh(x: tf.Tensor) -> tf.Tensor:
        angle = tf.maximum(x, 1e-3) * math.pi
        made = radius * tf.sin(angle) * tf.sin(angle / radius) / tf.square(angle)
        return tf.where(tf.less_equal(x, 1e-3), tf.ones([]), made)

    return weigh


def _gaussian(x: tf.Tensor) -> tf.Tensor:
    """Return a bell whose radius of 1.5 is three deviations."""
    return tf.where(tf.less(x, 1.5), tf.exp(-tf.square(x) / (2 * 0.5**2)), 0.0)


def _box(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.less(x, 0.5), 1.0, tf.where(tf.equal(x, 0.5), 0.5, 0.0))


def _mitchell(x: tf.Tensor) -> tf.Tensor:
    near = (7 / 6 * x - 2) * x * x + 16 / 18
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return tf.where(tf.less(x, 1.0), near, far)


KERNELS: Mapping[str, tuple[float, Callable[[tf.Tensor], tf.Tensor]]] = {
    "box": (1, _box),
    "gaussian": (1.5, _gaussian),
    "keyscubic": (2, lambda x: tf.where(tf.less(x, 1.0), _near(x, _KEYS), _far(x, _KEYS))),
    "lanczos1": (1, _lanczos(1)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "mitchellcubic": (2, _mitchell),
    "triangle": (1, lambda x: 1 - x),
}
"""The radius of each kernel, and its weight for a distance up to that."""
