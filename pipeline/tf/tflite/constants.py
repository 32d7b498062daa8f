"""Values of the constants of a TensorFlow Lite file, as numpy has them.

Numbers of 4 bits are unpacked, sparse constants become dense. This module opens no file.
"""

import math
import struct
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.tf.tflite.flatbuffer import Bytes, Table
from pipeline.tf.tflite.tflite_model import Array, Tensor

_ITEMS = {
    "float16": np.float16, "float32": np.float32, "float64": np.float64,
    "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64,
    "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64,
    "bool": np.bool_, "complex64": np.complex64, "complex128": np.complex128,
}  # fmt: skip
# A sparse constant is small in the file, and may claim any shape.
_MAX_ELEMENTS = 2**31
_DENSE, _SPARSE = 0, 1
_VECTORS: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.int32),
    2: np.dtype(np.uint16),
    3: np.dtype(np.uint8),
}


def read_constant(tensor: Tensor, source: Bytes) -> Array:
    """Return the values of a constant, of its shape, in the dtype of the file.

    Numbers of 4 bits are int8, bfloat16 is float32, strings are objects of bytes.

    Raises:
        FormatError: Its bytes do not fill its shape.
    """
    shape = tuple(size or 0 for size in tensor.shape or ())
    data = np.zeros(0, np.uint8) if tensor.data is None else tensor.data
    if tensor.dtype == "string":
        return _read_strings(tensor, data, shape, source)
    if tensor.sparsity is not None:
        return _densify(tensor, _view(tensor, data, source), shape, source)
    values = _view(tensor, data, source)
    size = math.prod(shape)
    if tensor.dtype == "int4" and values.size == size + size % 2:
        values = values[:size]
    if values.size != size:
        source.fail(
            tensor.place, f"{values.size:,} values of {tensor.dtype} do not fill the shape {shape}"
        )
    return values.reshape(shape)


def _view(tensor: Tensor, data: Array, source: Bytes) -> Array:
    """Return the stored values of a constant, in their order in the file."""
    if tensor.dtype == "int4":
        pairs: Array = np.stack([data << 4, data], -1).astype(np.uint8).view(np.int8) >> 4
        return pairs.reshape(-1)
    if tensor.dtype == "bfloat16":
        if data.size % 2:
            source.fail(tensor.place, f"{data.size:,} bytes are no whole number of bfloat16")
        return (data.view("<u2").astype(np.uint32) << 16).view(np.float32)
    item = _ITEMS.get(tensor.dtype)
    if item is None:
        source.fail(tensor.place, f"a constant of {tensor.dtype}")
    dtype = np.dtype(item)
    if data.size % dtype.itemsize:
        source.fail(
            tensor.place, f"{data.size:,} bytes are no whole number of {tensor.dtype} values"
        )
    return np.frombuffer(data.tobytes(), dtype.newbyteorder("<")).astype(dtype)


def _read_strings(tensor: Tensor, data: Array, shape: tuple[int, ...], source: Bytes) -> Array:
    """Return strings: their number, as many offsets and the end, then their bytes."""
    content = data.tobytes()
    try:
        (number,) = struct.unpack_from("<i", content)
        offsets = struct.unpack_from(f"<{number + 1}i", content, 4)
        texts = [content[start:end] for start, end in pairwise(offsets)]
        values = np.empty(number, object)
        values[:] = texts
        return values.reshape(shape)
    except (struct.error, ValueError):
        source.fail(tensor.place, f"its strings cannot be read as shape {shape}")


def _densify(tensor: Tensor, stored: Array, shape: tuple[int, ...], source: Bytes) -> Array:
    """Return a sparse constant as a dense one.

    The levels of the storage are the axes in `traversal_order`, blocks last; as
    tensorflow/lite/kernels/internal/utils/sparsity_format_converter.cc reads them.
    """
    assert tensor.sparsity is not None
    order = tensor.sparsity.vector(4, np.int32, "traversal_order").tolist()
    blocks = tensor.sparsity.vector(6, np.int32, "block_map").tolist()
    levels = tensor.sparsity.tables(8, "dim_metadata")
    ndim = len(shape)
    if (
        sorted(order) != list(range(ndim + len(blocks)))
        or len(levels) != len(order)
        or any(not 0 <= axis < ndim for axis in blocks)
        or math.prod(shape) > _MAX_ELEMENTS
    ):
        source.fail(tensor.place, f"its sparse storage does not fit the shape {shape}")
    # Positions of all stored values so far, a column for each level.
    positions = np.zeros((1, 0), np.int64)
    parents = np.zeros(1, np.int64)
    sizes: dict[int, int] = {}
    for axis, level in zip(order, levels, strict=True):
        if level.scalar(4, "b", _DENSE, "format") == _DENSE:
            size = level.scalar(6, "i", 0, "dense_size")
            if size < 1 or size * len(positions) > _MAX_ELEMENTS:
                source.fail(level.place, f"a dense level of size {size}")
            sizes[axis] = size
            own = np.tile(np.arange(size), len(positions))
            positions = np.repeat(positions, size, 0)
            parents = np.repeat(parents, size) * size + own
        else:
            segments = _read_vector(level, 8, "array_segments", source)
            indices = _read_vector(level, 12, "array_indices", source)
            if len(segments) <= parents.max(initial=0) or segments[-1] != len(indices):
                source.fail(level.place, "its segments do not fit")
            starts, ends = segments[parents], segments[parents + 1]
            counts = ends - starts
            if (counts < 0).any() or counts.sum() > len(indices):
                source.fail(level.place, "its segments run backwards")
            parents = np.concatenate(
                [np.arange(a, b) for a, b in zip(starts, ends, strict=True)] or [starts[:0]]
            ).astype(np.int64)
            positions, own = np.repeat(positions, counts, 0), indices[parents]
        positions = np.concatenate([positions, own[:, None]], 1)
    if len(positions) != len(stored):
        source.fail(tensor.place, f"{len(stored):,} values for {len(positions):,} places")
    return _place(tensor, stored, positions, order, blocks, sizes, shape, source)


def _place(  # noqa: PLR0913, PLR0917  # the parts of a sparse storage
    tensor: Tensor,
    stored: Array,
    positions: Array,
    order: list[int],
    blocks: list[int],
    sizes: dict[int, int],
    shape: tuple[int, ...],
    source: Bytes,
) -> Array:
    """Write stored values at their positions: an axis with blocks is `outer * size + inner`."""
    ndim = len(shape)
    by_axis = {axis: positions[:, level] for level, axis in enumerate(order)}
    where = [by_axis[axis] for axis in range(ndim)]
    for number, axis in enumerate(blocks):
        where[axis] = where[axis] * sizes.get(ndim + number, 1) + by_axis[ndim + number]
    if any(((own < 0) | (own >= size)).any() for own, size in zip(where, shape, strict=True)):
        source.fail(tensor.place, "a sparse value lies outside of the shape")
    dense = np.zeros(shape, stored.dtype)
    dense[tuple(where)] = stored
    return dense


def _read_vector(level: Table, slot: int, name: str, source: Bytes) -> Array:
    """Return a vector of whole numbers, of the kind that the level states."""
    kind = level.scalar(slot, "B", 0, name)
    table = level.table(slot + 2, name)
    if kind not in _VECTORS or table is None:
        source.fail(level.place, f"its {name} are missing")
    return table.vector(4, _VECTORS[kind], name).astype(np.int64)
