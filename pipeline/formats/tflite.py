"""TensorFlow Lite models: one FlatBuffers file (.tflite). They are recognized, not converted."""

from pipeline.formats.format import Format
from pipeline.formats.model_files import ModelFiles

# The file identifier of its schema, behind the offset of the root table:
# https://flatbuffers.dev/schema/ , "File Identification".
_IDENTIFIER = b"TFL3"


def _looks_like(files: ModelFiles) -> bool:
    return files.head[4:8] == _IDENTIFIER


TFLITE = Format(
    name="tflite",
    title="TensorFlow Lite model",
    suffixes=(".tflite",),
    looks_like=_looks_like,
    hint="take the model that it was made from: a TensorFlow Lite file has lost what "
    "TensorFlow.js needs",
)
