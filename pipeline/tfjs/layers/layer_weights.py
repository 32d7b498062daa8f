"""Weights of a converted Keras model: which variables of which layer, under which names.

TensorFlow.js names a weight by the layers that build it: "dense/kernel"; in wrappers
"bidirectional/forward_lstm/kernel", "rnn/RNNCell_0/kernel" (wrappers.ts, recurrent.ts). It
opens no file and knows no Keras.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.layers_topology import MODEL_KINDS

# common.ts, isValidTensorName.
_UNSAFE = re.compile(r"[^-A-Za-z0-9._/]")

_RENAMED = {("DepthwiseConv2D", "kernel"): "depthwise_kernel"}
"""Names that Keras 3 gives variables, where TensorFlow.js has those of Keras 2."""


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """The weights of one layer.

    Attributes:
        scope: What their names begin with.
        owner: The way to the layer that has them in Keras: names of layers in models, and
            attributes, which begin with a dot; numbers are places in a list.
        kind: Its class in Keras.
        how: "own", its variables as they are; "normalization", the mean and variance of a
            Normalization layer as those of a BatchNormalization.
    """

    scope: str
    owner: tuple[str, ...]
    kind: str
    how: str

    def name(self, variable: str) -> str:
        """Return the full name of a weight.

        Args:
            variable: What Keras calls it in its layer, as "kernel".
        """
        return f"{self.scope}/{_RENAMED.get((self.kind, variable), variable)}"


def weights_of(
    how: str, scope: str, *, owner: tuple[str, ...], wire: Mapping[str, Any]
) -> list[LayerWeights]:
    """Return the weights that a layer takes, those of layers in it each for themselves.

    Args:
        how: As in `LayerWeights`.
        scope: Name of the layer in TensorFlow.js.
        owner: The way to it in Keras.
        wire: It, as the Keras config has it.
    """
    return [
        LayerWeights(scope=place, owner=way, kind=kind, how=how)
        for place, way, kind in _walk(wire, scope, owner)
    ]


def list_weights(wire: Mapping[str, Any], *, way: tuple[str, ...] = ()) -> Iterator[LayerWeights]:
    """Yield the weights of all layers of a model whose config TensorFlow.js reads.

    Args:
        wire: The model, as it stands under "model_config".
        way: The names of the models that it stands in.
    """
    config = wire.get("config") or {}
    for layer in config if isinstance(config, list) else config.get("layers") or ():
        own = layer.get("config")
        name = layer.get("name") or (own["name"] if isinstance(own, Mapping) else "")
        owner = (*way, str(name))
        if layer["class_name"] in MODEL_KINDS:
            yield from list_weights(layer, way=owner)
        elif layer["class_name"] != "InputLayer":
            yield from weights_of("own", str(name), owner=owner, wire=layer)


def safe_name(name: str) -> str:
    """Return a name that TensorFlow.js takes for a layer with weights."""
    safe = _UNSAFE.sub("_", name)
    return safe if safe[:1].isalnum() else f"layer{safe}"


def _walk(
    wire: Mapping[str, Any], scope: str, owner: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    kind, config = str(wire["class_name"]), wire.get("config") or {}
    if kind == "TimeDistributed":
        yield from _walk(config["layer"], scope, (*owner, ".layer"))
    elif kind == "Bidirectional":
        name = safe_name(config["layer"]["config"].get("name", "layer"))
        for side in ("forward", "backward"):
            place, way = f"{scope}/{side}_{name}", (*owner, f".{side}_layer")
            yield from _walk(config["layer"], place, way)
    elif kind == "RNN":
        yield from _walk(config["cell"], scope, (*owner, ".cell"))
    elif kind == "StackedRNNCells":
        for i, cell in enumerate(config["cells"]):
            yield from _walk(cell, f"{scope}/RNNCell_{i}", (*owner, ".cells", str(i)))
    else:
        yield scope, owner, kind
