"""Layers models: what a TensorFlow.js model.json with a Keras configuration says of itself.

The configuration stands in `modelTopology`, bare or under `model_config`; layers nest. A graph
there is not, so shapes between layers and multiply-adds are not told.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.inspection.stored import read_values, summarize_weights
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.layers_topology import parse_layers
from pipeline.tfjs.model.model_json import ModelJson, parse_model_json
from pipeline.tfjs.model.normalize_layers import OPTIMIZER
from pipeline.tfjs.model.signature import count_parameters


def inspect_layers_model(path: Path) -> dict[str, Any]:
    """Describe a layers model: JSON values, as documented in pipeline.inspection.inspect.

    Raises:
        FormatError: It is no layers model.
    """
    model_json = parse_model_json(path.read_bytes(), name=path.name)
    topology = model_json.content["modelTopology"]
    model = parse_layers(topology, where=f"{path.name}: modelTopology")
    reading = read_values(model_json, path.parent)
    learned = [spec for spec in model_json.weights if spec.group != OPTIMIZER]
    unknown = dict.fromkeys(("tensor", "dtype", "jsDtype", "shape"))
    inputs = zip(model.input_names(), model.input_layers(), strict=True)
    return {
        "format": "tfjs_layers_model",
        "producer": {
            key: model_json.content.get(key) or topology.get(key)
            for key in ("generatedBy", "convertedBy", "keras_version", "backend")
        },
        "inputs": [_describe_input(i, n, layer.config) for i, (n, layer) in enumerate(inputs)],
        "outputs": [{"id": i, "name": n, **unknown} for i, n in enumerate(model.output_names())],
        "requiresAsync": False,
        "parameters": _count_learned(model_json),
        "weights": summarize_weights(learned, reading),
        "trainingOnly": sum(spec.group == OPTIMIZER for spec in model_json.weights),
        "layers": model.count_layers(),
        "missingLayers": sorted(model.missing_layers()),
        "faults": [reading.fault] if reading.fault else [],
    }


def _describe_input(number: int, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    dtype = config.get("dtype")
    dtype = dtype if isinstance(dtype, str) else "float32"
    return {
        "id": number,
        "name": name,
        "tensor": None,
        "dtype": dtype,
        "jsDtype": js_dtype(dtype),
        "shape": [-1 if size is None else size for size in shape] if shape else None,
    }


def _count_learned(model_json: ModelJson) -> int:
    training = sum(
        spec.size
        for spec in model_json.weights
        if spec.group == OPTIMIZER and spec.dtype == "float32"
    )
    return count_parameters(model_json) - training
