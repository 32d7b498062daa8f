"""Metadata of TensorFlow Lite Support, written into small files for tests.

The slots are those of metadata_schema.fbs; a field is (slot, kind, value).
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

Fields = Sequence[tuple[int, str, Any]]

ABOUT: Fields = (
    (0, "text", "Five things"),
    (1, "text", "Tells five things apart."),
    (2, "text", "v2"),
    (4, "text", "Somebody"),
    (5, "text", "Apache License. Version 2.0 http://www.apache.org/licenses/LICENSE-2.0."),
)


def normalization(mean: Sequence[float], std: Sequence[float]) -> Fields:
    """Return the fields of a process unit that normalizes a picture."""
    options: Fields = ((0, "floats", mean), (1, "floats", std))
    return ((0, "byte", 1), (1, "table", options))


def picture(mean: Sequence[float], std: Sequence[float], *, color: int = 1) -> Fields:
    """Return the fields of an input that is a picture: `color` is 1 for rgb, 2 for gray."""
    content: Fields = ((0, "byte", 2), (1, "table", ((0, "byte", color),)))
    units = [normalization(mean, std)]
    return ((0, "text", "image"), (3, "table", content), (4, "tables", units))


def labeled(*files: tuple[str, int, str]) -> Fields:
    """Return the fields of an output with files of labels: name, kind, locale."""
    listed = [
        ((0, "text", name), (2, "byte", kind), (3, "text", lang)) for name, kind, lang in files
    ]
    return ((0, "text", "score"), (6, "tables", listed))


def add_metadata(
    content: bytes,
    *,
    about: Fields = ABOUT,
    inputs: Sequence[Fields] = (),
    outputs: Sequence[Fields] = (),
    files: Mapping[str, str] | None = None,
) -> bytes:
    """Return a file with metadata, and with an archive of files behind it."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(content), 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    graph: Fields = ((2, "tables", inputs), (3, "tables", outputs))
    buffer.data = np.frombuffer(_write((*about, (3, "tables", [graph]))), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    written = io.BytesIO()
    written.write(bytes(builder.Output()))
    if files:
        with zipfile.ZipFile(written, "a") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    return written.getvalue()


def _write(fields: Fields) -> bytes:
    builder = flatbuffers.Builder(256)
    builder.Finish(_table(builder, fields), b"M001")
    return bytes(builder.Output())


def _table(builder: Any, fields: Fields) -> int:
    made = [(slot, kind, _value(builder, kind, value)) for slot, kind, value in fields]
    builder.StartObject(8)
    for slot, kind, value in made:
        if kind == "byte":
            builder.PrependUint8Slot(slot, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    end: int = builder.EndObject()
    return end


def _value(builder: Any, kind: str, value: Any) -> Any:
    match kind:
        case "text":
            return builder.CreateString(value)
        case "floats":
            return builder.CreateNumpyVector(np.array(value, np.float32))
        case "table":
            return _table(builder, value)
        case "tables":
            offsets = [_table(builder, each) for each in value]
            builder.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                builder.PrependUOffsetTRelative(offset)
            return builder.EndVector()
        case _:
            return value
