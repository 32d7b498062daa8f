"""Weights of a source that stores them in fewer bytes: stored as small, and exactly as they are.

A source keeps float16, or whole numbers of 8 bits and a scale; the converter writes float32. Here
each weight that is such a number is stored as the source stores it:

- float16 as float16;
- whole numbers that span at most 255 as uint8 with a scale of 1;
- whole numbers times one scale as uint8 with that scale;
- whole numbers times a scale for each channel, or for each block of one, as uint8 of the
  numbers, which the graph multiplies by the scales;
- whole numbers that the graph has as int32, and that span at most 255, as uint8.

A weight is stored so only where TensorFlow.js decodes every value to the last bit; nothing is
rounded. Names of nodes stay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.model_json import ModelJson, format_model_json, load_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import Quantization, WeightGroup, WeightSpec
from pipeline.tfjs.model.weights import StoredWeight, dequantize, walk_group

Array = npt.NDArray[Any]

_STEPS = 255
_NUM_BLOCK_AXES = 3
# What a scale for each channel costs: two nodes in model.json.
_NODE_BYTES = 400
_INTEGERS = "integers"
_SCALES = "scales"
_PRODUCT = "product"
_SHAPE = "shape"


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


@dataclass(frozen=True, kw_only=True)
class _Packed:
    """A weight in fewer bytes; `scales` are those that the graph multiplies by, if any.

    Where blocks have scales, the numbers have an axis more than the weight.
    """

    stored: Array
    quantization: Quantization
    scales: Array | None = None

    @property
    def has_blocks(self) -> bool:
        """Whether the graph has to join blocks."""
        return self.scales is not None and self.scales.ndim == _NUM_BLOCK_AXES


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
    for each in known:
        by_size.setdefault(each.size, []).append(each)
    model_json = load_model_json(folder / "model.json")
    added: dict[str, _Packed] = {}
    groups, num_packed = [], 0
    for number, group in enumerate(model_json.groups, start=1):
        writer = ShardWriter(folder / ".", group=number, shard_size_bytes=shard_size_bytes)
        specs: list[WeightSpec] = []
        for weight in walk_group(group, folder):
            packed = _pack(weight, by_size.get(weight.spec.size, ()))
            num_packed += packed is not None
            specs += _write(weight, packed, writer, added)
        for path in group.paths:
            (folder / path).unlink()
        groups.append(WeightGroup(paths=writer.finish(), weights=tuple(specs)))
    if num_packed:
        content = _multiply(model_json, added)
        written = replace(model_json, content=content, groups=tuple(groups))
        (folder / "model.json").write_bytes(format_model_json(written))
    else:
        same = replace(model_json, groups=tuple(groups))
        (folder / "model.json").write_bytes(format_model_json(same))
    return num_packed


def _write(
    weight: StoredWeight, packed: _Packed | None, writer: ShardWriter, added: dict[str, _Packed]
) -> Iterator[WeightSpec]:
    """Append a weight; yield its spec, and those of its scales and its shape."""
    if packed is None:
        writer.write(weight.read_bytes())
        yield weight.spec
        return
    writer.write(np.ascontiguousarray(packed.stored).data)
    name = weight.spec.name
    if packed.scales is None:
        yield replace(weight.spec, quantization=packed.quantization)
        return
    added[name] = packed
    yield replace(
        weight.spec,
        name=f"{name}/{_INTEGERS}",
        shape=packed.stored.shape,
        quantization=packed.quantization,
    )
    writer.write(np.ascontiguousarray(packed.scales, "<f4").data)
    yield WeightSpec(name=f"{name}/{_SCALES}", shape=packed.scales.shape, dtype="float32")
    if packed.has_blocks:
        writer.write(np.array(weight.spec.shape, "<i4").data)
        yield WeightSpec(name=f"{name}/{_SHAPE}", shape=(len(weight.spec.shape),), dtype="int32")


def _pack(weight: StoredWeight, known: Sequence[SmallWeight]) -> _Packed | None:
    """Return a weight in fewer bytes; None where it cannot be, without rounding."""
    if weight.spec.quantization or weight.spec.size < 1 or not known:
        return None
    if weight.spec.dtype == "int32" and any(each.dtype == "integer" for each in known):
        return _pack_affine(weight.read(), 1.0, "int32")
    if weight.spec.dtype != "float32":
        return None
    values = weight.read()
    return _pack_floats(values, known) if np.isfinite(values).all() else None


def _pack_floats(values: Array, known: Sequence[SmallWeight]) -> _Packed | None:
    """Return floats in fewer bytes; None where they cannot be, without rounding."""
    if any(each.dtype == "float16" for each in known):
        with np.errstate(over="ignore"):
            stored = values.astype("<f2", casting="same_kind")
        if np.array_equal(stored.astype("<f4"), values):
            return _Packed(stored=stored, quantization=Quantization(dtype="float16"))
    scaled = [each.scales for each in known if each.dtype == "integer"]
    packed = _pack_affine(values, 1.0) if scaled else None
    for scales in scaled:
        if packed is not None:
            break
        is_one = scales.size == 1
        packed = _pack_affine(values, scales.item()) if is_one else _pack_channels(values, scales)
    return packed


def _pack_affine(values: Array, scale: float, dtype: str = "float32") -> _Packed | None:
    """Return values as whole multiples of a scale."""
    if scale <= 0:
        return None
    numbers = np.rint(values.astype(np.float64) / scale)
    low = float(numbers.min())
    if float(numbers.max()) - low > _STEPS:
        return None
    stored = (numbers - low).astype(np.uint8)
    quantization = Quantization(dtype="uint8", scale=scale, min=low * scale)
    if not np.array_equal(dequantize(stored, quantization, dtype), values):
        return None
    return _Packed(stored=stored, quantization=quantization)


def _pack_channels(values: Array, scales: Array) -> _Packed | None:
    """Return values as whole numbers, with the scales that they are multiplied by."""
    if values.size + 4 * scales.size + _NODE_BYTES >= 4 * values.size:
        return None
    for split, shaped in _place_scales(values, scales.astype(np.float32)):
        with np.errstate(divide="ignore", invalid="ignore"):
            numbers = np.nan_to_num(np.rint(split / shaped))
        if np.abs(numbers).max() > _STEPS:
            continue
        whole = _pack_affine(numbers.astype(np.float32), 1.0)
        if whole is None:
            continue
        decoded = dequantize(whole.stored, whole.quantization, "float32") * shaped
        if np.array_equal(decoded, split):
            return replace(whole, scales=shaped)
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


def _multiply(model_json: ModelJson, added: Mapping[str, _Packed]) -> dict[str, Any]:
    """Return the content of a model.json with a product in place of each constant in `added`."""
    content = dict(model_json.content)
    if not added:
        return content
    topology = dict(content["modelTopology"])
    nodes: list[Any] = []
    for node in topology["node"]:
        packed = added.get(node["name"]) if node["op"] == "Const" else None
        nodes += [node] if packed is None else _product_nodes(node, packed)
    topology["node"] = nodes
    content["modelTopology"] = topology
    return content


def _product_nodes(node: Mapping[str, Any], packed: _Packed) -> list[dict[str, Any]]:
    """Return nodes that multiply whole numbers by scales, in the place of a constant."""
    assert packed.scales is not None
    name = node["name"]
    parts = [f"{name}/{_INTEGERS}", f"{name}/{_SCALES}"]
    product = {"name": name, "op": "Mul", "input": parts, "attr": {"T": {"type": "DT_FLOAT"}}}
    made = [
        {**node, "name": parts[0], "attr": _with_shape(node["attr"], packed.stored.shape)},
        {**node, "name": parts[1], "attr": _with_shape(node["attr"], packed.scales.shape)},
    ]
    if not packed.has_blocks:
        return [*made, product]
    inputs = [f"{name}/{_PRODUCT}", f"{name}/{_SHAPE}"]
    sizes = _with_shape(node["attr"], [packed.stored.ndim - 1], "DT_INT32")
    return [
        *made,
        {**product, "name": inputs[0]},
        {**node, "name": inputs[1], "attr": sizes},
        {
            "name": name,
            "op": "Reshape",
            "input": inputs,
            "attr": {"T": {"type": "DT_FLOAT"}, "Tshape": {"type": "DT_INT32"}},
        },
    ]


def _with_shape(
    attr: Mapping[str, Any], shape: Sequence[int], dtype: str = "DT_FLOAT"
) -> dict[str, Any]:
    """Return the attributes of a constant with another shape and dtype."""
    sizes = [{"size": str(size)} for size in shape]
    tensor = {"dtype": dtype, "tensorShape": {"dim": sizes}}
    return {**attr, "dtype": {"type": dtype}, "value": {"tensor": tensor}}
