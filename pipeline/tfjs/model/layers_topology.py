"""Layers: the Keras configuration of a layers model, from `modelTopology` of model.json.

TensorFlow.js writes it there bare, the converter under "model_config". A functional model lists its
layers with their calls. A call is a list of tensors ["conv", 0, 0]: the layer, the number of its
call, and the number of that call's output. A sequential model is a list of layers alone. Models
may be nested, like layers. This module turns the configuration into plain values. It opens no
file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.disk.json_value import JsonValue
from pipeline.errors import FormatError

LAYERS_FORMAT = "layers-model"

# tf.serialization.SerializationMap of TensorFlow.js 4.22: the classes derived from tf.layers.Layer.
KNOWN_LAYERS = frozenset(
    """
    Activation Add AlphaDropout Average AveragePooling1D AveragePooling2D AveragePooling3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv2D
    Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D ConvLSTM2DCell Cropping2D Dense
    DepthwiseConv2D Dot Dropout ELU Embedding Flatten Functional GRU GRUCell GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D
    GlobalMaxPooling2D InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Model Multiply PReLU Permute RNN
    RandomWidth ReLU RepeatVector Rescaling Reshape Resizing SeparableConv2D Sequential SimpleRNN
    SimpleRNNCell Softmax SpatialDropout1D StackedRNNCells ThresholdedReLU TimeDistributed
    UpSampling2D ZeroPadding2D
    """.split()  # noqa: SIM905  # shorter to read
)

MODEL_KINDS = frozenset({"Functional", "Model", "Sequential"})

_INNER_KEYS = ("layer", "cell")

Tensor = tuple[str, int, int]
"""A layer, the number of its call, and the number of that call's output."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of a model.

    Attributes:
        name: Unique in its model.
        kind: Its class, e.g. "Conv2D".
        config: Its configuration.
        calls: The tensors that each of its calls reads; empty for a layer in a sequential model or
            in a wrapper.
        inner: The layers of a model, of a wrapper, of stacked cells.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    calls: tuple[tuple[Tensor, ...], ...]
    inner: tuple["Layer", ...]

    @property
    def is_model(self) -> bool:
        """Whether it is a model itself."""
        return self.kind in MODEL_KINDS


@dataclass(frozen=True, kw_only=True)
class LayersModel:
    """A model of layers.

    Attributes:
        kind: "Functional", "Model" or "Sequential".
        layers: Its layers, in the order of the file.
        inputs: The tensors that enter it; empty for a sequential model.
        outputs: The tensors that it returns; empty for a sequential model.
    """

    kind: str
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def all_layers(self) -> Iterator[Layer]:
        """Yield its layers, and those in nested models and wrappers."""
        return _walk(self.layers)

    def count_layers(self) -> dict[str, int]:
        """Return the number of layers of each class."""
        return dict(sorted(Counter(layer.kind for layer in self.all_layers()).items()))

    def missing_layers(self) -> dict[str, list[str]]:
        """Return names of layers by class, for classes that TensorFlow.js does not have."""
        found: dict[str, list[str]] = {}
        for layer in self.all_layers():
            if layer.kind not in KNOWN_LAYERS:
                found.setdefault(layer.kind, []).append(layer.name)
        return dict(sorted(found.items()))

    @property
    def is_keras_3(self) -> bool:
        """Whether Keras 3 wrote it, in a form that TensorFlow.js cannot read."""
        return any(
            layer.kind == "InputLayer"
            and "batch_shape" in layer.config
            and "batch_input_shape" not in layer.config
            for layer in self.all_layers()
        )

    def input_layers(self) -> list[Layer]:
        """Return the layers that state dtype and shape of each input, in order."""
        if self.kind != "Sequential":
            by_name = {layer.name: layer for layer in self.layers}
            return [by_name[name] for name, _, _ in self.inputs if name in by_name]
        first = self.layers[0]
        return as_model(first).input_layers() if first.is_model else [first]

    def input_names(self) -> list[str]:
        """Return the names that TensorFlow.js gives its inputs (container.ts, models.ts)."""
        implied = [
            # TensorFlow.js adds an InputLayer of this name to a sequential model without one.
            layer.name if layer.kind == "InputLayer" else f"{layer.name}_input"
            for layer in self.input_layers()
        ]
        return unique_names(implied)

    def output_names(self) -> list[str]:
        """Return the names of its outputs: those of their layers in TensorFlow.js, made unique."""
        if self.kind != "Sequential":
            return unique_names(name for name, _, _ in self.outputs)
        # A model that is the only layer of a sequential model keeps its own outputs.
        layers = [layer for layer in self.layers if layer.kind != "InputLayer"]
        if len(self.layers) == 1 and self.layers[0].is_model:
            return as_model(self.layers[0]).output_names()
        return [(layers or self.layers)[-1].name]


