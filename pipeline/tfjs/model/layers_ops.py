"""Layers as ops: the graph that a layers model computes, for roles and hints.

Each call of a layer becomes its ops: a dense layer with softmax becomes MatMul, BiasAdd, Softmax.
Nested models are unfolded. Nodes have no attributes, except constants that the configuration
states: "rows" of an embedding table, "values" of numbers added to pixels; and constants that are a
weight: "weight", its name. Layers without such ops,
like recurrent layers, become a node of their class. Each input and output of the model is a node
with its `tensor` name in signature.json. This module opens no file.
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

# The op of each class of layers with its own weights; its activation follows.
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
    """Return the graph of a decoded model.json; for a layers model, the ops of its layers."""
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
            inputs: The tensors that enter it.
            prefix: Prefix of the names of its nodes.
        """
        if model.kind == "Sequential":
            return self._unfold_chain(model, inputs, prefix)
        made: dict[Tensor, str] = dict(zip(model.inputs, inputs, strict=False))
        # For a nested model, call 0 is the call that made it (container.ts).
        calls = [
            (layer, number + layer.is_model, tensors)
            for layer in model.layers
            for number, tensors in enumerate(layer.calls)
        ]
        while calls:
            ready = [call for call in calls if all(tensor in made for tensor in call[2])]
            if not ready:
                break  # the inputs do not lead to the remaining layers
            for layer, number, tensors in ready:
                scope = f"{prefix}{layer.name}#{number}"
                results = self.call(layer, [made[tensor] for tensor in tensors], scope)
                made |= {(layer.name, number, i): tensor for i, tensor in enumerate(results)}
            calls = [call for call in calls if call not in ready]
        return [made.get(tensor) or self._opaque(tensor, prefix) for tensor in model.outputs]

    def call(self, layer: Layer, inputs: Sequence[str], scope: str) -> list[str]:
        """Add the ops of one call of a layer; return its outputs, under their names if possible."""
        if layer.is_model:
            return self.unfold(as_model(layer), inputs, prefix=f"{scope}/")
        if layer.kind == "TimeDistributed" and layer.inner:
            return self.call(layer.inner[0], inputs, f"{scope}/{layer.inner[0].name}")
        if layer.kind in _PASSING:
            return list(inputs[:1])
        make = _SPECIAL.get(layer.kind)
        if make is not None:
            return [make(self, layer, inputs, scope)]
        if layer.kind in _WEIGHTED:
            return [self._weighted(layer, inputs, scope)]
        last = self.add(f"{scope}/{layer.kind}", _PLAIN.get(layer.kind, layer.kind), inputs)
        # A recurrent layer may return its states too.
        count = 1 if layer.kind in _PLAIN else _MAX_STATES
        return [last if i == 0 else f"{last}:{i}" for i in range(count)]

    def constant(self, scope: str, **attrs: Any) -> str:
        """Add a constant, with its known facts."""
        return self.add(scope, "Const", **attrs)

    def activate(self, layer: Layer, tensor: str, scope: str) -> str:
        """Add a layer's activation."""
        name = _activation_name(layer.config.get("activation"))
        for op in _ACTIVATIONS.get(name, (name,)):
            tensor = self.add(f"{scope}/{op}", op, [tensor])
        return tensor

    def _unfold_chain(self, model: LayersModel, inputs: Sequence[str], prefix: str) -> list[str]:
        tensors = list(inputs)
        for layer in model.layers:
            if layer.kind != "InputLayer":
                tensors = self.call(layer, tensors[:1], f"{prefix}{layer.name}#0")
        last = model.layers[-1]
        return tensors if last.is_model and len(model.layers) == 1 else tensors[:1]

    def _weighted(self, layer: Layer, inputs: Sequence[str], scope: str) -> str:
        op = _WEIGHTED[layer.kind]
        tensor = self.add(f"{scope}/{op}", op, [*inputs, self.constant(f"{scope}/kernel")])
        if layer.config.get("use_bias", True):
            bias = self.constant(f"{scope}/bias")
            tensor = self.add(f"{scope}/BiasAdd", "BiasAdd", [tensor, bias])
        return self.activate(layer, tensor, scope)

    def _opaque(self, tensor: Tensor, prefix: str) -> str:
        """Add a node without known facts."""
        return self.add(f"{prefix}{tensor[0]}#{tensor[1]}.{tensor[2]}", "Unknown")


_MAX_STATES = 8


def _activation_name(wire: Any) -> str:
    if isinstance(wire, Mapping):  # {"class_name": "swish", "config": {}}
        wire = wire.get("class_name")
    return str(wire) if wire else "linear"


def _rescale(graph: _Graph, layer: Layer, inputs: Sequence[str], scope: str) -> str:
    scale = graph.constant(f"{scope}/scale", values=layer.config.get("scale"))
    offset = graph.constant(f"{scope}/offset", values=layer.config.get("offset", 0))
    scaled = graph.add(f"{scope}/Mul", "Mul", [*inputs, scale])
    return graph.add(f"{scope}/AddV2", "AddV2", [scaled, offset])


def _normalize(graph: _Graph, layer: Layer, inputs: Sequence[str], scope: str) -> str:
    weights = [
        graph.constant(f"{scope}/{name}", weight=f"{layer.name}/{name}")
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ]
    return graph.add(f"{scope}/BatchNormalization", "FusedBatchNormV3", [*inputs, *weights])


def _look_up(graph: _Graph, layer: Layer, inputs: Sequence[str], scope: str) -> str:
    table = graph.constant(f"{scope}/embeddings", rows=layer.config.get("input_dim"))
    return graph.add(f"{scope}/GatherV2", "GatherV2", [table, *inputs])


def _count(graph: _Graph, layer: Layer, inputs: Sequence[str], scope: str) -> str:
    table = graph.constant(f"{scope}/tokens", rows=layer.config.get("num_tokens"))
    return graph.add(f"{scope}/GatherV2", "GatherV2", [table, *inputs])


def _join(graph: _Graph, _layer: Layer, inputs: Sequence[str], scope: str) -> str:
    axis = graph.constant(f"{scope}/axis")
    return graph.add(f"{scope}/ConcatV2", "ConcatV2", [*inputs, axis])


def _activate(graph: _Graph, layer: Layer, inputs: Sequence[str], scope: str) -> str:
    return graph.activate(layer, inputs[0], scope)


_SPECIAL: Mapping[str, Callable[[_Graph, Layer, Sequence[str], str], str]] = {
    "Activation": _activate,
    "BatchNormalization": _normalize,
    "CategoryEncoding": _count,
    "Concatenate": _join,
    "Embedding": _look_up,
    "Rescaling": _rescale,
}
