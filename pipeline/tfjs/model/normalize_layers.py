"""Normalize: turns a layers model of any writer into a base in our own form.

The configuration is moved under "model_config". Parts that only training needs are removed: weights
of optimizers, and losses that only the author's page knows. The bytes of all other weights stay the
same, also if they are quantized.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.files import write_atomic
from pipeline.errors import ConversionError, FormatError
from pipeline.records.source import Conversion
from pipeline.text.suggest import list_first
from pipeline.tfjs.model.layers_topology import (
    LAYERS_FORMAT,
    MODEL_KINDS,
    LayersModel,
    bare_topology,
    parse_layers,
)
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import walk_weights

OPTIMIZER = "optimizer"
_MAX_NAMED = 3
_MODEL_KEYS = ("class_name", "config", "module", "registered_name", "build_config")


def normalize_layers_model(*, source: Path, folder: Path, shard_size_bytes: int) -> Conversion:
    """Write a layers model as a base.

    Args:
        source: Its model.json, of any name, with its shards where the manifest lists them.
        folder: An empty folder, to which `model.json` and `group1-shard*of*.bin` are written.
        shard_size_bytes: Size of a shard; the last one is smaller.

    Returns:
        The repairs: a layers model states all other facts itself.

    Raises:
        FormatError: The files are no layers model, or are incomplete.
        ConversionError: TensorFlow.js lacks some of its layers.
    """
    model_json = load_model_json(source)
    _refuse_others(model_json, source.name)
    model = parse_layers(model_json.content["modelTopology"])
    if model.is_keras_3:
        raise ConversionError(
            f"{source.name}: layers as Keras 3 writes them, which TensorFlow.js cannot read",
            hint="take the .keras or .h5 file that it was converted from as the source",
        )
    check_layers(
        model,
        hint="they are the author's own, which a page has to register before it loads the model; "
        "a zoo offers what runs as it is",
    )
    repairs: list[str] = []
    content = _normalize_content(model_json.content, repairs)
    groups, dropped = _copy_weights(model_json, source.parent, folder, shard_size_bytes)
    if dropped:
        repairs.append(f"weights that only training needs left out: {dropped}")
    write_atomic(
        folder / "model.json", format_model_json(ModelJson(content=content, groups=groups))
    )
    return Conversion(repairs=repairs)


def check_layers(model: LayersModel, *, hint: str) -> None:
    """Raise a ConversionError that names the layers which TensorFlow.js lacks."""
    missing = model.missing_layers()
    if missing:
        named = "; ".join(
            f"{kind} ({list_first(names, _MAX_NAMED)})" for kind, names in missing.items()
        )
        raise ConversionError(f"TensorFlow.js does not have these layers: {named}", hint=hint)


def layers_content(topology: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """Return the model.json of a layers model, without its weight manifest.

    Args:
        topology: The value of `modelTopology`: "model_config" and its writer.
        others: Further keys; those with None are left out.
    """
    stated = {key: value for key, value in others.items() if value is not None}
    return {**stated, "format": LAYERS_FORMAT, "modelTopology": dict(topology)}


def _refuse_others(model_json: ModelJson, name: str) -> None:
    content = model_json.content
    topology = content["modelTopology"]
    if content.get("format") == "graph-model" or "node" in topology:
        raise FormatError(
            f"{name}: a graph model; expected a layers model",
            hint="set `input_format: tfjs_graph_model`",
        )
    kind = bare_topology(topology).get("class_name")
    if isinstance(kind, str) and kind not in MODEL_KINDS:
        raise ConversionError(
            f"{name}: the model is of the class {kind}; expected {', '.join(sorted(MODEL_KINDS))}",
            hint="TensorFlow.js cannot load a model of the author's own class",
        )


def _normalize_content(content: Mapping[str, Any], repairs: list[str]) -> dict[str, Any]:
    topology = dict(content["modelTopology"])
    if not isinstance(topology.get("model_config"), Mapping):
        model = {key: topology.pop(key) for key in _MODEL_KEYS if key in topology}
        topology["model_config"] = model
    others = {key: value for key, value in content.items() if key != "modelTopology"}
    training = [topology.pop("training_config", None), others.pop("trainingConfig", None)]
    if any(training):
        repairs.append("the configuration of its training left out")
    return layers_content(topology, **others)


def _copy_weights(
    model_json: ModelJson, source: Path, folder: Path, shard_size_bytes: int
) -> tuple[tuple[WeightGroup, ...], int]:
    """Copy the bytes of all weights, without an optimizer's, into shards of our own."""
    writer = ShardWriter(folder, group=1, shard_size_bytes=shard_size_bytes)
    specs: list[WeightSpec] = []
    dropped = 0
    try:
        for weight in walk_weights(model_json, source):
            if weight.spec.group == OPTIMIZER:
                dropped += 1
                continue
            writer.write(weight.read_bytes())
            specs.append(weight.spec)
        return (WeightGroup(paths=writer.finish(), weights=tuple(specs)),), dropped
    except BaseException:
        writer.discard()
        raise