def parse_layers(topology: Any, *, where: str = "modelTopology") -> LayersModel:
    """Read the `modelTopology` of a layers model.

    Args:
        topology: The decoded JSON.
        where: Its name in error messages.

    Raises:
        FormatError: The JSON is no Keras model, or has no layers.
    """
    layer = _parse_layer(JsonValue(bare_topology(topology), where))
    model = as_model(layer)
    if not model.layers:
        raise FormatError(f"{where}: the {model.kind} model has no layers")
    return model


def bare_topology(topology: Any) -> Mapping[str, Any]:
    """Return the model's configuration, from `modelTopology` or from "model_config" in it."""
    if not isinstance(topology, Mapping):
        return {}
    inner = topology.get("model_config")
    return inner if isinstance(inner, Mapping) else topology


def is_layers_model(content: Mapping[str, Any]) -> bool:
    """Return whether a decoded model.json holds a layers model."""
    return content.get("format") == LAYERS_FORMAT


def as_model(layer: Layer) -> LayersModel:
    """Return a layer that is a model as a model."""
    return LayersModel(
        kind=layer.kind,
        layers=layer.inner,
        inputs=_parse_ends(JsonValue(layer.config.get("input_layers"), "input_layers")),
        outputs=_parse_ends(JsonValue(layer.config.get("output_layers"), "output_layers")),
    )


def unique_names(names: Iterable[str]) -> list[str]:
    """Return names made unique, as models.js does: the second "a" becomes "a_1"."""
    names = list(names)
    unique: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in unique or (number and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        unique.append(candidate)
    return unique


def _walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _walk(layer.inner)


def _parse_layer(wire: JsonValue) -> Layer:
    kind = wire.get("class_name").text("the class of a Keras model or layer")
    stated = wire.get("config")
    listed: list[JsonValue] = []
    config: Mapping[str, Any] = {}
    if isinstance(stated.value, list):
        # A Sequential of early Keras has the bare list of its layers.
        listed += stated.items()
        config = {"layers": stated.value}
    elif not stated.is_absent:
        config = dict(stated.value) if isinstance(stated.value, Mapping) else {}
        groups = (list(stated.get(key).optional_items()) for key in ("layers", "cells"))
        listed += next(filter(None, groups), ())
        singles = (stated.get(key) for key in _INNER_KEYS)
        listed += (single for single in singles if isinstance(single.value, Mapping))
        for key in ("input_layers", "output_layers"):
            _parse_ends(stated.get(key))
    return Layer(
        name=_find_name(wire, stated),
        kind=kind,
        config=config,
        calls=tuple(map(_parse_call, wire.get("inbound_nodes").optional_items())),
        inner=tuple(_parse_layer(inner) for inner in listed),
    )


def _find_name(wire: JsonValue, config: JsonValue) -> str:
    """Return a layer's name, from the layer or from its configuration: "conv"."""
    names = [wire.get("name")]
    if isinstance(config.value, Mapping):
        names.append(config.get("name"))
    return next((name.text() for name in names if not name.is_absent and name.value), "")


def _parse_call(wire: JsonValue) -> tuple[Tensor, ...]:
    """Return the tensors of a call; none for Keras 3's form, which TensorFlow.js cannot read."""
    return _parse_ends(wire) if isinstance(wire.value, list) else ()


def _parse_ends(wire: JsonValue) -> tuple[Tensor, ...]:
    """Return the tensors in ["a", 0, 0] or [["a", 0, 0], …]."""
    if not isinstance(wire.value, list | tuple) or not wire.value:
        return ()
    entries = [wire] if isinstance(wire.value[0], str) else list(wire.items())
    return tuple(_parse_end(entry) for entry in entries if _is_end(entry.value))


def _is_end(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) >= 3  # noqa: PLR2004  # name, call, output


def _parse_end(wire: JsonValue) -> Tensor:
    name, call, output, *_ = wire.items()
    return name.text(), call.whole(), output.whole()
