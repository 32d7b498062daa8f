"""Activations of Keras, as layers of TensorFlow.js.

TensorFlow.js has another name for a function, lacks it, or has another function of its name: its
hard_sigmoid is that of Keras 2, clip(0.2 x + 0.5, 0, 1); that of Keras 3 is relu6(x + 3) / 6.
This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.tfjs.layers.config_values import function_name
from pipeline.tfjs.layers.parts import ALL, Part, UnsupportedLayer, activation, chain, rescaling

# activations.ts of TensorFlow.js 4.22, under the names of Keras.
_SAME = frozenset(
    {"linear", "relu", "relu6", "elu", "selu", "sigmoid", "softplus", "softsign", "tanh"}
    | {"softmax", "log_softmax", "swish", "mish", "gelu"}
)
_RENAMED: Mapping[str, str] = {"silu": "swish"}
_LEAKY_SLOPE = 0.2


def plain_activation(value: Any, *, keras_3: bool) -> str:
    """Return TensorFlow.js's name of an activation inside a layer: "relu".

    Raises:
        UnsupportedLayer: TensorFlow.js has no such activation.
    """
    name = _name(value)
    parts = activation_parts(name, keras_3=keras_3)
    if len(parts) == 1 and parts[0].kind == "Activation":
        return str(parts[0].config["activation"])
    raise UnsupportedLayer(f"applies {name} inside, which TensorFlow.js cannot do there")


def with_activation(part: Part, value: Any, *, keras_3: bool) -> list[Part]:
    """Return a layer and its activation: inside the layer if TensorFlow.js can, else behind it.

    Raises:
        UnsupportedLayer: TensorFlow.js has no such function.
    """
    parts = activation_parts(_name(value), keras_3=keras_3)
    if len(parts) == 1 and parts[0].kind == "Activation":
        return [Part(**{**vars(part), "config": {**part.config, **parts[0].config}})]
    first = Part(**{**vars(part), "config": {**part.config, "activation": "linear"}})
    return behind(first, parts)


def behind(first: Part, parts: list[Part]) -> list[Part]:
    """Return a part and further parts that read its result."""
    base = "_base"
    moved = [
        Part(**{**vars(part), "inputs": tuple(base if i in (ALL, 0) else i for i in part.inputs)})
        for part in parts
    ]
    return [Part(**{**vars(first), "suffix": base}), *moved]


def activation_parts(name: str, *, keras_3: bool) -> list[Part]:
    """Return the layers that apply an activation.

    Raises:
        UnsupportedLayer: No layers do.
    """
    if name in _RENAMED or name in _SAME:
        return [activation(_RENAMED.get(name, name))]
    if name == "leaky_relu":
        return [Part(kind="LeakyReLU", config={"alpha": _LEAKY_SLOPE})]
    if name == "hard_sigmoid":
        return _hard_sigmoid() if keras_3 else [activation(name)]
    if name in {"hard_silu", "hard_swish"}:
        return [
            *(_suffixed(part, i) for i, part in enumerate(_hard_sigmoid())),
            Part(kind="Multiply", config={}, inputs=(0, "_gate")),
        ]
    if name == "relu_6":
        return [activation("relu6")]
    raise UnsupportedLayer(f"applies {name}, which is no activation of TensorFlow.js")


def _hard_sigmoid() -> list[Part]:
    return chain(rescaling(1.0, 3.0), activation("relu6"), rescaling(1.0 / 6.0))


def _suffixed(part: Part, i: int) -> Part:
    """Return a part of a gate, which takes the first input and ends in "_gate"."""
    inputs = (0,) if i == 0 else part.inputs
    return Part(**{**vars(part), "inputs": inputs, "suffix": part.suffix or "_gate"})


def _name(value: Any) -> str:
    name = function_name(value)
    if name is None:
        kind = value.get("class_name") if isinstance(value, Mapping) else value
        raise UnsupportedLayer(f"applies {kind}, which is no activation of TensorFlow.js")
    return name
