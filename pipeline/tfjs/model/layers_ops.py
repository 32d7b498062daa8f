"""Layers as ops: the graph that a layers model computes, as far as roles and hints read one.

Each call of a layer becomes the ops that it stands for: a dense layer with softmax is MatMul,
BiasAdd, Softmax. Nested models are unfolded. The nodes carry no attributes, but for constants
that the configuration states: "rows" of an embedding table, "values" of what is added to pixels.
Layers that stand for no single op, as recurrent ones do, are a node of their class. Each input
and output of the model is a node of the name that signature.json gives it as `tensor`.
It opens no file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.tfjs.model.layers_topology import (
    Layer,
    LayersModel,
    Tensor,
    as_model,
    is_layers_model,
    parse_layers,
)
from pipeline.tfjs.model.topology import Node, Topology, parse_topology

_ACTIVATIONS: Mapping[str, Sequence[str]] = {
    "linear": (),
    "relu": ("Relu",),
    "relu6": ("Relu6",),
    "softmax": ("Softmax",),
    "logSoftmax": ("LogSoftmax",),
    "log_softmax": ("LogSoftmax",),
    "sigmoid": ("Sigmoid",),
    "tanh": ("Tanh",),
    "elu": ("Elu",),
    "selu": ("Selu",),
    "softplus": ("Softplus",),
    "softsign": ("Softsign",),
}

# What each class of layers computes with its own weights; its activation follows.
_WEIGHTED: Mapping[str, str] = {
    "Conv1D": "Conv2D",
    "Conv2D": "Conv2D",
    "Conv2DTranspose": "Conv2DBackpropInput",
    "Conv3D": "Conv3D",
    "Conv3DTranspose": "Conv3DBackpropInputV2",
    "Dense": "MatMul",
    "DepthwiseConv2D": "DepthwiseConv2dNative",
    "SeparableConv2D": "Conv2D",
}
_PLAIN: Mapping[str, str] = {
    "Add": "AddV2",
    "Average": "Mean",
    "AveragePooling1D": "AvgPool",
    "AveragePooling2D": "AvgPool",
    "AveragePooling3D": "AvgPool3D",
    "BatchNormalization": "FusedBatchNormV3",
    "CenterCrop": "StridedSlice",
    "Cropping2D": "StridedSlice",
    "ELU": "Elu",
    "Flatten": "Reshape",
    "GlobalAveragePooling1D": "Mean",
    "GlobalAveragePooling2D": "Mean",
    "GlobalMaxPooling1D": "Max",
    "GlobalMaxPooling2D": "Max",
    "LeakyReLU": "LeakyRelu",
    "MaxPooling1D": "MaxPool",
    "MaxPooling2D": "MaxPool",
    "MaxPooling3D": "MaxPool3D",
    "Multiply": "Mul",
    "PReLU": "Prelu",
    "Permute": "Transpose",
    "ReLU": "Relu",
    "RepeatVector": "Tile",
    "Reshape": "Reshape",
    "Resizing": "ResizeBilinear",
    "Softmax": "Softmax",
    "UpSampling2D": "ResizeNearestNeighbor",
    "ZeroPadding2D": "Pad",
}
_PASSING = frozenset(
    {"AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "Masking"}
)


def read_topology(content: Mapping[str, Any]) -> Topology:
    """Return the graph of a decoded model.json; of a layers model the ops of its layers."""
    if is_layers_model(content):
        return layers_as_topology(parse_layers(content["modelTopology"]))
    return parse_topology(content["modelTopology"])


def layers_as_topology(model: LayersModel) -> Topology:
    """Return a layers model as a graph of ops."""
    graph = _Graph()
    names = model.input_names()
    inputs = [graph.add(name, "Placeholder") for name in names]
    outputs = graph.unfold(model, inputs, prefix="")
    for name, tensor in zip(model.output_names(), outputs, strict=True):
        if name not in graph.nodes:  # an input may be an output
            graph.add(name, "Identity", [tensor])
    return Topology(nodes=graph.nodes, functions={})


@dataclass(frozen=True)
class _Graph:
    nodes: dict[str, Node] = field(default_factory=dict)

    def add(self, name: str, op: str, inputs: Iterable[str] = (), **attrs: Any) -> str:
        """Add a node and return its name."""
        self.nodes[name] = Node(name=name, op=op, inputs=tuple(inputs), attrs=attrs)
        return name

    def unfold(self, model: LayersModel, inputs: Sequence[str], *, prefix: str) -> list[str]:
        """Add the ops of a model and return its outputs.

        Args:
            model: The model.
            inputs: The tensors that it is fed.
            prefix: What the names of its nodes begin with.
        """
        if model.kind == "Sequential":
            return self._unfold_chain(model, inputs, prefix)
        made: dict[Tensor, str] = dict(zip(model.inputs, inputs, strict=False))
        # Of a model in a model, call 0 is that by which it was made (container.ts).
        calls = [
            (layer, number + layer.is_model, tensors)
            for layer in model.layers
            for number, tensors in enumerate(layer.calls)
        ]
        while calls:
            ready = [call for call in calls if all(tensor in made for tensor in call[2])]
            if not ready:
                break  # what no input leads to
            for layer, number, tensors in ready:
                place = f"{prefix}{layer.name}#{number}"
                results = self.call(layer, [made[tensor] for tensor in tensors], place)
                made |= {(layer.name, number, i): tensor for i, tensor in enumerate(results)}
            calls = [call for call in calls if call not in ready]
        return [made.get(tensor) or self._opaque(tensor, prefix) for tensor in model.outputs]

    def call(self, layer: Layer, inputs: Sequence[str], place: str) -> list[str]:
        """Add the ops of one call of a layer; return its outputs, named as far as they may be."""
        if layer.is_model:
            return self.unfold(as_model(layer), inputs, prefix=f"{place}/")
        if layer.kind == "TimeDistributed" and layer.inner:
            return self.call(layer.inner[0], inputs, f"{place}/{layer.inner[0].name}")
        if layer.kind in _PASSING:
            return list(inputs[:1])
        make = _SPECIAL.get(layer.kind)
        if make is not None:
            return [make(self, layer, inputs, place)]
        if layer.kind in _WEIGHTED:
            return [self._weighted(layer, inputs, place)]
        last = self.add(f"{place}/{layer.kind}", _PLAIN.get(layer.kind, layer.kind), inputs)
        # A recurrent layer may return its states too.
        count = 1 if layer.kind in _PLAIN else _MAX_STATES
        return [last if i == 0 else f"{last}:{i}" for i in range(count)]

    def constant(self, place: str, **attrs: Any) -> str:
        """Add a constant, with what is known of it."""
        return self.add(place, "Const", **attrs)

    def activate(self, layer: Layer, tensor: str, place: str) -> str:
        """Add a layer's activation."""
        name = _activation_name(layer.config.get("activation"))
        for op in _ACTIVATIONS.get(name, (name,)):
            tensor = self.add(f"{place}/{op}", op, [tensor])
        return tensor

    def _unfold_chain(self, model: LayersModel, inputs: Sequence[str], prefix: str) -> list[str]:
        tensors = list(inputs)
        for layer in model.layers:
            if layer.kind != "InputLayer":
                tensors = self.call(layer, tensors[:1], f"{prefix}{layer.name}#0")
        last = model.layers[-1]
        return tensors if last.is_model and len(model.layers) == 1 else tensors[:1]

    def _weighted(self, layer: Layer, inputs: Sequence[str], place: str) -> str:
        op = _WEIGHTED[layer.kind]
        tensor = self.add(f"{place}/{op}", op, [*inputs, self.constant(f"{place}/kernel")])
        if layer.config.get("use_bias", True):
            bias = self.constant(f"{place}/bias")
            tensor = self.add(f"{place}/BiasAdd", "BiasAdd", [tensor, bias])
        return self.activate(layer, tensor, place)

    def _opaque(self, tensor: Tensor, prefix: str) -> str:
        """Add a node of which nothing is known."""
        return self.add(f"{prefix}{tensor[0]}#{tensor[1]}.{tensor[2]}", "Unknown")


