"""Metadata of a TensorFlow Lite file: what the author says of the model and of its ends.

A buffer of the file named TFLITE_METADATA has it, by the schema of TensorFlow Lite Support
(metadata_schema.fbs); files that it names, such as labels, stand in a zip archive behind the
model. This module opens no file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.errors import FormatError
from pipeline.tf.tflite.flatbuffer import Bytes, Table
from pipeline.tf.tflite.tflite_model import Tensor, TfliteModel
from pipeline.tf.tflite.tflite_signature import Ends

_BUFFER = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_NORMALIZATION = 1
_BYTE = 255.0
_WHOLE = {"int8": (-128.0, 127.0), "uint8": (0.0, 255.0), "int16": (-32768.0, 32767.0)}


@dataclass(frozen=True, kw_only=True)
class TensorMetadata:
    """What the metadata says of an input or output.

    Attributes:
        name: Its name there.
        description: A sentence.
        low: Least value of a normalized picture, or None.
        high: Greatest value of it, or None.
    """

    name: str
    description: str
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the metadata says of a model."""

    name: str
    description: str
    version: str
    author: str
    license: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def read_metadata(model: TfliteModel) -> Metadata | None:
    """Return the metadata of a file; None where it has none, or none that can be read."""
    content = model.metadata.get(_BUFFER)
    if content is None or bytes(content[4:8]) != _IDENTIFIER:
        return None
    source = Bytes(content=content.tobytes(), name=f"the metadata of {model.bytes.name}")
    try:
        return _read(source.root())
    except FormatError:
        return None  # it is beside the model, which is sound


def _read(root: Table) -> Metadata:
    graphs = root.tables(10, "subgraph_metadata")
    return Metadata(
        name=root.text(4, "name"),
        description=root.text(6, "description"),
        version=root.text(8, "version"),
        author=root.text(12, "author"),
        license=root.text(14, "license"),
        inputs=tuple(_read_tensors(graphs[0], 8)) if graphs else (),
        outputs=tuple(_read_tensors(graphs[0], 10)) if graphs else (),
    )


def _read_tensors(graph: Table, slot: int) -> Iterator[TensorMetadata]:
    for table in graph.tables(slot, "tensor_metadata"):
        low = high = None
        for unit in table.tables(12, "process_units"):
            options = unit.table(6, "options")
            if unit.scalar(4, "B", 0, "options_type") == _NORMALIZATION and options is not None:
                mean = options.vector(4, np.float32, "mean")
                std = options.vector(6, np.float32, "std")
                if mean.size and std.size and std.all():
                    low, high = float((-mean / std).min()), float(((_BYTE - mean) / std).max())
        yield TensorMetadata(
            name=table.text(4, "name"), description=table.text(6, "description"), low=low, high=high
        )


def find_ranges(ends: Ends, metadata: Metadata | None) -> Mapping[str, tuple[float, float]] | None:
    """Return the range of the values of inputs, by name: of their dtype, or of their metadata."""
    ranges = {
        name: _WHOLE[tensor.dtype] for name, tensor in ends.inputs.items() if _is_quantized(tensor)
    }
    if metadata is not None and len(metadata.inputs) == len(ends.inputs):
        for name, stated in zip(ends.inputs, metadata.inputs, strict=True):
            if ends.inputs[name].dtype == "float32" and stated.low is not None:
                assert stated.high is not None
                ranges[name] = (stated.low, stated.high)
    return ranges or None


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.quantization is not None and tensor.dtype in _WHOLE
