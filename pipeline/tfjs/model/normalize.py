"""Normalize: turns a graph model of any writer into a base in our own form.

The model.json gets its canonical text, a `format` and a complete signature; the shards get our
names and our size. Their bytes stay the same, also if they are quantized. This module reads no
value of a weight.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.disk.files import write_atomic
from pipeline.errors import FormatError
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardReader, ShardWriter
from pipeline.tfjs.model.short_graph import complete_constants
from pipeline.tfjs.model.signature_def import (
    STRUCTURED_OUTPUT_KEYS,
    SignatureDef,
    format_signature_def,
    javascript_order,
    parse_signature_def,
)
from pipeline.tfjs.model.topology import Topology, parse_topology
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.rewrite.repair import name_by_structure, repair_signature

_COPY_BYTES = 1024 * 1024


def normalize_graph_model(*, source: Path, folder: Path, shard_size_bytes: int) -> Conversion:
    """Write a graph model as a base.

    Args:
        source: Its model.json, of any name, with its shards where the manifest lists them.
        folder: An empty folder, to which `model.json` and `group1-shard*of*.bin` are written.
        shard_size_bytes: Size of a shard; the last one is smaller.

    Returns:
        An empty record: a graph model states its own signature.

    Raises:
        FormatError: The files are no graph model, or are incomplete.
        SignatureError: Its signature contradicts its graph.
    """
    _refuse_others(source)
    model_json = load_model_json(source)
    content = normalize_content(model_json)
    paths = _copy_shards(model_json, source.parent, folder, shard_size_bytes)
    group = WeightGroup(paths=paths, weights=tuple(model_json.weights))
    base = ModelJson(content=content, groups=(group,))
    write_atomic(folder / "model.json", format_model_json(base))
    return Conversion(tags=[], signatures={})


def normalize_content(model_json: ModelJson) -> dict[str, Any]:
    """Return the model.json, without its weight manifest, in the form of a base."""
    weights = {spec.name: spec for spec in model_json.weights}
    content = complete_constants(model_json.content, weights.values())
    topology = parse_topology(content["modelTopology"])
    _check_constants(topology, weights)
    if content.get("modelInitializer"):
        initializer = parse_topology(content["modelInitializer"], where="modelInitializer")
        _check_constants(initializer, weights)
    signature = repair_signature(parse_signature_def(content), topology, weights=weights)
    metadata, signature = _settle_names(content.pop("userDefinedMetadata", None), signature)
    if metadata:
        content["userDefinedMetadata"] = metadata
    return {
        **content,
        "format": "graph-model",
        "signature": format_signature_def(signature),
    }


def _refuse_others(source: Path) -> None:
    """Refuse other files that people take for a graph model, with their names."""
    hint = "Convert the original model again, with tensorflowjs 1.0 or later."
    if source.suffix == ".pb":
        raise FormatError(
            f"{source.name}: a graph in protobuf, as TensorFlow.js 0.x had it; expected a "
            "model.json",
            hint=hint,
        )
    try:
        content = json.loads(source.read_bytes())
    except (OSError, ValueError):
        return  # load_model_json reports the fault
    if isinstance(content, list):
        raise FormatError(
            f"{source.name}: a weight manifest of TensorFlow.js 0.x, whose graph lies in "
            "tensorflowjs_model.pb; expected a model.json",
            hint=hint,
        )
    topology = content.get("modelTopology") if isinstance(content, dict) else None
    keras = ("model_config", "config", "class_name")
    is_layers = isinstance(topology, Mapping) and any(key in topology for key in keras)
    if is_layers or (isinstance(content, dict) and content.get("format") == "layers-model"):
        raise FormatError(
            f"{source.name}: a layers model; expected a graph model",
            hint="set `input_format: tfjs_layers_model`",
        )


def _check_constants(topology: Topology, weights: Mapping[str, WeightSpec]) -> None:
    for node in topology.all_nodes():
        if node.op == "Const" and node.name not in weights:
            raise FormatError(
                f"node {node.name!r} is a constant, but weightsManifest has no such weight",
                hint="The model.json belongs to another set of weights.",
            )


def _settle_names(metadata: Any, signature: SignatureDef) -> tuple[dict[str, Any], SignatureDef]:
    """Leave a single source of output names: the signature.

    TensorFlow.js prefers a signature under "userDefinedMetadata", and pairs the keys there
    with the outputs by position, although the converter does not write them in that order.
    """
    metadata = dict(metadata) if isinstance(metadata, Mapping) else {}
    metadata.pop("signature", None)
    keys = metadata.pop(STRUCTURED_OUTPUT_KEYS, None)
    if not isinstance(keys, list):
        return metadata, signature
    proved = name_by_structure(signature.outputs, keys)
    if proved is None:
        return metadata, signature
    by_key = {info.key: info for info in proved}
    outputs = tuple(by_key[key] for key in javascript_order(by_key))
    metadata[STRUCTURED_OUTPUT_KEYS] = [info.key for info in outputs]
    return metadata, replace(signature, outputs=outputs)


def _copy_shards(
    model_json: ModelJson, source: Path, folder: Path, shard_size_bytes: int
) -> tuple[str, ...]:
    """Copy the bytes of all groups, end to end, into shards of our own; return their names."""
    writer = ShardWriter(folder, group=1, shard_size_bytes=shard_size_bytes)
    try:
        for group in model_json.groups:
            reader = ShardReader(source, group.paths)
            for offset in range(0, reader.size, _COPY_BYTES):
                writer.write(reader.read(offset, min(_COPY_BYTES, reader.size - offset)))
        return writer.finish()
    except BaseException:
        writer.discard()
        raise
