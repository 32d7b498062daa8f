"""Layers models: the description of a TensorFlow.js model.json with a Keras configuration.

The configuration stands in `modelTopology`, bare or under `model_config`; layers nest. There is no
graph, so shapes between layers and multiply-adds stay unknown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.inspection.description import Description, Tensor
from pipeline.inspection.inspect_contracts import inspect_contracts
from pipeline.inspection.stored import describe_weights, read_values
from pipeline.records.shape import Shape
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.layers_topology import parse_layers
from pipeline.tfjs.model.model_json import ModelJson, parse_model_json
from pipeline.tfjs.model.normalize_layers import OPTIMIZER
from pipeline.tfjs.model.signature import count_parameters


def inspect_layers_model(path: Path) -> Description:
    """Describe a layers model.

    Raises:
        FormatError: It is no layers model.
    """
    model_json = parse_model_json(path.read_bytes(), name=path.name)
    topology = model_json.content["modelTopology"]
    model = parse_layers(topology, where=f"{path.name}: modelTopology")
    reading = read_values(model_json, path.parent)
    learned = [spec for spec in model_json.weights if spec.group != OPTIMIZER]
    layers = zip(model.input_names(), model.input_layers(), strict=True)
    inputs = [_describe_input(i, n, layer.config) for i, (n, layer) in enumerate(layers)]
    found = inspect_contracts(model_json, path, inputs)
    return Description(
        format="tfjs_layers_model",
        producer={
            key: model_json.content.get(key) or topology.get(key)
            for key in ("generatedBy", "convertedBy", "keras_version", "backend")
        },
        inputs=inputs,
        contracts=found.contracts,
        unstated=found.unstated,
        outputs=[
            Tensor(id=i, name=name, tensor=None, dtype=None, js_dtype=None, shape=None)
            for i, name in enumerate(model.output_names())
        ],
        requires_async=False,
        parameters=_count_learned(model_json),
        weights=describe_weights(learned, reading),
        training_only=sum(spec.group == OPTIMIZER for spec in model_json.weights),
        layers=model.count_layers(),
        missing_layers=sorted(model.missing_layers()),
        faults=[reading.fault] if reading.fault else [],
    )


def _describe_input(number: int, name: str, config: Mapping[str, Any]) -> Tensor:
    dtype = config.get("dtype")
    dtype = dtype if isinstance(dtype, str) else "float32"
    return Tensor(
        id=number,
        name=name,
        tensor=None,
        dtype=dtype,
        js_dtype=js_dtype(dtype),
        shape=_parse_shape(config.get("batch_input_shape") or config.get("batch_shape")),
    )


def _parse_shape(wire: Any) -> Shape:
    """Return the shape in a layer's configuration: [None, 4] is (None, 4), all else is unknown."""
    if not isinstance(wire, list) or not wire:
        return None
    known = all(size is None or type(size) is int for size in wire)
    return tuple(wire) if known else None


def _count_learned(model_json: ModelJson) -> int:
    training = sum(
        spec.size
        for spec in model_json.weights
        if spec.group == OPTIMIZER and spec.dtype == "float32"
    )
    return count_parameters(model_json) - training
