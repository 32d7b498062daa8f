"""Reads a TensorFlow Lite file, and checks all that it says of itself.

The slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs. This module opens no file.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from pipeline.tf.tflite.flatbuffer import Bytes, Table
from pipeline.tf.tflite.tflite_model import (
    DTYPES,
    OPERATORS,
    Array,
    Operator,
    Quantization,
    SignatureDef,
    SubGraph,
    Tensor,
    TfliteModel,
    names_of,
)

_OPTIONS = names_of(schema.BuiltinOptions)
_OPTIONS_2 = names_of(schema.BuiltinOptions2)
_CUSTOM = "CUSTOM"
# As in `AffineQuantization`; the other kinds are not in use.
_INTEGERS = {"int4", "int8", "uint8", "int16", "int32", "int64"}


def parse_tflite(content: bytes, name: str) -> TfliteModel:
    """Read a file.

    Args:
        content: The file.
        name: Its name, for messages.

    Raises:
        FormatError: It is no TensorFlow Lite model, or damaged; the message names the place.
    """
    source = Bytes(content=content, name=name)
    if content[4:8] != b"TFL3":
        source.fail("the start", "it lacks the identifier TFL3")
    root = source.root()
    buffers = root.tables(12, "buffers")
    codes = [_read_code(code) for code in root.tables(6, "operator_codes")]
    subgraphs = [
        _read_subgraph(graph, source, buffers, codes) for graph in root.tables(8, "subgraphs")
    ]
    if not subgraphs:
        source.fail("subgraphs", "it has none")
    return TfliteModel(
        bytes=source,
        description=root.text(10, "description"),
        subgraphs=subgraphs,
        signatures=[
            _read_signature(each, source, subgraphs) for each in root.tables(18, "signature_defs")
        ],
        metadata={
            each.text(4, "name"): _read_buffer(
                source, buffers, each.scalar(6, "I", 0, "buffer"), each.place
            )
            for each in root.tables(16, "metadata")
        },
    )


def _read_code(table: Table) -> tuple[str, bool, int]:
    """Return name, whether it is custom, and version of an operator code."""
    # Newer operators than 126 stand in a field of their own, older ones in both.
    code = max(table.scalar(4, "b", 0, "builtin_code"), table.scalar(10, "i", 0, "builtin_code"))
    name = OPERATORS.get(code, f"operator {code}")
    version = int(table.scalar(8, "i", 1, "version"))
    if name == _CUSTOM:
        return table.text(6, "custom_code"), True, version
    return name, False, version


def _read_buffer(source: Bytes, buffers: Sequence[Table], index: int, place: str) -> Array:
    """Return the bytes of a buffer; none for buffer 0, which stands for no buffer."""
    if not 0 <= index < len(buffers):
        source.fail(place, f"there is no buffer {index} (of {len(buffers)})")
    table = buffers[index]
    offset, size = table.scalar(6, "Q", 0, "offset"), table.scalar(8, "Q", 0, "size")
    # A file above 2 GiB has its constants behind the tables.
    if offset > 1 and size:
        source.check(offset, size, place)
        return np.frombuffer(source.content, np.uint8, size, offset)
    return table.vector(4, np.uint8, "data")


def _read_subgraph(
    table: Table, source: Bytes, buffers: Sequence[Table], codes: Sequence[tuple[str, bool, int]]
) -> SubGraph:
    tensors = [
        _read_tensor(each, index, source, buffers)
        for index, each in enumerate(table.tables(4, "tensors"))
    ]

    def numbers(of: Table, slot: int, name: str, *, optional: bool = False) -> tuple[int, ...]:
        found = tuple(int(number) for number in of.vector(slot, np.int32, name))
        source.count(len(found), of.place)
        for number in found:
            if not (0 <= number < len(tensors) or (optional and number == -1)):
                source.fail(
                    f"{of.place}.{name}", f"there is no tensor {number} (of {len(tensors)})"
                )
        return found

    operators = []
    for each in table.tables(10, "operators"):
        code = each.scalar(4, "I", 0, "opcode_index")
        if code >= len(codes):
            source.fail(each.place, f"there is no operator code {code} (of {len(codes)})")
        name, is_custom, version = codes[code]
        operators.append(
            Operator(
                name=name,
                is_custom=is_custom,
                version=version,
                inputs=numbers(each, 6, "inputs", optional=True),
                outputs=numbers(each, 8, "outputs"),
                options=_read_options(each, source),
                custom_options=_read_custom_options(each, source),
                intermediates=numbers(each, 20, "intermediates", optional=True),
                place=each.place,
            )
        )
    return SubGraph(
        name=table.text(12, "name"),
        tensors=tensors,
        inputs=numbers(table, 6, "inputs"),
        outputs=numbers(table, 8, "outputs"),
        operators=operators,
    )


def _read_tensor(table: Table, index: int, source: Bytes, buffers: Sequence[Table]) -> Tensor:
    code = table.scalar(6, "b", 0, "type")
    if code not in DTYPES:
        source.fail(f"{table.place}.type", f"there is no data type {code}")
    dtype = DTYPES[code]
    shape = _sizes(table.vector(4, np.int32, "shape"))
    # Open sizes stand here only; `shape` has 1 for them.
    stated = _sizes(table.vector(18, np.int32, "shape_signature"))
    if stated and len(stated) == len(shape):
        shape = stated
    data = _read_buffer(source, buffers, table.scalar(8, "I", 0, "buffer"), table.place)
    return Tensor(
        index=index,
        name=table.text(10, "name"),
        shape=shape,
        dtype=dtype,
        quantization=_read_quantization(table, dtype, shape, source),
        data=data if data.size else None,
        sparsity=table.table(16, "sparsity"),
        is_variable=bool(table.scalar(14, "b", 0, "is_variable")),
        place=table.place,
    )


def _sizes(values: Iterable[int]) -> tuple[int | None, ...]:
    return tuple(None if value < 0 else int(value) for value in values)


def _read_quantization(
    table: Table, dtype: str, shape: tuple[int | None, ...], source: Bytes
) -> Quantization | None:
    found = table.table(12, "quantization")
    if found is None or dtype not in _INTEGERS:
        return None
    scales = found.vector(8, np.float32, "scale")
    if not scales.size:
        return None
    zero_points = found.vector(10, np.int64, "zero_point")
    if not zero_points.size:
        zero_points = np.zeros(len(scales), np.int64)
    if len(zero_points) == 1:
        zero_points = np.repeat(zero_points, len(scales))
    axis = int(found.scalar(16, "i", 0, "quantized_dimension"))
    if len(zero_points) != len(scales):
        source.fail(found.place, f"{len(scales)} scales have {len(zero_points)} zero points")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        source.fail(found.place, f"{len(scales)} scales for axis {axis} of shape {shape}")
    if not (np.isfinite(scales).all() and (scales >= 0).all()):
        source.fail(found.place, "a scale is no positive number")
    return Quantization(scales=scales, zero_points=zero_points, axis=axis)


def _read_options(table: Table, source: Bytes) -> Any:
    """Return the options of an operator, an object of the generated classes; None without any."""
    for names, kind, slot in ((_OPTIONS_2, 26, 28), (_OPTIONS, 10, 12)):
        name = names.get(table.scalar(kind, "B", 0, "options"), "")
        options = table.table(slot, "options")
        if options is None or not hasattr(schema, f"{name}T"):
            continue
        reader = getattr(schema, name)()
        try:
            reader.Init(source.content, options.position)
            return getattr(schema, f"{name}T").InitFromObj(reader)
        except Exception as error:  # noqa: BLE001  # the generated code fails in any way it likes
            source.fail(options.place, f"{name} cannot be read ({type(error).__name__})")
    return None


def _read_custom_options(table: Table, source: Bytes) -> bytes:
    offset = table.scalar(22, "Q", 0, "large_custom_options_offset")
    size = table.scalar(24, "Q", 0, "large_custom_options_size")
    if offset > 1 and size:
        source.check(offset, size, table.place)
        return source.content[offset : offset + size]
    return bytes(table.vector(14, np.uint8, "custom_options"))


def _read_signature(table: Table, source: Bytes, subgraphs: Sequence[SubGraph]) -> SignatureDef:
    index = table.scalar(12, "I", 0, "subgraph_index")
    if index >= len(subgraphs):
        source.fail(table.place, f"there is no subgraph {index} (of {len(subgraphs)})")

    def names(slot: int, name: str) -> dict[str, int]:
        found = {}
        for each in table.tables(slot, name):
            number = each.scalar(6, "I", 0, "tensor_index")
            if number >= len(subgraphs[index].tensors):
                source.fail(each.place, f"there is no tensor {number}")
            found[each.text(4, "name")] = int(number)
        return found

    return SignatureDef(
        key=table.text(8, "signature_key"),
        inputs=names(4, "inputs"),
        outputs=names(6, "outputs"),
        subgraph=int(index),
    )
