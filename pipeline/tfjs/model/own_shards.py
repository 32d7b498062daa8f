"""Own shards: each large weight in files of its own, so that models can share them.

Models of several signatures of one source have weights in common, and others not. Where weights lie
end to end, one weight more moves all bytes behind it, and no file is the same.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import WeightGroup
from pipeline.tfjs.model.weights import StoredWeight, walk_weights

LARGE_BYTES = 64 * 1024
"""From this size on a weight has files of its own."""


def part_shards(model_json: ModelJson, folder: Path, *, shard_size_bytes: int) -> ModelJson:
    """Write the shards of a model anew: one group for small weights, and one for each large one.

    Args:
        model_json: The model.json.
        folder: The folder of its shards, which are replaced.
        shard_size_bytes: Size of a shard.
    """
    made = folder / "parted"
    made.mkdir()
    weights = list(walk_weights(model_json, folder))
    small = [weight for weight in weights if weight.num_bytes < LARGE_BYTES]
    large = [[weight] for weight in weights if weight.num_bytes >= LARGE_BYTES]
    groups = []
    for number, part in enumerate([small, *large] if small else large, start=1):
        writer = ShardWriter(made, group=number, shard_size_bytes=shard_size_bytes)
        groups.append(_write_group(part, writer))
    for path in (path for group in model_json.groups for path in group.paths):
        (folder / path).unlink()
    for shard in made.iterdir():
        shard.rename(folder / shard.name)
    made.rmdir()
    return replace(model_json, groups=tuple(groups))


def _write_group(weights: Iterable[StoredWeight], writer: ShardWriter) -> WeightGroup:
    specs = []
    for weight in weights:
        writer.write(weight.read_bytes())
        specs.append(weight.spec)
    return WeightGroup(paths=writer.finish(), weights=tuple(specs))
