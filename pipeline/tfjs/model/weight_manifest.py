"""The weight manifest of a model.json: groups of weights, and the shards that hold them.

It is read into types and checked before memory is allocated. This module opens no file.
"""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipeline.disk.json_value import JsonValue
from pipeline.errors import FormatError
from pipeline.tfjs.model.dtypes import ITEM_SIZES, QUANTIZED_ITEM_SIZES
from pipeline.tfjs.model.shard_paths import EXPECTED, is_near, split_up
from pipeline.tfjs.model.shards import STRING_LENGTH_BYTES, ShardReader, measure_strings

# The most axes that numpy takes; TensorFlow.js runs six.
MAX_NDIM = 64


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """The form of a weight in fewer bytes: value = stored * scale + min, or a float16.

    Attributes:
        dtype: Stored dtype: "float16", "uint8" or "uint16".
        scale: Difference of two neighbouring values; None for float16.
        min: Value of a stored 0; None for float16.
        original_dtype: The dtype before, which newer converters write.
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
        dtype: Its dtype in TensorFlow.js: float32, int32, bool, complex64 or string.
        quantization: The form in which it is stored, None if it is not quantized.
        group: "optimizer" for weights that only training needs; layers models have it.
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
        """Dtype of the values in the shards: "uint8"."""
        return self.quantization.dtype if self.quantization else self.dtype

    @property
    def num_bytes(self) -> int | None:
        """Bytes in the shards; None for strings, which hold their own lengths."""
        item_size = (ITEM_SIZES | QUANTIZED_ITEM_SIZES).get(self.stored_dtype)
        return None if item_size is None else self.size * item_size


@dataclass(frozen=True, kw_only=True)
class WeightGroup:
    """Weights that lie end to end in a row of shards.

    Attributes:
        paths: Shards, relative to model.json, in the order of their bytes; some may go up, as
            `shard_paths.py` says.
        weights: Weights, in the order of their bytes.
    """

    paths: tuple[str, ...]
    weights: tuple[WeightSpec, ...]


def measure_weights(group: WeightGroup, reader: ShardReader) -> tuple[int, ...]:
    """Return the number of bytes of each weight, after a check that they fill the shards.

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


def parse_group(entry: JsonValue) -> WeightGroup:
    """Read a group.

    Raises:
        FormatError: The entry is no group.
    """
    return WeightGroup(
        paths=tuple(_parse_path(path) for path in entry.get("paths").items()),
        weights=tuple(_parse_weight(spec) for spec in entry.get("weights").items()),
    )


def _parse_path(entry: JsonValue) -> str:
    path = entry.text()
    up, rest = split_up(path)
    parts = PurePosixPath(rest).parts
    is_inner = parts and not rest.startswith("/") and ".." not in parts
    if not is_inner or any(c in rest for c in "\\:\0") or not is_near(up, rest):
        entry.refuse(f"a path {EXPECTED}")
    return path


def _parse_weight(entry: JsonValue) -> WeightSpec:
    name = entry.get("name").text()
    shape = tuple(size.whole() for size in entry.get("shape").items())
    if len(shape) > MAX_NDIM:
        entry.get("shape").refuse(f"{MAX_NDIM} axes at most")
    dtype = entry.get("dtype")
    quantization = entry.get("quantization")
    if dtype.value in ("uint8", "uint16") and quantization.is_absent:
        # The converter writes constants of these dtypes as they are, and TensorFlow.js refuses them
        # (decodeWeight: "Unsupported dtype in weight"). As an int32 quantized with a step of 1, the
        # same bytes load and are exact.
        exact = Quantization(dtype=dtype.text(), min=0.0, scale=1.0, original_dtype="int32")
        return WeightSpec(name=name, shape=shape, dtype="int32", quantization=exact)
    if not isinstance(dtype.value, str) or dtype.value not in (*ITEM_SIZES, "string"):
        dtype.refuse(f"{', '.join(ITEM_SIZES)} or string (weight {name!r})")
    stored = None if quantization.is_absent else _parse_quantization(quantization, dtype.text())
    return WeightSpec(
        name=name,
        shape=shape,
        dtype=dtype.text(),
        quantization=stored,
        group=_text_or_none(entry.get("group")),
    )


def _parse_quantization(entry: JsonValue, dtype: str) -> Quantization:
    stored = entry.get("dtype")
    if not isinstance(stored.value, str) or stored.value not in QUANTIZED_ITEM_SIZES:
        stored.refuse(", ".join(QUANTIZED_ITEM_SIZES))
    # The pairs that decodeWeight in tfjs-core/src/io/io_utils.ts knows.
    if dtype not in (("float32",) if stored.value == "float16" else ("float32", "int32")):
        stored.refuse(f"another: a weight of dtype {dtype} cannot be quantized to {stored.value}")
    original = _text_or_none(entry.get("original_dtype"))
    if stored.value == "float16":
        return Quantization(dtype="float16", original_dtype=original)
    return Quantization(
        dtype=stored.text(),
        scale=entry.get("scale").number(),
        min=entry.get("min").number(),
        original_dtype=original,
    )


def _text_or_none(entry: JsonValue) -> str | None:
    return entry.value if isinstance(entry.value, str) else None


def format_group(group: WeightGroup) -> dict[str, Any]:
    """Return a group in the form of model.json."""
    return {"paths": list(group.paths), "weights": [format_weight(w) for w in group.weights]}


def format_weight(spec: WeightSpec) -> dict[str, Any]:
    """Return a weight's entry in the form of model.json."""
    entry: dict[str, Any] = {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype}
    if spec.group is not None:
        entry["group"] = spec.group
    if spec.quantization:
        fields = vars(spec.quantization)
        entry["quantization"] = {k: v for k, v in fields.items() if v is not None}
    return entry
