"""Layers: the Keras configuration of a layers model, which model.json holds in `modelTopology`.

It stands there bare, as TensorFlow.js writes it, or under "model_config", as the converter does.
A functional model lists its layers with the calls of each: a call is a list of tensors
["conv", 0, 0], the layer that makes it, which of its calls, and which of the outputs of that.
A sequential model is a list of layers alone. Models stand in models as layers do. This module
turns that into plain values. It opens no file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import FormatError

LAYERS_FORMAT = "layers-model"

# tf.serialization.SerializationMap of TensorFlow.js 4.22, those derived from tf.layers.Layer.
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
"""A layer, which of its calls, and which output of that call."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of a model.

    Attributes:
        name: Unique in its model.
        kind: Its class, e.g. "Conv2D".
        config: Its configuration.
        calls: The tensors that each of its calls takes; of a layer in a sequential model, and
            of a layer in a wrapper, none are listed.
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
        inputs: The tensors that are fed; of a sequential model none are listed.
        outputs: The tensors that it returns; likewise.
    """

    kind: str
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def all_layers(self) -> Iterator[Layer]:
        """Yield its layers, and those in models and wrappers among them."""
        return _walk(self.layers)

    def count_layers(self) -> dict[str, int]:
        """Return how often each class of layers stands in it."""
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
        """Return the layers that say what is fed: dtype and shape, in order."""
        if self.kind != "Sequential":
            by_name = {layer.name: layer for layer in self.layers}
            return [by_name[name] for name, _, _ in self.inputs if name in by_name]
        first = self.layers[0]
        return as_model(first).input_layers() if first.is_model else [first]

    def input_names(self) -> list[str]:
        """Return the names that TensorFlow.js gives its inputs (container.ts, models.ts)."""
        implied = [
            # A sequential model without an InputLayer gets one, of this name.
            layer.name if layer.kind == "InputLayer" else f"{layer.name}_input"
            for layer in self.input_layers()
        ]
        return unique_names(implied)

    def output_names(self) -> list[str]:
        """Return the names of its outputs: in TensorFlow.js those of layers, here unique."""
        if self.kind != "Sequential":
            return unique_names(name for name, _, _ in self.outputs)
        # A model that is all of a sequential model keeps its own outputs.
        layers = [layer for layer in self.layers if layer.kind != "InputLayer"]
        if len(self.layers) == 1 and self.layers[0].is_model:
            return as_model(self.layers[0]).output_names()
        return [(layers or self.layers)[-1].name]


def parse_layers(topology: Any, *, where: str = "modelTopology") -> LayersModel:
    """Read the `modelTopology` of a layers model.

    Args:
        topology: It, as decoded JSON.
        where: Its name in error messages.

    Raises:
        FormatError: It is no Keras model, or has no layers.
    """
    wire = bare_topology(topology)
    if not isinstance(wire.get("class_name"), str):
        raise FormatError(f"{where} has no class_name; expected a Keras model")
    model = as_model(_parse_layer(wire, where))
    if not model.layers:
        raise FormatError(f"{where}: the {model.kind} model has no layers")
    return model


def bare_topology(topology: Any) -> Mapping[str, Any]:
    """Return the model's configuration, from wherever it stands in `modelTopology`."""
    if not isinstance(topology, Mapping):
        return {}
    inner = topology.get("model_config")
    return inner if isinstance(inner, Mapping) else topology


def is_layers_model(content: Mapping[str, Any]) -> bool:
    """Tell whether a decoded model.json is that of a layers model."""
    return content.get("format") == LAYERS_FORMAT


def as_model(layer: Layer) -> LayersModel:
    """Return the model that a layer is."""
    return LayersModel(
        kind=layer.kind,
        layers=layer.inner,
        inputs=_parse_ends(layer.config.get("input_layers")),
        outputs=_parse_ends(layer.config.get("output_layers")),
    )


def unique_names(names: Iterable[str]) -> list[str]:
    """Return names of which each is there once: the second "a" is "a_1"; as in models.js."""
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


def _parse_layer(wire: Any, where: str) -> Layer:
    kind = wire.get("class_name") if isinstance(wire, Mapping) else None
    if not isinstance(wire, Mapping) or not isinstance(kind, str):
        raise FormatError(f"{where} is no layer; expected an object with class_name and config")
    raw = wire.get("config")
    # A Sequential of early Keras has the bare list of its layers.
    config: Mapping[str, Any] = {"layers": raw} if isinstance(raw, list) else raw or {}
    name = wire.get("name") or config.get("name") or ""
    listed = config.get("layers") or config.get("cells") or ()
    single = [config[key] for key in _INNER_KEYS if isinstance(config.get(key), Mapping)]
    return Layer(
        name=str(name),
        kind=kind,
        config=config,
        calls=tuple(_parse_call(call) for call in wire.get("inbound_nodes") or ()),
        inner=tuple(
            _parse_layer(inner, f"{where}.layers[{i}]")
            for i, inner in enumerate([*listed, *single])
        ),
    )


def _parse_call(wire: Any) -> tuple[Tensor, ...]:
    """Return the tensors of a call; of Keras 3's form none, which TensorFlow.js cannot read."""
    return _parse_ends(wire) if isinstance(wire, list) else ()


def _parse_ends(wire: Any) -> tuple[Tensor, ...]:
    """Return the tensors in ["a", 0, 0] or [["a", 0, 0], …]."""
    if not isinstance(wire, Sequence) or not wire:
        return ()
    entries = [wire] if isinstance(wire[0], str) else wire
    return tuple(
        (str(entry[0]), int(entry[1]), int(entry[2]))
        for entry in entries
        if isinstance(entry, Sequence) and len(entry) >= 3  # noqa: PLR2004  # name, call, output
    )
