"""Variants: writes a model's files with some of its weights quantized.

A variant is made from the base, whose weights are exactly the source's, weight by weight and shard
by shard, in the memory of the largest weight. A weight that the dtype cannot hold, or that would
not become smaller, stays as in the base.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.disk.files import link_or_copy, write_atomic
from pipeline.records.signature import Signature
from pipeline.records.variant import KeptWeight, VariantRecord
from pipeline.tfjs.model.dtypes import ITEM_SIZES, QUANTIZED_ITEM_SIZES
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.short_graph import shorten_graph
from pipeline.tfjs.model.signature_def import rewrite_signature
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import StoredWeight, walk_group
from pipeline.tfjs.quantize.patterns import assign_dtypes
from pipeline.tfjs.quantize.quantization import find_fault, quantize

ENTRY = "model.json"


class VariantNotSmaller(Exception):  # noqa: N818  # no error: the variant is skipped
    """A variant is not smaller than the base; the message says why, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class _Written:
    """The groups of a variant, and the weights that the dtype could not hold."""

    groups: tuple[WeightGroup, ...]
    num_bytes: int
    kept: tuple[KeptWeight, ...]


def write_variant(  # noqa: PLR0913  # the parameters of a step
    *,
    base: Path,
    signature: Signature | None,
    name: str,
    quantize: Mapping[str, Sequence[str]],
    shard_size_bytes: int,
    folder: Path,
) -> VariantRecord:
    """Write a variant: model.json and its shards.

    Args:
        base: Folder of the base, with model.json.
        signature: Names and order for a graph model; None changes nothing.
        name: Name of the variant; for the base `float32` or `original`.
        quantize: Patterns of weight names by dtype; empty for the base.
        shard_size_bytes: Size of a shard; the base keeps its shards.
        folder: An empty folder to write to.

    Raises:
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
        QuantizationError: A pattern matches nothing, or two dtypes are requested for a weight.
    """
    model_json = load_model_json(base / ENTRY)
    # A layers model has no signature: TensorFlow.js knows the names of its layers only.
    if signature is not None and not is_layers_model(model_json.content):
        content = rewrite_signature(model_json.content, signature)
        content = shorten_graph(content, model_json.weights)
        model_json = replace(model_json, content=content)
    if not quantize:
        return _write_base(model_json, base, folder)
    dtypes = assign_dtypes(model_json.weights, quantize)
    if not any(_shrinks(spec, dtypes) for spec in model_json.weights):
        raise VariantNotSmaller(_explain_no_gain(model_json, dtypes))
    written = _write_groups(model_json, base, dtypes, folder, shard_size_bytes)
    variant = replace(model_json, groups=written.groups)
    text = format_model_json(variant)
    size = len(text) + written.num_bytes
    base_size = len(format_model_json(model_json)) + _shard_bytes(model_json, base)
    if size >= base_size:
        for path in _shard_paths(variant):
            (folder / path).unlink()
        raise VariantNotSmaller(
            f"would be {size:,} bytes, and the base is {base_size:,}"
            + (f"; {len(written.kept):,} weights cannot be quantized" if written.kept else "")
        )
    write_atomic(folder / ENTRY, text)
    return _record(name, variant, size, written.kept)


def _write_base(model_json: ModelJson, base: Path, folder: Path) -> VariantRecord:
    for path in _shard_paths(model_json):
        link_or_copy(base / path, folder / path)
    text = format_model_json(model_json)
    write_atomic(folder / ENTRY, text)
    quantized = any(spec.dtype == "float32" and spec.quantization for spec in model_json.weights)
    name = "original" if quantized else "float32"
    return _record(name, model_json, len(text) + _shard_bytes(model_json, base), ())


def _record(
    name: str, model_json: ModelJson, size: int, kept: Sequence[KeptWeight]
) -> VariantRecord:
    counts = Counter(spec.stored_dtype for spec in model_json.weights)
    return VariantRecord(
        name=name, bytes=size, weights=dict(sorted(counts.items())), kept_float32=list(kept)
    )


def _write_groups(
    model_json: ModelJson,
    base: Path,
    dtypes: Mapping[str, str],
    folder: Path,
    shard_size_bytes: int,
) -> _Written:
    groups: list[WeightGroup] = []
    kept: list[KeptWeight] = []
    num_bytes = 0
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(folder, group=number, shard_size_bytes=shard_size_bytes)
        try:
            specs = []
            for weight in walk_group(group, base):
                spec, fault = _write_weight(weight, dtypes, writer)
                specs.append(spec)
                if fault:
                    kept.append(KeptWeight(weight=spec.name, reason=fault))
            groups.append(WeightGroup(paths=writer.finish(), weights=tuple(specs)))
        except BaseException:
            writer.discard()
            raise
        num_bytes += writer.size
    return _Written(groups=tuple(groups), num_bytes=num_bytes, kept=tuple(kept))


def _write_weight(
    weight: StoredWeight, dtypes: Mapping[str, str], writer: ShardWriter
) -> tuple[WeightSpec, str | None]:
    """Append a weight, quantized if possible; return its spec, and the fault that prevented it."""
    fault = None
    if _shrinks(weight.spec, dtypes):
        values = weight.read()
        dtype = dtypes[weight.spec.name]
        fault = find_fault(values, dtype)
        if fault is None:
            stored, quantization = quantize(values, dtype)
            writer.write(stored.data)
            return replace(weight.spec, quantization=quantization), None
        del values
    writer.write(weight.read_bytes())
    return weight.spec, fault


def _shrinks(spec: WeightSpec, dtypes: Mapping[str, str]) -> bool:
    """Return whether the requested dtype takes fewer bytes than the base."""
    sizes = ITEM_SIZES | QUANTIZED_ITEM_SIZES
    asked = dtypes.get(spec.name)
    return asked is not None and spec.size > 0 and sizes[asked] < sizes[spec.stored_dtype]


def _explain_no_gain(model_json: ModelJson, dtypes: Mapping[str, str]) -> str:
    if not dtypes:
        return "the model has no float32 weights; others are never quantized"
    stored = {spec.stored_dtype for spec in model_json.weights if spec.name in dtypes}
    if "float32" in stored:
        return "its weights are too few or too small for it to be smaller than the base"
    return f"its source is quantized already, to {' and '.join(sorted(stored))}"


def _shard_bytes(model_json: ModelJson, base: Path) -> int:
    return sum((base / path).stat().st_size for path in _shard_paths(model_json))


def _shard_paths(model_json: ModelJson) -> Iterator[str]:
    return (path for group in model_json.groups for path in group.paths)
