"""Weights of a converted Keras model: the variables of each layer, with their names.

TensorFlow.js names a weight by the layers that build it: "dense/kernel"; in wrappers
"bidirectional/forward_lstm/kernel", "rnn/RNNCell_0/kernel" (wrappers.ts, recurrent.ts). This
module opens no file and imports no Keras.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.layers_topology import MODEL_KINDS
from pipeline.tfjs.model.object_members import OBJECT_MEMBERS

# common.ts, isValidTensorName.
_UNSAFE = re.compile(r"[^-A-Za-z0-9._/]")

_RENAMED = {("DepthwiseConv2D", "kernel"): "depthwise_kernel"}
"""Names of variables in Keras 3, with the names of Keras 2, which TensorFlow.js uses."""


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """The weights of one layer.

    Attributes:
        scope: Prefix of their names.
        owner: The path to the layer that has them in Keras: names of layers in models, and
            attributes, which begin with a dot; numbers are positions in a list.
        kind: Its class in Keras.
        how: "own" for its variables as they are; "normalization" for the mean and variance of a
            Normalization layer, stored as those of a BatchNormalization.
    """

    scope: str
    owner: tuple[str, ...]
    kind: str
    how: str

    def name(self, variable: str) -> str:
        """Return the full name of a weight: "dense/kernel".

        Args:
            variable: Its name in the Keras layer, such as "kernel".
        """
        return f"{self.scope}/{_RENAMED.get((self.kind, variable), variable)}"


def weights_of(
    how: str, scope: str, *, owner: tuple[str, ...], wire: Mapping[str, Any]
) -> list[LayerWeights]:
    """Return the weights of a layer, with an entry for each inner layer.

    Args:
        how: As in `LayerWeights`.
        scope: Name of the layer in TensorFlow.js.
        owner: The path to it in Keras.
        wire: The layer in the Keras config.
    """
    return [
        LayerWeights(scope=inner, owner=way, kind=kind, how=how)
        for inner, way, kind in _walk(wire, scope, owner)
    ]


def list_weights(wire: Mapping[str, Any], *, way: tuple[str, ...] = ()) -> Iterator[LayerWeights]:
    """Yield the weights of all layers of a layers model.

    Args:
        wire: The model, the value of "model_config".
        way: The names of the models around it.
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
    """Return a name that TensorFlow.js accepts for a layer with weights: "dense_1"."""
    safe = _UNSAFE.sub("_", name)
    if safe in OBJECT_MEMBERS:
        return f"{safe}_layer"
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
            inner = (*owner, f".{side}_layer")
            yield from _walk(config["layer"], f"{scope}/{side}_{name}", inner)
    elif kind == "RNN":
        yield from _walk(config["cell"], scope, (*owner, ".cell"))
    elif kind == "StackedRNNCells":
        for i, cell in enumerate(config["cells"]):
            yield from _walk(cell, f"{scope}/RNNCell_{i}", (*owner, ".cells", str(i)))
    else:
        yield scope, owner, kind
