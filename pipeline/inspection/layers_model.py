"""Layers models: what a TensorFlow.js model.json with a Keras configuration says of itself.

The configuration stands in `modelTopology`, bare or under `model_config`; layers nest. A graph
there is not, so shapes between layers and multiply-adds are not told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import FormatError
from pipeline.inspection.stored import read_values, summarize_weights
from pipeline.signature import count_parameters
from pipeline.tfjs.dtypes import js_dtype
from pipeline.tfjs.model_json import ModelJson, parse_model_json

# tf.serialization.SerializationMap of TensorFlow.js 4.22, those derived from tf.layers.Layer.
_KNOWN_LAYERS = frozenset(
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
_OPTIMIZER = "optimizer"


def inspect_layers_model(path: Path) -> dict[str, Any]:
    """Describe a layers model: JSON values, as documented in pipeline.inspection.inspect.

    Raises:
        FormatError: It is no layers model.
    """
    model_json = parse_model_json(path.read_bytes(), name=path.name)
    topology = model_json.content["modelTopology"]
    model = topology.get("model_config", topology)
    if not isinstance(model, Mapping) or not isinstance(model.get("class_name"), str):
        raise FormatError(f"{path.name}: modelTopology has no class_name; expected a Keras model")
    reading = read_values(model_json, path.parent)
    layers = Counter(str(layer["class_name"]) for layer in walk_layers(model))
    learned = [spec for spec in model_json.weights if spec.group != _OPTIMIZER]
    return {
        "format": "tfjs_layers_model",
        "producer": {
            key: model_json.content.get(key) or topology.get(key)
            for key in ("generatedBy", "convertedBy", "keras_version", "backend")
        },
        "inputs": list_inputs(model),
        "outputs": _list_outputs(model),
        "requiresAsync": False,
        "parameters": _count_learned(model_json),
        "weights": summarize_weights(learned, reading),
        "trainingOnly": sum(spec.group == _OPTIMIZER for spec in model_json.weights),
        "layers": dict(sorted(layers.items())),
        "missingLayers": sorted(set(layers) - _KNOWN_LAYERS),
        "faults": [reading.fault] if reading.fault else [],
    }


def walk_layers(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the layers of a model, those of models and wrappers in it too, not the model."""
    config = model.get("config")
    # A Sequential of early Keras has the bare list of its layers.
    listed = config if isinstance(config, list) else _of(config, "layers")
    inner = _of(config, "layer"), _of(config, "cell")
    for layer in (*(listed or ()), *inner):
        if isinstance(layer, Mapping) and "class_name" in layer:
            yield layer
            yield from walk_layers(layer)


def list_inputs(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs of a model, with the shape and dtype of the layers that take them."""
    config = model.get("config")
    layers = {str(_of(layer.get("config"), "name")): layer for layer in walk_layers(model)}
    names = _ends(_of(config, "input_layers")) or list(layers)[:1]
    return [_describe_input(i, name, layers.get(name, {})) for i, name in enumerate(names)]


def _describe_input(number: int, name: str, layer: Mapping[str, Any]) -> dict[str, Any]:
    config = layer.get("config")
    shape = _of(config, "batch_input_shape") or _of(config, "batch_shape")
    dtype = _of(config, "dtype")
    dtype = dtype if isinstance(dtype, str) else "float32"
    return {
        "id": number,
        "name": name,
        "tensor": None,
        "dtype": dtype,
        "jsDtype": js_dtype(dtype),
        "shape": [-1 if size is None else size for size in shape] if shape else None,
    }


def _list_outputs(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    config = model.get("config")
    last = [str(_of(layer.get("config"), "name")) for layer in walk_layers(model)][-1:]
    names = _ends(_of(config, "output_layers")) or last
    unknown = dict.fromkeys(("tensor", "dtype", "jsDtype", "shape"))
    return [{"id": i, "name": name, **unknown} for i, name in enumerate(names)]


def _ends(wire: Any) -> list[str]:
    """Return the layers in "input_layers": ["a", 0, 0] or [["a", 0, 0], …]."""
    if not isinstance(wire, list) or not wire:
        return []
    entries = wire if isinstance(wire[0], list) else [wire]
    return [str(entry[0]) for entry in entries]


def _count_learned(model_json: ModelJson) -> int:
    training = sum(
        spec.size
        for spec in model_json.weights
        if spec.group == _OPTIMIZER and spec.dtype == "float32"
    )
    return count_parameters(model_json) - training


def _of(config: Any, key: str) -> Any:
    return config.get(key) if isinstance(config, Mapping) else None
