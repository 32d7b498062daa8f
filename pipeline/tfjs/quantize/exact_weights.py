"""Weights of a source that stores them in fewer bytes: stored as small, and exactly as they are.

A source keeps float16, or whole numbers of 8 bits and a scale; the converter writes float32. Here
each weight that is such a number is stored as the source stores it:

- float16 as float16, also what is joined or split of such weights;
- whole numbers that span at most 255 as uint8 with a scale of 1;
- whole numbers times one scale as uint8 with that scale;
- whole numbers times a scale for each channel, or for each block of one, as uint8 of the
  numbers, which the graph multiplies by the scales;
- whole numbers that the graph has as int32, and that span at most 255, as uint8.

A weight is stored so only where TensorFlow.js decodes every value to the last bit; nothing is
rounded. Names of nodes stay.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import Quantization, WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import StoredWeight, dequantize, walk_group
from pipeline.tfjs.quantize.forms import Array, EncodedWeight
from pipeline.tfjs.quantize.scaled_weights import add_products, write_encoded

_STEPS = 255
_NUM_BLOCK_AXES = 3
# What a scale for each channel costs: two nodes in model.json.
_NODE_BYTES = 400


@dataclass(frozen=True, kw_only=True)
class SmallWeight:
    """A constant as a source stores it.

    Attributes:
        size: Number of its values.
        dtype: "float16", or "integer" for numbers of at most 8 bits.
        scales: One scale, or one for each channel; a matrix of them where each block of a row or
            column of a matrix has its own; empty for float16.
    """

    size: int
    dtype: str
    scales: Array


def store_exactly(folder: Path, known: Iterable[SmallWeight], *, shard_size_bytes: int) -> int:
    """Write the weights of a graph model anew, as small as its source has them.

    Args:
        folder: Holds model.json and its shards, which are replaced.
        known: How the source stores its constants.
        shard_size_bytes: Largest size of a shard.

    Returns:
        The number of weights that became smaller.
    """
    by_size: dict[int, list[SmallWeight]] = {}
    halves: list[SmallWeight] = []
    for each in known:
        by_size.setdefault(each.size, []).append(each)
        halves = halves or [each] * (each.dtype == "float16")
    model_json = load_model_json(folder / "model.json")
    scaled: dict[str, list[WeightSpec]] = {}
    groups, num_packed = [], 0
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(folder / ".", group=number, shard_size_bytes=shard_size_bytes)
        specs: list[WeightSpec] = []
        for weight in walk_group(group, folder):
            packed = _pack(weight, [*by_size.get(weight.spec.size, ()), *halves])
            num_packed += packed is not None
            specs += _write(weight, packed, writer, scaled)
        for path in group.paths:
            (folder / path).unlink()
        groups.append(WeightGroup(paths=writer.finish(), weights=tuple(specs)))
    content = add_products(model_json.content, scaled)
    written = replace(model_json, content=content, groups=tuple(groups))
    (folder / "model.json").write_bytes(format_model_json(written))
    return num_packed


def _write(
    weight: StoredWeight,
    packed: EncodedWeight | None,
    writer: ShardWriter,
    scaled: dict[str, list[WeightSpec]],
) -> list[WeightSpec]:
    """Append a weight; return its spec, or those of its parts, which `scaled` gets too."""
    if packed is None:
        writer.write(weight.read_bytes())
        return [weight.spec]
    specs = write_encoded(weight.spec, packed, writer)
    if packed.scales is not None:
        scaled[weight.spec.name] = specs
    return specs


def _pack(weight: StoredWeight, known: Sequence[SmallWeight]) -> EncodedWeight | None:
    """Return a weight in fewer bytes; None where it cannot be, without rounding."""
    if weight.spec.quantization or weight.spec.size < 1 or not known:
        return None
    if weight.spec.dtype == "int32" and any(each.dtype == "integer" for each in known):
        return _pack_affine(weight.read(), 1.0, "int32")
    if weight.spec.dtype != "float32":
        return None
    values = weight.read()
    return _pack_floats(values, known) if np.isfinite(values).all() else None


def _pack_floats(values: Array, known: Sequence[SmallWeight]) -> EncodedWeight | None:
    """Return floats in fewer bytes; None where they cannot be, without rounding."""
    if any(each.dtype == "float16" for each in known):
        with np.errstate(over="ignore"):
            stored = values.astype("<f2", casting="same_kind")
        if np.array_equal(stored.astype("<f4"), values):
            return EncodedWeight(
                stored=stored, quantization=Quantization(dtype="float16"), shape=values.shape
            )
    scaled = [each.scales for each in known if each.dtype == "integer"]
    packed = _pack_affine(values, 1.0) if scaled else None
    for scales in scaled:
        if packed is not None:
            break
        is_one = scales.size == 1
        packed = _pack_affine(values, scales.item()) if is_one else _pack_channels(values, scales)
    return packed


def _pack_affine(
    values: Array,
    scale: float,
    dtype: str = "float32",
    *,
    stored: type[np.unsignedinteger[Any]] = np.uint8,
) -> EncodedWeight | None:
    """Return values as whole multiples of a scale."""
    if scale <= 0:
        return None
    numbers = np.rint(values.astype(np.float64) / scale)
    low = float(numbers.min())
    if float(numbers.max()) - low > np.iinfo(stored).max:
        return None
    made = (numbers - low).astype(np.dtype(stored).newbyteorder("<"))
    quantization = Quantization(dtype=np.dtype(stored).name, scale=scale, min=low * scale)
    if not np.array_equal(dequantize(made, quantization, dtype), values):
        return None
    return EncodedWeight(stored=made, quantization=quantization, shape=values.shape)


def _pack_channels(values: Array, scales: Array) -> EncodedWeight | None:
    """Return values as whole numbers, with the scales that they are multiplied by."""
    if values.size + 4 * scales.size + _NODE_BYTES >= 4 * values.size:
        return None
    for split, shaped in _place_scales(values, scales.astype(np.float32)):
        with np.errstate(divide="ignore", invalid="ignore"):
            numbers = np.nan_to_num(np.rint(split / shaped))
        if np.abs(numbers).max() > _STEPS:
            continue
        numbers = numbers.astype(np.float32)
        # Numbers of 8 bits less a zero point of each channel need 9.
        whole = _pack_affine(numbers, 1.0) or _pack_affine(numbers, 1.0, stored=np.uint16)
        if whole is None:
            continue
        scaled = replace(whole, shape=values.shape, scales=np.ascontiguousarray(shaped, "<f4"))
        if np.array_equal(scaled.decode(), values):
            return scaled
    return None


def _place_scales(values: Array, scales: Array) -> Iterator[tuple[Array, Array]]:
    """Yield values, split into blocks where those have scales, with scales that broadcast.

    Scales may stand along each axis of their number, or along the last two axes together.
    """
    shape = values.shape
    if scales.ndim > 1:
        yield from _place_blocks(values, scales)
        return
    for axis in reversed(range(len(shape))):
        if shape[axis] == len(scales):
            yield values, scales.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    if len(shape) > 1 and shape[-1] * shape[-2] == len(scales):
        yield values, scales.reshape([1] * (len(shape) - 2) + [shape[-2], shape[-1]])


def _place_blocks(values: Array, scales: Array) -> Iterator[tuple[Array, Array]]:
    """Yield a matrix as blocks of its columns or rows, with a scale for each."""
    if values.ndim != scales.ndim or values.ndim != _NUM_BLOCK_AXES - 1:
        return
    rows, columns = values.shape
    for each in (scales, scales.T):
        if each.shape[1] == columns and rows % each.shape[0] == 0:
            yield values.reshape(each.shape[0], -1, columns), each[:, None, :]
        if each.shape[0] == rows and columns % each.shape[1] == 0:
            yield values.reshape(rows, each.shape[1], -1), each[:, :, None]
