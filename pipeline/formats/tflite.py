"""TensorFlow Lite models: one FlatBuffers file (.tflite)."""

from pipeline.formats.format import FUNCTION_FLAGS, GRAPH, Format, Route
from pipeline.formats.model_files import ModelFiles

# The file identifier of its schema, behind the offset of the root table:
# https://flatbuffers.dev/schema/ , "File Identification".
_IDENTIFIER = b"TFL3"


def _looks_like(files: ModelFiles) -> bool:
    return files.head[4:8] == _IDENTIFIER


TFLITE = Format(
    name="tflite",
    title="TensorFlow Lite model",
    expected="a TensorFlow Lite model (.tflite)",
    outputs={
        GRAPH: Route(
            convert="pipeline.tf.tflite.convert_tflite:convert_tflite",
            refer="pipeline.tf.tflite.tflite_reference:run_tflite",
            flags=FUNCTION_FLAGS | {"signature_name", "dequantize"},
        )
    },
    suffixes=(".tflite",),
    looks_like=_looks_like,
)
