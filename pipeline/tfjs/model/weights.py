"""Weights: the values of a TensorFlow.js model, one weight at a time.

A weight is read from its shards on demand and belongs to the caller alone, so that the memory
needed is that of the largest weight. Shards are little-endian and row-major; a quantized weight is
returned as TensorFlow.js decodes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.shards import STRING_LENGTH_BYTES, ShardReader
from pipeline.tfjs.model.weight_manifest import (
    Quantization,
    WeightGroup,
    WeightSpec,
    measure_weights,
)

Array = npt.NDArray[Any]

# Little-endian on every machine.
_STORED = {
    "bool": np.dtype(np.bool_),
    "complex64": np.dtype("<c8"),
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
    "uint16": np.dtype("<u2"),
    "uint8": np.dtype("u1"),
}


@dataclass(frozen=True, kw_only=True)
class StoredWeight:
    """A weight in its shards.

    Attributes:
        spec: Its entry in the manifest.
        offset: First byte in the stream of the group's shards.
        num_bytes: Number of its bytes there.
        reader: The shards.
    """

    spec: WeightSpec
    offset: int
    num_bytes: int
    reader: ShardReader

    def read_bytes(self) -> bytes:
        """Return the bytes in the shards."""
        return self.reader.read(self.offset, self.num_bytes)

    def read_stored(self) -> Array:
        """Return the values in the shards, not dequantized; strings as bytes."""
        if self.spec.dtype == "string":
            return _parse_strings(self.read_bytes(), self.spec)
        values = np.empty(self.spec.shape, _STORED[self.spec.stored_dtype])
        self.reader.read_into(self.offset, values.reshape(-1).view(np.uint8).data)
        return values

    def read(self) -> Array:
        """Return the values of TensorFlow.js: float32, int32, bool, complex64, bytes."""
        values = self.read_stored()
        quantization = self.spec.quantization
        return dequantize(values, quantization, self.spec.dtype) if quantization else values


def walk_group(group: WeightGroup, folder: Path) -> Iterator[StoredWeight]:
    """Yield the weights of a group in the order of their bytes.

    Args:
        group: The group, from the model.json in `folder`.
        folder: The folder with its shards.

    Raises:
        FormatError: The shards do not hold the weights that the group lists.
    """
    reader = ShardReader(folder, group.paths)
    offset = 0
    for spec, size in zip(group.weights, measure_weights(group, reader), strict=True):
        yield StoredWeight(spec=spec, offset=offset, num_bytes=size, reader=reader)
        offset += size


def walk_weights(model_json: ModelJson, folder: Path) -> Iterator[StoredWeight]:
    """Yield all weights of a model, in the order of their bytes; see `walk_group`."""
    for group in model_json.groups:
        yield from walk_group(group, folder)


def dequantize(values: Array, quantization: Quantization, dtype: str) -> Array:
    """Return stored values as TensorFlow.js decodes them.

    decodeWeight in tfjs-core/src/io/io_utils.ts: doubles, then float32; an int32 is rounded
    half up, as Math.round does.

    Args:
        values: float16, uint8 or uint16.
        quantization: The form in which they are stored.
        dtype: "float32" or "int32".
    """
    if quantization.dtype == "float16":
        return values.astype("<f4")
    assert quantization.scale is not None
    assert quantization.min is not None
    decoded: Array = values.astype(np.float64)
    decoded *= quantization.scale
    decoded += quantization.min
    if dtype == "int32":
        decoded = np.floor(decoded + 0.5)
        return decoded.astype("<i4")
    with np.errstate(over="ignore"):  # TensorFlow.js makes a range beyond float32 infinite too
        return decoded.astype("<f4")


def _parse_strings(raw: bytes, spec: WeightSpec) -> Array:
    strings = np.empty(spec.size, object)
    position = 0
    for i in range(spec.size):
        length = int.from_bytes(raw[position : position + STRING_LENGTH_BYTES], "little")
        position += STRING_LENGTH_BYTES
        strings[i] = raw[position : position + length]
        position += length
    return strings.reshape(spec.shape)
