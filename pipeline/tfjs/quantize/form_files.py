"""Files of a model whose weights have given forms: its model.json and its shards.

Large weights are read and written one by one, so the memory is that of the largest. A weight that
its form cannot hold stays as in the base. Where scales stand behind a node with a bias, the bias is
divided by them (`moved_scales.py`).
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pipeline.disk.files import write_atomic
from pipeline.records.variant import KeptWeight, VariantRecord
from pipeline.tfjs.model.model_json import ModelJson, format_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.short_graph import shorten_graph
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import StoredWeight, walk_group, walk_weights
from pipeline.tfjs.quantize.forms import (
    AS_IN_BASE,
    Array,
    EncodedWeight,
    Form,
    encode,
    find_form_fault,
    find_scales,
)
from pipeline.tfjs.quantize.moved_scales import Move, move_scales, plan_moves
from pipeline.tfjs.quantize.scaled_weights import add_products, write_encoded

ENTRY = "model.json"

# Two weights of these bytes together are encoded at a time; a larger one alone.
_AT_A_TIME = 2
_BYTES_AT_A_TIME = 24 * 1024**2
_Encoded: TypeAlias = EncodedWeight | str | None


class VariantNotSmaller(Exception):  # noqa: N818  # no error: the variant is skipped
    """A variant is not smaller than the base; the message says why, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is to be written, and what is found while it is.

    Attributes:
        forms: Form by weight.
        moves: Weights whose scales stand behind what reads them.
        divisors: What a bias is divided by.
        numbers: Whole numbers of the weights whose rounding is fitted.
        faults: By weight, why its form cannot hold it.
        scaled: The parts of each weight that the graph multiplies by scales itself.
    """

    forms: Mapping[str, Form]
    moves: Mapping[str, Move]
    divisors: Mapping[str, Array]
    numbers: Mapping[str, Array]
    faults: dict[str, str]
    scaled: dict[str, list[WeightSpec]] = field(default_factory=dict)


def write_forms(  # noqa: PLR0913  # a variant, and where it goes
    *,
    model_json: ModelJson,
    base: Path,
    name: str,
    forms: Mapping[str, Form],
    shard_size_bytes: int,
    folder: Path,
    numbers: Mapping[str, Array] | None = None,
) -> VariantRecord:
    """Write a variant whose weights have given forms: model.json and its shards.

    Args:
        model_json: What `open_base` returns.
        base: Folder of the base.
        name: Name of the variant.
        forms: Forms by weight, of those that `possible_forms` names; others stay as in the base.
        shard_size_bytes: Size of a shard.
        folder: An empty folder to write to.
        numbers: Whole numbers, as bytes, of weights with scales that are not to be rounded to the
            nearest.

    Raises:
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
    """
    work = _prepare(model_json, base, forms, numbers or {})
    groups, num_bytes = _write_groups(model_json, base, work, folder, shard_size_bytes)
    variant = replace(model_json, content=_change_graph(model_json, work, groups), groups=groups)
    text = format_model_json(variant)
    size = len(text) + num_bytes
    base_size = len(format_model_json(model_json)) + shard_bytes(model_json, base)
    if size >= base_size:
        for path in shard_paths(variant):
            (folder / path).unlink()
        raise VariantNotSmaller(
            f"would be {size:,} bytes, and the base is {base_size:,}"
            + (f"; {len(work.faults):,} weights cannot be quantized" if work.faults else "")
        )
    write_atomic(folder / ENTRY, text)
    order = [spec.name for spec in model_json.weights if spec.name in work.faults]
    kept = [KeptWeight(weight=each, reason=work.faults[each]) for each in order]
    return make_record(name, variant, size, kept)


def make_record(
    name: str, model_json: ModelJson, size: int, kept: Sequence[KeptWeight]
) -> VariantRecord:
    """Return the record of a variant of this size in bytes."""
    counts = Counter(spec.stored_dtype for spec in model_json.weights)
    return VariantRecord(
        name=name, bytes=size, weights=dict(sorted(counts.items())), kept_float32=list(kept)
    )


def _prepare(
    model_json: ModelJson, base: Path, forms: Mapping[str, Form], numbers: Mapping[str, Array]
) -> _Work:
    """Find the scales that stand behind nodes, and what the biases of these are divided by."""
    divisors: dict[str, Array] = {}
    faults: dict[str, str] = {}
    moves: dict[str, Move] = {}
    if any(form.is_scaled for form in forms.values()):
        moves = plan_moves(model_json, forms, _whole_scalars(model_json, base))
    for weight in walk_weights(model_json, base):
        name = weight.spec.name
        if name not in moves:
            continue
        values = weight.read()
        if fault := find_form_fault(values, forms[name]):
            faults[name] = fault
            del moves[name]
            continue
        for bias in moves[name].biases:
            scales = find_scales(values, forms[name])[1]
            divisors[bias] = scales.reshape(-1).astype(np.float32)
    return _Work(forms=forms, moves=moves, divisors=divisors, numbers=numbers, faults=faults)


def _whole_scalars(model_json: ModelJson, base: Path) -> dict[str, int]:
    return {
        weight.spec.name: int(weight.read())
        for weight in walk_weights(model_json, base)
        if weight.spec.dtype == "int32" and weight.spec.shape == ()
    }


def _write_groups(
    model_json: ModelJson, base: Path, work: _Work, folder: Path, shard_size_bytes: int
) -> tuple[tuple[WeightGroup, ...], int]:
    """Write the shards; return the groups and the number of bytes."""
    groups: list[WeightGroup] = []
    num_bytes = 0
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(folder, group=number, shard_size_bytes=shard_size_bytes)
        try:
            specs = tuple(_write_group(group, base, work, writer))
            groups.append(WeightGroup(paths=writer.finish(), weights=specs))
        except BaseException:
            writer.discard()
            raise
        num_bytes += writer.size
    return tuple(groups), num_bytes


def _write_group(
    group: WeightGroup, base: Path, work: _Work, writer: ShardWriter
) -> Iterator[WeightSpec]:
    """Write the weights of a group in their forms; yield their entries in the manifest.

    Threads encode ahead, as numpy lets others run; the order stays.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        ahead: deque[tuple[StoredWeight, Future[_Encoded]]] = deque()
        for weight in walk_group(group, base):
            while ahead and not _has_room(weight, [before for before, _ in ahead]):
                yield from _write(*ahead.popleft(), work, writer)
            ahead.append((weight, pool.submit(_encode, weight, work)))
        while ahead:
            yield from _write(*ahead.popleft(), work, writer)


