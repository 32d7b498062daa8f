"""Random numbers, other ones in each run and runtime."""

from typing import Any

import numpy as np

from pipeline.tf.layout.value import is_float
from pipeline.tf.openvino.element_types import onnx_type
from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.parts import vector


def _draw(layer: Layer) -> str:
    """RandomUniform: of a shape, from a lowest number up to a highest, which is not drawn."""
    dtype = layer.outputs[0].dtype
    low, high = (float(np.ravel(layer.require(n, "limit"))[0]) for n in (1, 2))
    kept = dtype if is_float(dtype) else "float32"
    limits: dict[str, Any] = {"low": low, "high": high, "dtype": onnx_type(kept)}
    if layer.known(0) is not None:
        shape = tuple(layer.numbers(0, "shape"))
        made = layer.emit("RandomUniform", [], shape=shape, **limits)
    else:
        zeros = layer.emit("Expand", [layer.constant(0, kept), vector(layer, 0)])
        made = layer.emit("RandomUniformLike", [zeros], **limits)
    return made if is_float(dtype) else layer.cast(layer.emit("Floor", [made]), dtype)


def _draw_classes(layer: Layer) -> str:
    """Multinomial: numbers of classes; without replacement, the best of noisy chances."""
    (count,) = layer.numbers(1, "number of samples")
    name, dtype = layer.names[0], layer.outputs[0].dtype
    is_single = layer.rank() == 1
    if not layer.attribute("log_probs"):
        name = layer.emit("Log", [name])
    if is_single:
        name = layer.unsqueeze(name, [0])
    if layer.attribute("with_replacement"):
        made = layer.emit("Multinomial", [name], sample_size=count, dtype=onnx_type("int32"))
    else:
        # Gumbel's noise: the order is that of drawing one after the other.
        drawn = layer.emit("RandomUniformLike", [name], low=0.0, high=1.0)
        noise = layer.emit("Log", [layer.emit("Neg", [layer.emit("Log", [drawn])])])
        noisy = layer.emit("Sub", [name, noise])
        limit = layer.constant([count], "int64")
        _, made = layer.emit_many("TopK", [noisy, limit], 2, axis=-1, largest=1, sorted=1)
    made = layer.cast(made, dtype)
    return layer.squeeze(made, [0]) if is_single else made


RULES: Table = {"Multinomial": _draw_classes, "RandomUniform": _draw}
