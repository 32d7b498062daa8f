"""Lowerings of colors and of simulated quantization, after TensorFlow's kernels.

(core/kernels/image/colorspace_op.h, adjust_*_op.cc; fake_quant_ops_functor.h.)
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering

_HUES = 6.0


def _rgb_to_hsv(*, images: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.stack(_split_hsv(images), -1)


def _hsv_to_rgb(*, images: tf.Tensor, **_: Any) -> tf.Tensor:
    hue, saturation, value = tf.unstack(images, 3, -1)
    return _join_hsv(hue, saturation, value)


def _adjust_hue(*, images: tf.Tensor, delta: tf.Tensor, **_: Any) -> tf.Tensor:
    hue, saturation, value = _split_hsv(images)
    turned = tf.math.floormod(hue + tf.cast(delta, hue.dtype), tf.ones([], hue.dtype))
    return _join_hsv(turned, saturation, value)


def _adjust_saturation(*, images: tf.Tensor, scale: tf.Tensor, **_: Any) -> tf.Tensor:
    hue, saturation, value = _split_hsv(images)
    return _join_hsv(hue, _clip(saturation * tf.cast(scale, hue.dtype)), value)


def _adjust_contrast(*, images: tf.Tensor, contrast_factor: tf.Tensor, **_: Any) -> tf.Tensor:
    mean = tf.reduce_mean(images, [-3, -2], keepdims=True)
    return (images - mean) * tf.cast(contrast_factor, images.dtype) + mean


def _split_hsv(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    red, green, blue = tf.unstack(images, 3, -1)
    value = tf.reduce_max(images, -1)
    spread = value - tf.reduce_min(images, -1)
    zero, one = tf.zeros([], images.dtype), tf.ones([], images.dtype)
    is_gray = tf.less_equal(spread, zero)
    is_black = tf.less_equal(value, zero)
    saturation = tf.where(is_black, zero, spread / tf.where(is_black, one, value))
    norm = one / (_HUES * tf.where(is_gray, one, spread))
    hue = tf.where(
        tf.equal(red, value),
        norm * (green - blue),
        tf.where(
            tf.equal(green, value),
            norm * (blue - red) + 2 / _HUES,
            norm * (red - green) + 4 / _HUES,
        ),
    )
    hue = tf.where(is_gray, zero, hue)
    return tf.where(tf.less(hue, zero), hue + one, hue), saturation, value


def _join_hsv(hue: tf.Tensor, saturation: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    sixths = hue * _HUES
    red = _clip(tf.abs(sixths - 3) - 1)
    green = _clip(2 - tf.abs(sixths - 2))
    blue = _clip(2 - tf.abs(sixths - 4))
    return tf.stack(
        [(1 - saturation + saturation * part) * value for part in (red, green, blue)], -1
    )


def _clip(values: tf.Tensor) -> tf.Tensor:
    return tf.minimum(tf.maximum(values, 0), 1)


def _quantize_args(
    *,
    inputs: tf.Tensor,
    min: float,
    max: float,
    num_bits: int,
    narrow_range: bool,
    **_: Any,
) -> tf.Tensor:
    ends = tf.constant(min), tf.constant(max)
    return _quantize(inputs, *ends, num_bits=num_bits, narrow_range=narrow_range)


def _quantize_channels(
    *,
    inputs: tf.Tensor,
    min: tf.Tensor,
    max: tf.Tensor,
    num_bits: int,
    narrow_range: bool,
    **_: Any,
) -> tf.Tensor:
    """Quantize each channel in its own range; a range of 0 and 0 gives 0."""
    made = _quantize(inputs, min, max, num_bits=num_bits, narrow_range=narrow_range)
    is_empty = tf.logical_and(tf.equal(min, 0), tf.equal(max, 0))
    return tf.where(is_empty, tf.zeros([], made.dtype), made)


def _quantize(
    inputs: tf.Tensor, low: tf.Tensor, high: tf.Tensor, *, num_bits: int, narrow_range: bool
) -> tf.Tensor:
    """Round to one of 2^num_bits values, among them 0."""
    least, most = float(narrow_range), 2.0**num_bits - 1
    scale = (high - low) / (most - least)
    zero_point = tf.where(
        tf.equal(scale, 0), tf.zeros_like(scale), least - tf.math.divide_no_nan(low, scale)
    )
    # Half values round away from zero, as in std::round; after clipping none is negative.
    nudged = tf.floor(tf.clip_by_value(zero_point, least, most) + 0.5)
    start, end = (least - nudged) * scale, (most - nudged) * scale
    inside = tf.minimum(tf.maximum(inputs, start), end) - start
    return tf.floor(inside * tf.math.reciprocal_no_nan(scale) + 0.5) * scale + start


_IN_HSV = "a computation of hue, saturation and value"
_ROUNDED = "the rounding that it stands for"

RULES = {
    "AdjustContrastv2": Lowering(lower=_adjust_contrast, becomes="a difference to the Mean"),
    "AdjustHue": Lowering(lower=_adjust_hue, becomes=_IN_HSV),
    "AdjustSaturation": Lowering(lower=_adjust_saturation, becomes=_IN_HSV),
    "FakeQuantWithMinMaxArgs": Lowering(lower=_quantize_args, becomes=_ROUNDED),
    "FakeQuantWithMinMaxVars": Lowering(
        lower=_quantize_channels, becomes=_ROUNDED, why="TensorFlow.js leaves it out"
    ),
    "FakeQuantWithMinMaxVarsPerChannel": Lowering(lower=_quantize_channels, becomes=_ROUNDED),
    "HSVToRGB": Lowering(lower=_hsv_to_rgb, becomes=_IN_HSV),
    "RGBToHSV": Lowering(lower=_rgb_to_hsv, becomes=_IN_HSV),
}
