"""Activations whose function in the standard is longer than they need."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.value import Value
from pipeline.tf.onnx.call import Call, Rule, Table

_SELU = (1.67326319217681884765625, 1.05070102214813232421875)
_OLD_SELU = (1.6732, 1.0507)


def _one(compute: Callable[..., Any], **defaults: float) -> Rule:
    """Return a rule for a function of one value and of attributes."""

    def rule(call: Call) -> Value:
        numbers = {name: float(call.attribute(name, n)) for name, n in defaults.items()}
        return elementwise(lambda a: compute(a, **numbers), [call.value(0)])

    return rule


def _celu(tensor: Any, alpha: float) -> Any:
    if alpha == 1.0:
        return tf.nn.elu(tensor)
    below = alpha * (tf.exp(tf.minimum(tensor, 0.0) / alpha) - 1.0)
    return tf.where(tensor > 0, tensor, below)


def _selu(call: Call) -> Value:
    alpha, gamma = _SELU if call.version >= 6 else _OLD_SELU  # noqa: PLR2004
    factors = (float(call.attribute("alpha", alpha)), float(call.attribute("gamma", gamma)))
    if all(math.isclose(a, b, rel_tol=1e-7) for a, b in zip(factors, _SELU, strict=True)):
        return elementwise(tf.nn.selu, [call.value(0)])

    def compute(tensor: Any) -> Any:
        below = factors[0] * factors[1] * (tf.exp(tf.minimum(tensor, 0.0)) - 1.0)
        return tf.where(tensor > 0, factors[1] * tensor, below)

    return elementwise(compute, [call.value(0)])


def _threshold(tensor: Any, alpha: float) -> Any:
    return tf.where(tensor > alpha, tensor, 0.0)


def _softsign(tensor: Any) -> Any:
    return tensor / (1.0 + tf.abs(tensor))


def _mish(tensor: Any) -> Any:
    return tensor * tf.tanh(tf.math.softplus(tensor))


def _swish(tensor: Any, alpha: float) -> Any:
    return tensor * tf.sigmoid(tensor if alpha == 1.0 else alpha * tensor)


def _gelu(call: Call) -> Value:
    """Gelu: by the error function, or by the approximation with tanh."""
    if call.attribute("approximate", "none") == "tanh":
        factor = math.sqrt(2.0 / math.pi)
        return elementwise(
            lambda a: 0.5 * a * (1.0 + tf.tanh(factor * (a + 0.044715 * a * a * a))),
            [call.value(0)],
        )
    return elementwise(lambda a: 0.5 * a * (1.0 + tf.math.erf(a * math.sqrt(0.5))), [call.value(0)])


def _shrink(call: Call) -> Value:
    """Shrink: move numbers beyond a limit towards zero; the others become zero."""
    limit, bias = float(call.attribute("lambd", 0.5)), float(call.attribute("bias", 0.0))

    def compute(tensor: Any) -> Any:
        real = tf.cast(tensor, tf.float32)
        moved = tf.where(real < -limit, real + bias, tf.where(real > limit, real - bias, 0.0))
        return tf.cast(moved, tensor.dtype)

    return elementwise(compute, [call.value(0)])


RULES: Table = {
    "Celu": _one(_celu, alpha=1.0),
    "Selu": _selu,
    "ThresholdedRelu": _one(_threshold, alpha=1.0),
    "Softsign": _one(_softsign),
    "Mish": _one(_mish),
    "Swish": _one(_swish, alpha=1.0),
    "Gelu": _gelu,
    "Shrink": _shrink,
}
