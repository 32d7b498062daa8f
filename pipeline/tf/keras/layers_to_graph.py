"""Converts a layers model to a graph model, through Keras 2, whose config a layers model holds.

The model is built and gets its weights as in `tensorflowjs_converter`, and then is converted like
every Keras model. Weights are found under the names that TensorFlow.js itself looks for.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tf.keras.convert_to_graph import convert_keras_model
from pipeline.tf.keras.convert_to_layers import find_layer, variable_name
from pipeline.tf.keras.keras_builtin import known_parts
from pipeline.tf.keras.keras_config import check_nesting, find_foreign, find_running, list_models
from pipeline.tf.keras.keras_config_edits import drop_unread
from pipeline.tf.keras.keras_order import check_order
from pipeline.tf.reasons import format_reason
from pipeline.tfjs.layers.layer_weights import list_weights
from pipeline.tfjs.model.layers_topology import bare_topology
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize_layers import normalize_layers_model
from pipeline.tfjs.model.weights import Array, walk_weights

_SHARD_SIZE_BYTES = 64 * 1024**2


def convert_layers_model(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert a layers model to a graph model.

    Args:
        source: Its model.json, with its shards where the manifest lists them.
        folder: The folder for model.json and shards.
        flags: As for `convert_keras_model`.

    Returns:
        As `convert_keras_model` does.

    Raises:
        FormatError: The files are no layers model, or are incomplete.
        UntrustedSourceError: Its configuration holds code; no layers model does.
        ConversionError: TensorFlow.js lacks some of its layers, weights do not fit its layers, or
            the converter cannot convert it.
    """
    with tempfile.TemporaryDirectory() as name:
        base = Path(name, "base")
        base.mkdir()
        normalized = normalize_layers_model(
            source=source, folder=base, shard_size_bytes=_SHARD_SIZE_BYTES
        )
        saved = Path(name, "model.keras")
        _build(base).save(saved)
        record = convert_keras_model(source=saved, folder=folder, flags=flags)
    repairs = [*normalized.repairs, *record.repairs]
    return record.model_copy(update={"repairs": repairs})


def _build(base: Path) -> Any:
    """Return a layers model as a Keras model with its weights."""
    model_json = load_model_json(base / "model.json")
    topology = model_json.content["modelTopology"]
    known = known_parts("tf_keras")
    check_nesting(topology)
    config = drop_unread(dict(bare_topology(topology)), known)
    refused = find_running(config) or find_foreign(config, known)
    if refused:
        raise UntrustedSourceError(
            f"building the model would run {refused[0].description} (layer {refused[0].layer!r})"
        )
    for layers in list_models(config):
        check_order(layers)
    tf_keras.backend.clear_session()
    try:
        model = tf_keras.models.model_from_json(json.dumps(config))
    except Exception as error:
        raise ConversionError(
            f"Keras cannot build the model: {format_reason(error, base)}",
            hint="take it as it is: `output_format: tfjs_layers_model`",
        ) from error
    weights = {part.spec.name: part.read() for part in walk_weights(model_json, base)}
    _set_weights(model, config, weights)
    return model


def _set_weights(model: Any, config: Mapping[str, Any], known: dict[str, Array]) -> None:
    """Set all weights of a model by their names in TensorFlow.js.

    Raises:
        ConversionError: A weight is missing, left over, or of another shape.
    """
    missing = []
    for layer in list_weights(config):
        for variable in find_layer(model, layer.owner).weights:
            name = layer.name(variable_name(variable))
            found = name if name in known else _with_cell(name, known)
            if found is None:
                missing.append(name)
                continue
            values = known.pop(found)
            if tuple(values.shape) != tuple(variable.shape):
                raise ConversionError(
                    f"weight {found!r} is {tuple(values.shape)}; its layer has "
                    f"{tuple(variable.shape)}",
                    hint="The model.json belongs to another set of weights.",
                )
            variable.assign(np.asarray(values))
    if missing or known:
        raise ConversionError(
            "; ".join(
                f"{fault}: {', '.join(sorted(names))}"
                for fault, names in (
                    ("weights missing", missing),
                    ("weights of no layer", list(known)),
                )
                if names
            ),
            hint="The model.json belongs to another set of weights.",
        )


def _with_cell(name: str, known: Mapping[str, Any]) -> str | None:
    """Return the name that newer Keras writes, with the cell: "lstm/lstm_cell/kernel"; else None.

    TensorFlow.js looks for these weights without the cell (container.ts, loadWeights).
    """
    return next((other for other in known if _without_cell(other) == name), None)


def _without_cell(name: str) -> str:
    *scope, _cell, last = name.split("/") if name.count("/") > 1 else ("", "", name)
    return "/".join([*scope, last])
