"""Operators that ONNX lacks, and other formats need that are written in its operators."""

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.quantized import keep_apart
from pipeline.tf.layout.value import Value, constant
from pipeline.tf.onnx.call import Call, Table


def _fake_quantize(call: Call) -> Value:
    """FakeQuantize: round numbers to levels between limits.

    Computed as OpenVINO's CPU plugin does, from a scale and a shift for the way in and for the way
    out, all float32: round(clip(x, low, high) * scale + shift) * scale' + shift'.
    """
    value, *limits = (call.value(index) for index in range(5))
    levels = int(call.attribute("levels"))
    if not all(limit.is_known for limit in limits):
        raise call.refuse("its limits are computed")
    low, high, low_out, high_out = (limit.array.astype(np.float32) for limit in limits)
    steps = np.float32(levels - 1)
    with np.errstate(all="ignore"):
        scale = steps / (high - low)
        shift = -low * scale
        scale_out = (high_out - low_out) / steps
    constants = [constant(np.asarray(n, np.float32)) for n in (low, high)]
    clipped = elementwise(tf.maximum, [value, constants[0]])
    clipped = elementwise(tf.minimum, [clipped, constants[1]])
    factors = [keep_apart(constant(np.asarray(n, np.float32))) for n in (scale, shift)]
    scaled = elementwise(tf.add, [elementwise(tf.multiply, [clipped, factors[0]]), factors[1]])
    rounded = elementwise(tf.round, [scaled])
    made = elementwise(tf.multiply, [rounded, constant(np.asarray(scale_out, np.float32))])
    return elementwise(tf.add, [made, constant(np.asarray(low_out, np.float32))], value.dtype)


def _invert_error(call: Call) -> Value:
    """ErfInv: where the error function has a value.

    Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), in single precision.
    """

    def compute(x: tf.Tensor) -> tf.Tensor:
        w = -tf.math.log((1.0 - x) * (1.0 + x))
        near, far = w - 2.5, tf.sqrt(w) - 3.0
        small, large = tf.zeros_like(x), tf.zeros_like(x)
        for a, b in zip(_NEAR, _FAR, strict=True):
            small, large = small * near + a, large * far + b
        made = tf.where(w < 5.0, small, large) * x  # noqa: PLR2004  # where the two meet
        return tf.where(tf.abs(x) == 1.0, x * np.inf, made)

    return elementwise(compute, [call.value(0)])


_NEAR = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_FAR = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip

RULES: Table = {
    "ErfInv": _invert_error,
    "FakeQuantize": _fake_quantize,
}