_MAX_STATES = 8


def _activation_name(wire: Any) -> str:
    if isinstance(wire, Mapping):  # {"class_name": "swish", "config": {}}
        wire = wire.get("class_name")
    return str(wire) if wire else "linear"


def _rescale(graph: _Graph, layer: Layer, inputs: Sequence[str], place: str) -> str:
    scale = graph.constant(f"{place}/scale", values=layer.config.get("scale"))
    offset = graph.constant(f"{place}/offset", values=layer.config.get("offset", 0))
    scaled = graph.add(f"{place}/Mul", "Mul", [*inputs, scale])
    return graph.add(f"{place}/AddV2", "AddV2", [scaled, offset])


def _look_up(graph: _Graph, layer: Layer, inputs: Sequence[str], place: str) -> str:
    table = graph.constant(f"{place}/embeddings", rows=layer.config.get("input_dim"))
    return graph.add(f"{place}/GatherV2", "GatherV2", [table, *inputs])


def _count(graph: _Graph, layer: Layer, inputs: Sequence[str], place: str) -> str:
    table = graph.constant(f"{place}/tokens", rows=layer.config.get("num_tokens"))
    return graph.add(f"{place}/GatherV2", "GatherV2", [table, *inputs])


def _join(graph: _Graph, _layer: Layer, inputs: Sequence[str], place: str) -> str:
    axis = graph.constant(f"{place}/axis")
    return graph.add(f"{place}/ConcatV2", "ConcatV2", [*inputs, axis])


def _activate(graph: _Graph, layer: Layer, inputs: Sequence[str], place: str) -> str:
    return graph.activate(layer, inputs[0], place)


_SPECIAL: Mapping[str, Callable[[_Graph, Layer, Sequence[str], str], str]] = {
    "Activation": _activate,
    "CategoryEncoding": _count,
    "Concatenate": _join,
    "Embedding": _look_up,
    "Rescaling": _rescale,
}
