"""A Keras model's config, written as TensorFlow.js reads a layers model.

TensorFlow.js reads what Keras 2 wrote: layers with the tensors of their calls in lists, shapes
as "batch_input_shape". This module writes that from the config of either generation, with the
layers that `keras_rules` puts in the place of others, and under the names that the model's
inputs and outputs have in Keras. It opens no file and knows no Keras.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConversionError
from pipeline.tfjs.layers.layer_weights import LayerWeights
from pipeline.tfjs.layers.parts import Json
from pipeline.tfjs.layers.writer import Shape, Writer

TAKE_GRAPH = "set `output_format: tfjs_graph_model`, which runs whatever the layers compute"
_MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A model as TensorFlow.js reads it.

    Attributes:
        model: What stands under "model_config".
        weights: The weights that its layers take, in the order of these.
        repairs: Sentences on what is written otherwise than Keras has it.
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
    """Return a model's config as TensorFlow.js reads it.

    Args:
        config: `class_name` and `config`, as the model's `to_json()` writes them.
        keras_3: Whether Keras 3 wrote it.
        inputs: Names of the model's inputs; the layers that take them get these names.
        outputs: Names of its outputs; where the layers that make them are called otherwise,
            further layers that only pass them on get these names.
        shape_of: Tells the shape of what a layer returns, by the names that lead to it through
            models in the model; None where that is not known.

    Raises:
        ConversionError: It has layers that TensorFlow.js has no equal for; it names them.
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
    """Return a model whose input layers are called as its inputs, where no other layer is."""
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
    """Return a model in which a layer of its name makes each output."""
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
