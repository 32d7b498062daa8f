"""The weight manifest of a model.json: groups of weights, and the shards that hold them.

It is read into types and checked before anything is allocated. It opens no file.
"""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipeline.errors import FormatError
from pipeline.tfjs.dtypes import ITEM_SIZES, QUANTIZED_ITEM_SIZES
from pipeline.tfjs.shards import STRING_LENGTH_BYTES, ShardReader, measure_strings


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How a weight is stored in fewer bytes: value = stored * scale + min, or a float16.

    Attributes:
        dtype: What is stored: "float16", "uint8" or "uint16".
        scale: Difference of two neighbouring values; None for float16.
        min: Value of a stored 0; None for float16.
        original_dtype: dtype before, as newer converters note it.
    """

    dtype: str
    scale: float | None = None
    min: float | None = None
    original_dtype: str | None = None


@dataclass(frozen=True, kw_only=True)
class WeightSpec:
    """A weight as the manifest lists it.

    Attributes:
        name: Name of the Const node (graph model) or of the variable (layers model).
        shape: Size of each axis; () for a scalar.
        dtype: What TensorFlow.js makes of it: float32, int32, bool, complex64 or string.
        quantization: How it is stored, None if as it is.
        group: "optimizer" for what only training needs; layers models have it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    group: str | None = None

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def stored_dtype(self) -> str:
        """Dtype of the values in the shards."""
        return self.quantization.dtype if self.quantization else self.dtype

    @property
    def num_bytes(self) -> int | None:
        """Bytes in the shards, None for strings, whose bytes tell."""
        item_size = (ITEM_SIZES | QUANTIZED_ITEM_SIZES).get(self.stored_dtype)
        return None if item_size is None else self.size * item_size


@dataclass(frozen=True, kw_only=True)
class WeightGroup:
    """Weights that lie end to end in a row of shards.

    Attributes:
        paths: Shards, relative to model.json, in the order of their bytes.
        weights: Weights, in the order of their bytes.
    """

    paths: tuple[str, ...]
    weights: tuple[WeightSpec, ...]


def measure_weights(group: WeightGroup, reader: ShardReader) -> tuple[int, ...]:
    """Return the bytes of each weight of a group, having checked that they fill its shards.

    Raises:
        FormatError: A weight reaches beyond the shards, or bytes are left.
    """
    sizes: list[int] = []
    offset = 0
    for spec in group.weights:
        size = spec.num_bytes
        if size is None:
            fits = spec.size * STRING_LENGTH_BYTES <= reader.size - offset
            size = measure_strings(reader, offset, spec.size) if fits else None
        if size is None or offset + size > reader.size:
            raise FormatError(
                f"weight {spec.name!r}, {spec.stored_dtype} {spec.shape}, reaches beyond the end "
                f"of its shards: {reader.size - offset:,} bytes are left of {reader.size:,}",
                hint="A shard is truncated, or belongs to another model.",
            )
        sizes.append(size)
        offset += size
    if offset != reader.size:
        raise FormatError(
            f"shards {', '.join(group.paths)} hold {reader.size:,} bytes; "
            f"model.json lists weights of {offset:,}",
            hint="The shards belong to another model, or to another variant of it.",
        )
    return tuple(sizes)


def parse_group(entry: Any, where: str) -> WeightGroup:
    """Read a group; `where` is its place in model.json.

    Raises:
        FormatError: It is not one.
    """
    if not isinstance(entry, dict):
        raise FormatError(f"{where} is {name_type(entry)}; expected an object")
    paths, weights = entry.get("paths"), entry.get("weights")
    if not isinstance(paths, list) or not isinstance(weights, list):
        raise FormatError(f"{where}: expected the lists 'paths' and 'weights'")
    return WeightGroup(
        paths=tuple(_parse_path(path, f"{where}.paths[{i}]") for i, path in enumerate(paths)),
        weights=tuple(
            _parse_weight(spec, f"{where}.weights[{i}]") for i, spec in enumerate(weights)
        ),
    )


def _parse_path(path: Any, where: str) -> str:
    if not isinstance(path, str) or not path:
        raise FormatError(f"{where} is {path!r}; expected the path of a shard")
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or any(c in path for c in "\\:\0"):
        raise FormatError(
            f"{where} is {path!r}; expected a path in the folder of model.json, "
            "such as 'group1-shard1of1.bin'"
        )
    return path


def _parse_weight(entry: Any, where: str) -> WeightSpec:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise FormatError(f"{where} has no name; expected name, shape and dtype")
    where = f"{where} ({name!r})"
    shape, dtype, group = entry.get("shape"), entry.get("dtype"), entry.get("group")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise FormatError(f"{where}: shape is {shape!r}; expected a list of sizes of 0 or more")
    quantization = entry.get("quantization")
    if dtype in ("uint8", "uint16") and quantization is None:
        # The converter writes constants of these dtypes as they are, and TensorFlow.js refuses
        # them (decodeWeight: "Unsupported dtype in weight"). The same bytes, told to be an int32
        # quantized with a step of 1, load and are exact.
        quantization = {"dtype": dtype, "min": 0, "scale": 1, "original_dtype": "int32"}
        dtype = "int32"
    if not isinstance(dtype, str) or dtype not in (*ITEM_SIZES, "string"):
        raise FormatError(
            f"{where}: dtype is {dtype!r}; expected {', '.join(ITEM_SIZES)} or string"
        )
    return WeightSpec(
        name=name,
        shape=tuple(shape),
        dtype=dtype,
        quantization=None
        if quantization is None
        else _parse_quantization(quantization, dtype, where),
        group=group if isinstance(group, str) else None,
    )


def _parse_quantization(entry: Any, dtype: str, where: str) -> Quantization:
    stored = entry.get("dtype") if isinstance(entry, dict) else None
    if not isinstance(stored, str) or stored not in QUANTIZED_ITEM_SIZES:
        raise FormatError(
            f"{where}: quantization.dtype is {stored!r}; expected {', '.join(QUANTIZED_ITEM_SIZES)}"
        )
    # decodeWeight in tfjs-core/src/io/io_utils.ts knows these pairs.
    if dtype not in (("float32",) if stored == "float16" else ("float32", "int32")):
        raise FormatError(f"{where}: a weight of dtype {dtype} cannot be quantized to {stored}")
    original = entry.get("original_dtype")
    original = original if isinstance(original, str) else None
    if stored == "float16":
        return Quantization(dtype=stored, original_dtype=original)
    scale, least = (
        _parse_number(entry.get(key), f"{where}: quantization.{key}") for key in ("scale", "min")
    )
    return Quantization(dtype=stored, scale=scale, min=least, original_dtype=original)


def _parse_number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{where} is {value!r}; expected a number")
    try:
        return float(value)
    except OverflowError:
        raise FormatError(f"{where} is {value!r}; expected a finite number") from None


def format_group(group: WeightGroup) -> dict[str, Any]:
    """Return a group as it stands in model.json."""
    return {"paths": list(group.paths), "weights": [_format_weight(w) for w in group.weights]}


def _format_weight(spec: WeightSpec) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype}
    if spec.group is not None:
        entry["group"] = spec.group
    if spec.quantization:
        fields = vars(spec.quantization)
        entry["quantization"] = {k: v for k, v in fields.items() if v is not None}
    return entry


def name_type(value: Any) -> str:
    """Name what stands in the place of something else."""
    return "missing" if value is None else f"a {type(value).__name__}"
