"""Random numbers, other ones in each run and runtime; and Dropout, which draws none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.value import Value, constant, is_float, sizes_tensor, wrap
from pipeline.tf.onnx.call import Call, Rule, Table
from pipeline.tf.onnx.onnx_model import dtype_name

_NORMAL, _UNIFORM = "normal", "uniform"


def _draw(call: Call, kind: str, sizes: Sequence[Size], dtype: str) -> Value:
    """Return random numbers of a distribution that the node states."""
    if not is_float(dtype):
        raise call.refuse(f"it draws numbers of dtype {dtype}")
    shape, seed = sizes_tensor(sizes), _seed(call)
    if kind == _NORMAL:
        mean, deviation = float(call.attribute("mean", 0.0)), float(call.attribute("scale", 1.0))
        made = tf.random.normal(shape, mean, deviation, seed=seed)
    else:
        low, high = float(call.attribute("low", 0.0)), float(call.attribute("high", 1.0))
        made = tf.random.uniform(shape, low, high, seed=seed)
    return wrap(made, dtype, sizes=sizes)


def _seed(call: Call) -> int:
    """Return the seed of the node, which need not be a whole number; else its place in the file."""
    call.state.notes[f"{call.node.op}: other random numbers than in ONNX Runtime"] = None
    stated = call.attribute("seed")
    return call.node.number if stated is None else int(np.float32(stated).view(np.int32))


def _stated_dtype(call: Call, default: str) -> str:
    stated = call.attribute("dtype")
    return default if stated is None else dtype_name(int(stated)) or default


def _of_shape(kind: str) -> Rule:
    def rule(call: Call) -> Value:
        sizes = [int(size) for size in call.attribute("shape")]
        return _draw(call, kind, sizes, _stated_dtype(call, "float32"))

    return rule


def _like(kind: str) -> Rule:
    def rule(call: Call) -> Value:
        value = call.value(0)
        return _draw(call, kind, value.sizes, _stated_dtype(call, value.dtype))

    return rule


def _bernoulli(call: Call) -> Value:
    """Bernoulli: 1 with the probability that the input has."""
    value = call.value(0)
    dtype = _stated_dtype(call, value.dtype)
    drawn = tf.random.uniform(sizes_tensor(value.sizes), seed=_seed(call))
    chance = wrap(drawn, "float32", sizes=value.sizes)
    return elementwise(lambda a, p: a < p, [chance, value], dtype)


def _multinomial(call: Call) -> Value:
    """Multinomial: numbers of classes, drawn with the logarithms of their chances."""
    count = int(call.attribute("sample_size", 1))
    made = tf.random.categorical(call.plain(0), count, dtype=tf.int32, seed=_seed(call))
    return wrap(made, _stated_dtype(call, "int32"), sizes=(call.value(0).sizes[0], count))


def _dropout(call: Call) -> list[Any]:
    """Dropout: outside of training, the value as it is, and a mask of all true."""
    is_training = False
    if call.version < 7:  # noqa: PLR2004
        is_training = not call.attribute("is_test", 0)
    elif call.has(2):
        is_training = bool(call.require(2, "training mode").item())
    if is_training and (not call.has(1) or call.require(1, "ratio").item() != 0):
        raise call.refuse("it is in training mode")
    value = call.value(0)
    if not any(call.node.outputs[1:]):
        return [value]
    dtype = "bool" if call.version >= 10 else value.dtype  # noqa: PLR2004
    if all(map(is_known, value.sizes)):
        return [value, constant(np.ones([int(n) for n in value.sizes], dtype))]  # type: ignore[arg-type]
    return [value, elementwise(tf.ones_like, [value], dtype)]


DROPOUT: Table = {"Dropout": _dropout}

RULES: Table = {
    "Bernoulli": _bernoulli,
    "Multinomial": _multinomial,
    "RandomNormal": _of_shape(_NORMAL),
    "RandomNormalLike": _like(_NORMAL),
    "RandomUniform": _of_shape(_UNIFORM),
    "RandomUniformLike": _like(_UNIFORM),
}
