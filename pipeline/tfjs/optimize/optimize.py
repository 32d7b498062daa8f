"""Optimize: changes a graph model so that TensorFlow.js runs it faster, and computes the same.

The passes are in the other modules of this folder. Each is exact but for the rounding of float32,
and the proof of the model compares what they make with the source like anything else. Weights that
they change are written anew; the others keep their bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ConversionError
from pipeline.tfjs.model.dtypes import ITEM_SIZES
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import Array, StoredWeight, walk_group, walk_weights
from pipeline.tfjs.optimize.channels import order_filters
from pipeline.tfjs.optimize.graph import Graph, node_of
from pipeline.tfjs.optimize.idioms import join_prelus, multiply_powers
from pipeline.tfjs.optimize.means import drop_tests, pool_means, restore_shapes
from pipeline.tfjs.optimize.padding import dilate_convolutions, pad_in_convolutions
from pipeline.tfjs.optimize.products import add_biases, fuse_activations, scale_filters
from pipeline.tfjs.optimize.shared_nodes import drop_waits, share_nodes
from pipeline.tfjs.optimize.single_channels import drop_single_channels
from pipeline.tfjs.optimize.transposes import cancel_transposes

_PASSES: tuple[tuple[Callable[[Graph], int], str], ...] = (
    (drop_waits, "nodes wait for nothing but their inputs"),
    (share_nodes, "nodes that computed what others compute, too, are gone"),
    (cancel_transposes, "transposes have met and cancelled"),
    (dilate_convolutions, "convolutions are dilated, in place of images cut into smaller ones"),
    (order_filters, "filters take channels in the order that an image has"),
    (multiply_powers, "powers are products"),
    (pool_means, "means of images are pools"),
    (drop_tests, "tests whether an image is empty are gone"),
    (restore_shapes, "reshapes that gave a shape back are gone"),
    (scale_filters, "factors of channels are in the filters before them"),
    (add_biases, "sums of channels are the biases of the products before them"),
    (join_prelus, "PReLUs are one op"),
    (fuse_activations, "activations are applied by the products before them"),
    (pad_in_convolutions, "convolutions pad their input themselves"),
    (drop_single_channels, "slices, borders and joins work without a last axis of one channel"),
)
_ROUNDS = 4


def optimize_graph(
    model_json: ModelJson, folder: Path, *, shard_size_bytes: int
) -> tuple[ModelJson, list[str]]:
    """Make a graph model faster.

    Args:
        model_json: Its model.json, with a complete signature.
        folder: The folder of its shards, which are written anew if weights change.
        shard_size_bytes: Size of a shard.

    Returns:
        The new model.json, and a sentence for each pass that found something, with its number.

    Raises:
        ConversionError: An op has inputs or attributes that a pass cannot read.
    """
    topology = model_json.content["modelTopology"]
    parse_topology(topology)
    stored = {weight.spec.name: weight for weight in walk_weights(model_json, folder)}
    graph = Graph(
        topology.get("node") or [],
        keep=_ends(model_json.content),
        specs={name: weight.spec for name, weight in stored.items()},
        read=lambda name: stored[name].read(),
    )
    try:
        counts = _run_passes(graph)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ConversionError(
            "an op of the graph has inputs or attributes that cannot be read "
            f"({type(error).__name__}: {error})",
            hint="`optimize: false` leaves the graph as it came; if TensorFlow.js runs it, please "
            "report this as a bug of tfjs-zoo",
        ) from error
    if not any(counts.values()):
        return model_json, []
    nodes = list(graph.nodes.values())
    content = {**model_json.content, "modelTopology": {**topology, "node": nodes}}
    changed = replace(model_json, content=content)
    if graph.values or _lost(model_json, graph):
        changed = replace(changed, groups=_write(model_json, graph, folder, shard_size_bytes))
    return changed, [f"{sentence} ({count})" for sentence, count in counts.items() if count]


def _run_passes(graph: Graph) -> dict[str, int]:
    """Run all passes until none finds anything; return how much each has found, by sentence."""
    counts = dict.fromkeys((sentence for _, sentence in _PASSES), 0)
    for _ in range(_ROUNDS):
        before = sum(counts.values())
        for change, sentence in _PASSES:
            counts[sentence] += change(graph)
        if sum(counts.values()) == before:
            break
    return counts


def _ends(content: Mapping[str, Any]) -> set[str]:
    """Return the nodes that the caller of the model reads or feeds."""
    signature = content.get("signature") or {}
    infos = [
        info for side in ("inputs", "outputs") for info in (signature.get(side) or {}).values()
    ]
    return {node_of(str(info["name"])) for info in infos if info.get("name")}


def _lost(model_json: ModelJson, graph: Graph) -> set[str]:
    """Return the weights that nothing reads any more."""
    before = {
        node["name"]
        for node in model_json.content["modelTopology"].get("node") or []
        if node["op"] == "Const"
    }
    gone = before - graph.nodes.keys()
    return {spec.name for spec in model_json.weights if spec.name in gone}


def _write(
    model_json: ModelJson, graph: Graph, folder: Path, shard_size_bytes: int
) -> tuple[WeightGroup, ...]:
    """Write the shards without the lost weights, and the new ones behind the others."""
    lost = _lost(model_json, graph)
    made = folder / "optimized"
    made.mkdir()
    groups: list[WeightGroup] = []
    last = len(model_json.groups)
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(made, group=number, shard_size_bytes=shard_size_bytes)
        specs = [
            _copy(weight, writer)
            for weight in walk_group(group, folder)
            if weight.spec.name not in lost
        ]
        if number == last:
            specs += _append(graph.values, writer)
        groups.append(WeightGroup(paths=writer.finish(), weights=tuple(specs)))
    for group in model_json.groups:
        for path in group.paths:
            (folder / path).unlink()
    for shard in made.iterdir():
        shard.rename(folder / shard.name)
    made.rmdir()
    return tuple(groups)


def _copy(weight: StoredWeight, writer: ShardWriter) -> WeightSpec:
    writer.write(weight.read_bytes())
    return weight.spec


def _append(values: Mapping[str, Array], writer: ShardWriter) -> Iterator[WeightSpec]:
    for name, array in values.items():
        assert array.dtype.name in ITEM_SIZES
        writer.write(np.ascontiguousarray(array).tobytes())
        yield WeightSpec(name=name, shape=array.shape, dtype=array.dtype.name)
