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
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.short_graph import shorten_graph
from pipeline.tfjs.model.signature_def import rewrite_signature
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import StoredWeight, walk_group
from pipeline.tfjs.quantize.choice import Request, choose_forms
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form, encode, find_form_fault
from pipeline.tfjs.quantize.patterns import assign_dtypes
from pipeline.tfjs.quantize.scaled_weights import add_products, write_encoded

ENTRY = "model.json"


class VariantNotSmaller(Exception):  # noqa: N818  # no error: the variant is skipped
    """A variant is not smaller than the base; the message says why, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class _Written:
    """The groups of a variant.

    Attributes:
        groups: Its weights.
        num_bytes: Size of all shards.
        scaled: The parts of each weight that the graph multiplies by scales.
        kept: The weights that their form could not hold.
    """

    groups: tuple[WeightGroup, ...]
    num_bytes: int
    scaled: Mapping[str, Sequence[WeightSpec]]
    kept: tuple[KeptWeight, ...]


def write_variant(  # noqa: PLR0913  # the parameters of a step
    *,
    base: Path,
    signature: Signature | None,
    name: str,
    quantize: Mapping[str, Sequence[str]],
    shard_size_bytes: int,
    folder: Path,
    per_channel: Sequence[str] = (),
    block: Mapping[int, Sequence[str]] | None = None,
) -> VariantRecord:
    """Write a variant: model.json and its shards.

    Args:
        base: Folder of the base, with model.json.
        signature: Names and order for a graph model; None changes nothing.
        name: Name of the variant; for the base `float32` or `original`.
        quantize: Patterns of weight names by dtype; empty for the base.
        shard_size_bytes: Size of a shard; the base keeps its shards.
        folder: An empty folder to write to.
        per_channel: See `Request`.
        block: See `Request`.

    Raises:
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
        QuantizationError: A pattern matches nothing, or two dtypes are requested for a weight.
    """
    model_json = open_base(base, signature)
    if not quantize:
        return _write_base(model_json, base, folder)
    request = Request(quantize=quantize, per_channel=per_channel, block=block or {})
    forms = choose_forms(model_json, request)
    if not forms:
        raise VariantNotSmaller(_explain_no_gain(model_json, request))
    return write_forms(
        model_json=model_json,
        base=base,
        name=name,
        forms=forms,
        shard_size_bytes=shard_size_bytes,
        folder=folder,
    )


def open_base(base: Path, signature: Signature | None) -> ModelJson:
    """Return the model.json of a base as its variants have it: short, and with its signature."""
    model_json = load_model_json(base / ENTRY)
    # A layers model has no signature: TensorFlow.js knows the names of its layers only.
    if signature is None or is_layers_model(model_json.content):
        return model_json
    content = rewrite_signature(model_json.content, signature)
    return replace(model_json, content=shorten_graph(content, model_json.weights))


def write_forms(  # noqa: PLR0913  # a variant, and where it goes
    *,
    model_json: ModelJson,
    base: Path,
    name: str,
    forms: Mapping[str, Form],
    shard_size_bytes: int,
    folder: Path,
) -> VariantRecord:
    """Write a variant whose weights have given forms: model.json and its shards.

    Args:
        model_json: What `open_base` returns.
        base: Folder of the base.
        name: Name of the variant.
        forms: Forms by weight, of those that `possible_forms` names; others stay as in the base.
        shard_size_bytes: Size of a shard.
        folder: An empty folder to write to.

    Raises:
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
    """
    written = _write_groups(model_json, base, forms, folder, shard_size_bytes)
    specs = [spec for group in written.groups for spec in group.weights]
    content = add_products(model_json.content, written.scaled)
    if written.scaled:
        content = shorten_graph(content, specs)
    variant = replace(model_json, content=content, groups=written.groups)
    text = format_model_json(variant)
    size = len(text) + written.num_bytes
    base_size = measure_base(model_json, base)
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
    forms: Mapping[str, Form],
    folder: Path,
    shard_size_bytes: int,
) -> _Written:
    groups: list[WeightGroup] = []
    kept: list[KeptWeight] = []
    scaled: dict[str, list[WeightSpec]] = {}
    num_bytes = 0
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(folder, group=number, shard_size_bytes=shard_size_bytes)
        try:
            specs: list[WeightSpec] = []
            for weight in walk_group(group, base):
                form = forms.get(weight.spec.name, AS_IN_BASE)
                parts, fault = _write_weight(weight, form, writer)
                specs += parts
                if fault:
                    kept.append(KeptWeight(weight=weight.spec.name, reason=fault))
                elif form.is_scaled:
                    scaled[weight.spec.name] = parts
            groups.append(WeightGroup(paths=writer.finish(), weights=tuple(specs)))
        except BaseException:
            writer.discard()
            raise
        num_bytes += writer.size
    return _Written(groups=tuple(groups), num_bytes=num_bytes, scaled=scaled, kept=tuple(kept))


def _write_weight(
    weight: StoredWeight, form: Form, writer: ShardWriter
) -> tuple[list[WeightSpec], str | None]:
    """Append a weight in a form, if possible; return its specs, and the fault that prevented it."""
    fault = None
    if form != AS_IN_BASE:
        values = weight.read()
        fault = find_form_fault(values, form)
        if fault is None:
            return write_encoded(weight.spec, encode(values, form), writer), None
        del values
    writer.write(weight.read_bytes())
    return [weight.spec], fault


def _explain_no_gain(model_json: ModelJson, request: Request) -> str:
    asked = {
        name
        for dtype, patterns in request.quantize.items()
        for name in assign_dtypes(model_json.weights, {dtype: patterns})
    }
    if not asked:
        return "the model has no float32 weights; others are never quantized"
    stored = {spec.stored_dtype for spec in model_json.weights if spec.name in asked}
    if "float32" in stored:
        return "its weights are too few or too small for it to be smaller than the base"
    return f"its source is quantized already, to {' and '.join(sorted(stored))}"


def measure_base(model_json: ModelJson, base: Path) -> int:
    """Return the size of a base's files; `model_json` is what `open_base` returns."""
    return len(format_model_json(model_json)) + _shard_bytes(model_json, base)


def _shard_bytes(model_json: ModelJson, base: Path) -> int:
    return sum((base / path).stat().st_size for path in _shard_paths(model_json))


def _shard_paths(model_json: ModelJson) -> Iterator[str]:
    return (path for group in model_json.groups for path in group.paths)
