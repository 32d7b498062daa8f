"""Variants: writes a model's files with some of its weights quantized.

A variant is made from the base, whose weights are exactly the source's, weight by weight and shard
by shard, in the memory of the largest weight. A weight that the dtype cannot hold, or that would
not become smaller, stays as in the base.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.disk.files import link_or_copy, write_atomic
from pipeline.records.signature import Signature
from pipeline.records.variant import VariantRecord
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.short_graph import shorten_graph
from pipeline.tfjs.model.signature_def import rewrite_signature
from pipeline.tfjs.quantize.choice import Request, choose_forms
from pipeline.tfjs.quantize.form_files import (
    ENTRY,
    VariantNotSmaller,
    make_record,
    shard_bytes,
    shard_paths,
    write_forms,
)
from pipeline.tfjs.quantize.forms import Array, Form
from pipeline.tfjs.quantize.patterns import assign_dtypes

_NO_PLACE = (
    "a layers model has no place for scales per channel or block: its layers take each weight as "
    "it is stored; a graph model has (output_format: tfjs_graph_model)"
)


def write_variant(  # noqa: PLR0913  # the parameters of a step
    *,
    base: Path,
    signature: Signature | None,
    name: str,
    quantize: Mapping[str, Sequence[str]],
    shard_size_bytes: int,
    folder: Path,
    per_channel: Sequence[str] = (),
    block: int | None = None,
    block_weights: Sequence[str] = (),
    four_bits: Sequence[str] = (),
    fit: Callable[[Mapping[str, Form]], Mapping[str, Array]] = lambda _forms: {},
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
        block_weights: See `Request`.
        four_bits: See `Request`.
        fit: Takes the form of each weight, and returns the whole numbers, as bytes, of those whose
            rounding it fits to inputs.

    Raises:
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
        QuantizationError: A pattern matches nothing, or two dtypes are requested for a weight.
    """
    model_json = open_base(base, signature)
    if not quantize:
        return _write_base(model_json, base, folder)
    request = Request(
        quantize=quantize,
        per_channel=per_channel,
        block=block,
        block_weights=block_weights,
        four_bits=four_bits,
    )
    if (per_channel or block_weights) and is_layers_model(model_json.content):
        raise VariantNotSmaller(_NO_PLACE)
    forms = choose_forms(model_json, request)
    if not forms:
        raise VariantNotSmaller(_explain_no_gain(model_json, request))
    return write_forms(
        model_json=model_json,
        base=base,
        name=name,
        forms=forms,
        numbers=fit(forms),
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


def measure_base(model_json: ModelJson, base: Path) -> int:
    """Return the size of a base's files; `model_json` is what `open_base` returns."""
    return len(format_model_json(model_json)) + shard_bytes(model_json, base)


def _write_base(model_json: ModelJson, base: Path, folder: Path) -> VariantRecord:
    for path in shard_paths(model_json):
        link_or_copy(base / path, folder / path)
    text = format_model_json(model_json)
    write_atomic(folder / ENTRY, text)
    quantized = any(spec.dtype == "float32" and spec.quantization for spec in model_json.weights)
    name = "original" if quantized else "float32"
    return make_record(name, model_json, len(text) + shard_bytes(model_json, base), ())


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
