"""Converts a Keras model of any generation to a layers model.

The config gets the form that TensorFlow.js reads. The weights come from the model's own variables,
under the names that TensorFlow.js gives them: names in a Keras file have numbers that depend on the
models built before (tfjs#1255 and others).
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.disk.files import write_atomic
from pipeline.errors import ConversionError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, StatedSignature, Tie
from pipeline.tf.keras.keras_call import CALL_KEY, describe_call, trace_model
from pipeline.tf.keras.keras_source import LoadedKeras, load_keras_model
from pipeline.tf.reasons import format_reason
from pipeline.tfjs.layers.from_keras import TAKE_GRAPH, convert_config
from pipeline.tfjs.layers.layer_weights import LayerWeights
from pipeline.tfjs.model.layers_topology import parse_layers
from pipeline.tfjs.model.model_json import ModelJson, format_model_json
from pipeline.tfjs.model.normalize_layers import layers_content
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import Array

# keras/src/layers/preprocessing/normalization.py divides by at least this.
_LEAST_DEVIATION = 1e-7

_Named = tuple[str, Array]


def convert_keras_layers(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert a Keras model to a layers model.

    Args:
        source: A .h5 or .keras file of any version of Keras, or a SavedModel folder of Keras.
        folder: The folder for model.json and shards.
        flags: split_weights_by_layer, weight_shard_size_bytes and trust are read.

    Returns:
        The signature "call" of the model's call; inputs and outputs under TensorFlow.js' names, in
        the model's order; repairs.

    Raises:
        FormatError: The file is no Keras model, is damaged, or holds weights only.
        UntrustedSourceError: The model would run code, and `trust` is not set.
        ConversionError: Keras cannot build the model, or TensorFlow.js has no equal layers.
    """
    loaded = load_keras_model(source, trust=flags.trust, code=flags.code)
    converted = convert_config(
        _read_config(loaded),
        keras_3=loaded.generation == "keras 3",
        inputs=loaded.input_names,
        outputs=loaded.output_names,
        shape_of=lambda way: _shape_of(loaded.model, way),
    )
    layers = [list(_read_weights(loaded.model, weights)) for weights in converted.weights]
    groups = _write_weights(
        layers if flags.split_weights_by_layer else [[w for one in layers for w in one]],
        folder,
        flags.weight_shard_size_bytes,
    )
    topology = {
        "keras_version": loaded.file.version or None,
        "backend": "tensorflow",
        "model_config": converted.model,
    }
    content = layers_content(topology, generatedBy=f"keras v{loaded.file.version or 1}")
    write_atomic(
        folder / "model.json", format_model_json(ModelJson(content=content, groups=groups))
    )
    made = parse_layers(topology)
    stated = describe_call(loaded, trace_model(loaded))
    inputs, outputs = made.input_names(), made.output_names()
    return Conversion(
        signature_key=CALL_KEY,
        signatures={
            CALL_KEY: StatedSignature(
                inputs=dict(zip(inputs, stated.inputs.values(), strict=True)),
                outputs=dict(zip(outputs, stated.outputs.values(), strict=True)),
            )
        },
        inputs=[Tie(name=name, tensor=name) for name in inputs],
        outputs=[Tie(name=name, tensor=name) for name in outputs],
        repairs=[*loaded.repairs, *converted.repairs],
    )


def _read_config(loaded: LoadedKeras) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(loaded.model.to_json())
    except Exception as error:
        raise ConversionError(
            f"the model's layers stand in no config: {format_reason(error)}", hint=TAKE_GRAPH
        ) from error
    return config


def _read_weights(model: Any, weights: LayerWeights) -> Iterator[_Named]:
    """Yield the weights of a layer, in the dtypes of TensorFlow.js."""
    layer = find_layer(model, weights.owner)
    if weights.how == "normalization":
        deviation = np.maximum(np.sqrt(np.asarray(layer.variance)), _LEAST_DEVIATION)
        yield weights.name("moving_mean"), _plain(layer.mean)
        yield weights.name("moving_variance"), _plain(np.square(deviation))
        return
    for variable in layer.weights:
        yield weights.name(variable_name(variable)), _narrow(variable.numpy())


def variable_name(variable: Any) -> str:
    """Return a variable's name in its layer: "kernel"."""
    return re.sub(":[0-9]+$", "", variable.name).rpartition("/")[2]


def find_layer(model: Any, way: Sequence[str]) -> Any:
    """Return the layer at the end of a path; see `LayerWeights.owner`.

    Raises:
        ValueError: The layer does not exist.
    """
    found = model
    for step in way:
        if step.startswith(".") and not _has_layer(found, step):
            found = getattr(found, step[1:])
        elif isinstance(found, list):
            found = found[int(step)]
        else:
            found = found.get_layer(step)
    return found


def _has_layer(model: Any, name: str) -> bool:
    """Return whether a model has a layer of this name, which may begin with a dot, too."""
    return any(layer.name == name for layer in getattr(model, "layers", ()))


def _shape_of(model: Any, way: Sequence[str]) -> tuple[int | None, ...] | None:
    """Return the shape of a layer's result, None unless it is one tensor of one shape."""
    try:
        shape = find_layer(model, way).output.shape
    except (AttributeError, ValueError):  # several outputs or calls; Keras 3 finds no operations
        return None
    return None if shape is None else tuple(shape)


def _plain(values: Any) -> Array:
    """Return the values along the only axis of an array that is longer than 1."""
    return _narrow(np.asarray(values)).reshape(-1)


def _narrow(values: Array) -> Array:
    """Return a weight in a dtype of TensorFlow.js, which has float32 for every other float."""
    if values.dtype.kind in "iu":
        return values.astype("<i4")
    return values if values.dtype == np.bool_ else values.astype("<f4")


def _write_weights(
    groups: Sequence[Sequence[_Named]], folder: Path, shard_size_bytes: int
) -> tuple[WeightGroup, ...]:
    written = []
    for number, weights in enumerate([group for group in groups if group], start=1):
        writer = ShardWriter(folder, group=number, shard_size_bytes=shard_size_bytes)
        for _, values in weights:
            writer.write(np.ascontiguousarray(values).tobytes())
        specs = tuple(
            WeightSpec(name=name, shape=tuple(values.shape), dtype=values.dtype.name)
            for name, values in weights
        )
        written.append(WeightGroup(paths=writer.finish(), weights=specs))
    return tuple(written)