def _has_room(weight: StoredWeight, ahead: Sequence[StoredWeight]) -> bool:
    """Return whether a weight may be encoded beside others."""
    num_bytes = weight.num_bytes + sum(before.num_bytes for before in ahead)
    return len(ahead) < _AT_A_TIME and num_bytes <= _BYTES_AT_A_TIME


def _encode(weight: StoredWeight, work: _Work) -> _Encoded:
    """Return a weight in its form, or why that cannot hold it, or neither: as in the base."""
    name = weight.spec.name
    form = work.forms.get(name, AS_IN_BASE)
    if name in work.divisors:
        return _divide(weight, form, work.divisors[name])
    if form == AS_IN_BASE or name in work.faults:
        return None
    values = weight.read()
    if name not in work.moves and (fault := find_form_fault(values, form)):
        return fault
    encoded = encode(values, form)
    if name in work.numbers:
        encoded = replace(encoded, stored=work.numbers[name].reshape(encoded.stored.shape))
    return encoded


def _divide(weight: StoredWeight, form: Form, divisor: Array) -> EncodedWeight:
    """Return a bias that is divided by scales: float32 if the base and its form are, else float16.

    Scales differ much, so whole numbers of one step would not suit what is divided by them. Where
    float16 cannot hold it, it is float32.
    """
    values = weight.read()
    divided = (values.reshape(-1) / divisor).reshape(values.shape)
    if form != AS_IN_BASE or weight.spec.quantization:
        form = Form(dtype="float16")
    if find_form_fault(divided, form):
        form = AS_IN_BASE
    return encode(divided, form)


def _write(
    weight: StoredWeight, found: Future[_Encoded], work: _Work, writer: ShardWriter
) -> list[WeightSpec]:
    """Append a weight as it was encoded; return its entries in the manifest."""
    name = weight.spec.name
    encoded = found.result()
    if not isinstance(encoded, EncodedWeight):
        if encoded is not None:
            work.faults[name] = encoded
        writer.write(weight.read_bytes())
        return [weight.spec]
    move = work.moves.get(name)
    behind = None if move is None else move.shape
    specs = write_encoded(weight.spec, encoded, writer, behind=behind)
    if move is None and encoded.scales is not None:
        work.scaled[name] = specs
    return specs


def _change_graph(
    model_json: ModelJson, work: _Work, groups: Sequence[WeightGroup]
) -> Mapping[str, object]:
    """Return the content of model.json with the products by scales."""
    if not work.scaled and not work.moves:
        return model_json.content
    content = move_scales(add_products(model_json.content, work.scaled), work.moves)
    return shorten_graph(content, [spec for group in groups for spec in group.weights])


def shard_bytes(model_json: ModelJson, base: Path) -> int:
    """Return the number of bytes of all shards."""
    return sum((base / path).stat().st_size for path in shard_paths(model_json))


def shard_paths(model_json: ModelJson) -> Iterator[str]:
    """Yield the shards of a model, relative to its model.json."""
    return (path for group in model_json.groups for path in group.paths)
