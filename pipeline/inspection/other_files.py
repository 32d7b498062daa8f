"""Other files: formats that cannot be looked into yet, told apart by how they begin.

A name can lie; the first bytes say what a file is.
"""

import zipfile
from pathlib import Path
from typing import Any

from pipeline.disk.files import total_size

_HEAD_BYTES = 64
_TITLES = {
    "keras": "Keras model in HDF5 (.h5)",
    "keras_keras": "Keras 3 model (.keras)",
    "onnx": "ONNX model",
    "tf_frozen_model": "frozen TensorFlow graph (GraphDef)",
    "tflite": "TensorFlow Lite model",
}


def inspect_other_file(path: Path, model_format: str) -> dict[str, Any]:
    """Describe a model that is not looked into: its format, its size, and what is odd of it."""
    return {
        "format": model_format,
        "bytes": total_size(path),
        "supported": False,
        "faults": list(_find_faults(path, model_format)),
    }


def format_title(model_format: str) -> str:
    """Return what people call a format."""
    return _TITLES.get(model_format, model_format)


def _find_faults(path: Path, model_format: str) -> list[str]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    looks = {
        "keras": head.startswith(b"\x89HDF\r\n\x1a\n"),
        "keras_keras": zipfile.is_zipfile(path),
        "tflite": head[4:8] == b"TFL3",
    }
    if looks.get(model_format, True):
        return []
    return [f"the name says {format_title(model_format)}, and the content is something else"]
