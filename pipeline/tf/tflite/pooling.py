"""Windows that slide over pictures, pictures of another size, and normalization."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import Call, Row, Table, activate, quantize, rows
from pipeline.tf.tflite.convolutions import padding_of
from pipeline.tf.tflite.rounding import clip, half_away


def _window(call: Call) -> dict[str, Any]:
    return {
        "ksize": [1, call.option("filterHeight", 1), call.option("filterWidth", 1), 1],
        "strides": [1, call.option("strideH", 1), call.option("strideW", 1), 1],
        "padding": padding_of(call),
    }


def _activated(call: Call, value: Any) -> Any:
    return activate(value, call.option("fusedActivationFunction"))


def _average(call: Call) -> Any:
    return _activated(call, tf.nn.avg_pool2d(call.real(0), **_window(call)))


def _average_integers(call: Call) -> Any:
    """Average the numbers of the file, zero point included: halves go away from zero."""
    own, target = call.spec(0).quantization, call.outputs[0].quantization
    assert own is not None
    assert target is not None
    if not own.same(target):
        return quantize(_average(call), call.outputs[0])
    window = _window(call)
    count = window["ksize"][1] * window["ksize"][2]
    value = tf.nn.avg_pool2d(call.held[0], **window) + np.float32(own.zero_point)
    # A quotient may be computed as a product, and fall below a half that it is.
    return clip(half_away(value, 0.25 / count) - np.float32(own.zero_point), call)


def _largest(call: Call) -> Any:
    return _activated(call, tf.nn.max_pool2d(call.real(0), **_window(call)))


def _largest_integers(call: Call) -> Any:
    own, target = call.spec(0).quantization, call.outputs[0].quantization
    assert own is not None
    if not own.same(target):
        return quantize(_largest(call), call.outputs[0])
    return clip(tf.nn.max_pool2d(call.held[0], **_window(call)), call)


def _root_mean_square(call: Call) -> Any:
    value = tf.nn.avg_pool2d(tf.square(call.real(0)), **_window(call))
    return _activated(call, tf.sqrt(value))


def _resize(method: str) -> Any:
    def build(call: Call) -> Any:
        raw = (
            tf.raw_ops.ResizeBilinear if method == "bilinear" else tf.raw_ops.ResizeNearestNeighbor
        )
        return raw(
            images=call.real(0),
            size=call.real(1),
            align_corners=bool(call.option("alignCorners")),
            half_pixel_centers=bool(call.option("halfPixelCenters")),
        )

    return build


def _normalize(call: Call) -> Any:
    value = call.real(0)
    norm = tf.maximum(tf.sqrt(tf.reduce_sum(tf.square(value), -1, keepdims=True)), 1e-6)
    return _activated(call, value / norm)


def _local_response(call: Call) -> Any:
    return tf.nn.local_response_normalization(
        call.real(0),
        depth_radius=call.option("radius"),
        bias=call.option("bias"),
        alpha=call.option("alpha"),
        beta=call.option("beta"),
    )


def _softmax(call: Call) -> Any:
    beta = call.option("beta", 1.0)
    value = call.real(0)
    return tf.nn.softmax(value if beta == 1.0 else value * np.float32(beta))


ROWS: Table = rows(
    {
        "L2_POOL_2D": _root_mean_square,
        "L2_NORMALIZATION": _normalize,
        "LOCAL_RESPONSE_NORMALIZATION": _local_response,
        "RESIZE_BILINEAR": _resize("bilinear"),
        "SOFTMAX": _softmax,
    }
) | {
    "AVERAGE_POOL_2D": Row(build=_average, integer=_average_integers),
    "MAX_POOL_2D": Row(build=_largest, integer=_largest_integers),
    "RESIZE_NEAREST_NEIGHBOR": Row(build=_resize("nearest"), moves=True),
}
