"""Converts the config of a Keras model to the config of a layers model.

TensorFlow.js reads the form of Keras 2: layers with the tensors of their calls in lists, shapes as
"batch_input_shape". This module writes that form from the config of Keras 2 or 3. It replaces
layers by `layer_rules`, and keeps the names of inputs and outputs. It opens no file and imports no
Keras.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConversionError
from pipeline.tfjs.layers.config_values import Json
from pipeline.tfjs.layers.layer_weights import LayerWeights
from pipeline.tfjs.layers.writer import Shape, Writer

TAKE_GRAPH = "set `output_format: tfjs_graph_model`, which runs whatever the layers compute"
_MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A model in the form that TensorFlow.js reads.

    Attributes:
        model: The value of "model_config".
        weights: The weights of its layers, in the order of the layers.
        repairs: Sentences on the differences from the Keras model.
    """

    model: Json
    weights: list[LayerWeights]
    repairs: list[str]


def convert_config(
    config: Mapping[str, Any],
    *,
    keras_3: bool,
    inputs: Sequence[str],
    outputs: Sequence[str],
    shape_of: Callable[[tuple[str, ...]], Shape] = lambda _way: None,
) -> Converted:
    """Convert a model's config to the form that TensorFlow.js reads.

    Args:
        config: `class_name` and `config`, as the model's `to_json()` writes them.
        keras_3: Whether Keras 3 wrote it.
        inputs: Names of the model's inputs; their layers get these names.
        outputs: Names of its outputs; if the layers that make them have other names, further
            layers that only pass them on get these names.
        shape_of: Returns the shape of a layer's result, from the names that lead to the layer
            through nested models; None if unknown.

    Raises:
        ConversionError: TensorFlow.js has no equal of some layers; the message names them.
    """
    writer = Writer(keras_3=keras_3, shape_of=shape_of)
    model = writer.write_model(config)
    if writer.faults:
        more = len(writer.faults) - _MAX_NAMED
        raise ConversionError(
            f"TensorFlow.js has no layers for: {'; '.join(writer.faults[:_MAX_NAMED])}"
            + (f"; and {more} more" if more > 0 else ""),
            hint=TAKE_GRAPH,
        )
    repairs = [
        f"{kind} layers replaced by layers that compute the same ({count} in this model)"
        for kind, count in sorted(writer.replaced.items())
    ]
    named = _name_outputs(_name_inputs(model, inputs, writer), outputs, writer)
    return Converted(model=named, weights=writer.weights, repairs=repairs)


def _name_inputs(model: Json, names: Sequence[str], writer: Writer) -> Json:
    """Return a model whose input layers have the names of its inputs, if these are free."""
    config = model["config"]
    layers = config["layers"]
    if model["class_name"] == "Sequential":
        given = [layer["config"]["name"] for layer in layers if layer["class_name"] == "InputLayer"]
    else:
        given = [tensor[0] for tensor in config["input_layers"]]
    renamed = {
        old: new for old, new in zip(given, names, strict=False) if old != new and writer.take(new)
    }
    return _rename(model, renamed) if renamed else model


def _rename(model: Json, names: Mapping[str, str]) -> Json:
    """Return a model with other names for some of its layers."""
    config = dict(model["config"])
    config["layers"] = [_rename_layer(layer, names) for layer in config["layers"]]
    for key in ("input_layers", "output_layers"):
        if key in config:
            config[key] = [[names.get(t[0], t[0]), *t[1:]] for t in config[key]]
    return {**model, "config": config}


def _rename_layer(layer: Json, names: Mapping[str, str]) -> Json:
    name = layer["config"]["name"]
    made = {**layer, "config": {**layer["config"], "name": names.get(name, name)}}
    if "name" in layer:
        made["name"] = names.get(name, name)
    if "inbound_nodes" in layer:
        made["inbound_nodes"] = [
            [[names.get(tensor[0], tensor[0]), *tensor[1:]] for tensor in node]
            for node in layer["inbound_nodes"]
        ]
    return made


def _name_outputs(model: Json, names: Sequence[str], writer: Writer) -> Json:
    """Return a model in which each output's layer has the output's name."""
    config = dict(model["config"])
    layers = list(config["layers"])
    if model["class_name"] == "Sequential":
        if names and layers[-1]["config"]["name"] != names[0] and writer.take(names[0]):
            layers.append(_pass_on(names[0]))
        return {**model, "config": {**config, "layers": layers}}
    outputs = []
    for tensor, name in zip(config["output_layers"], names, strict=True):
        if tensor[0] == name or not writer.take(name):
            outputs.append(tensor)
            continue
        layers.append({**_pass_on(name), "name": name, "inbound_nodes": [[[*tensor, {}]]]})
        outputs.append([name, 0, 0])
    return {**model, "config": {**config, "layers": layers, "output_layers": outputs}}


def _pass_on(name: str) -> Json:
    return {"class_name": "Activation", "config": {"name": name, "activation": "linear"}}
