"""Formats of source models, told by their files; nothing of a model is loaded for it."""

import struct
import zipfile
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import decode_json
from pipeline.errors import FormatError
from pipeline.manifest.flags import LAYERS

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
HUB_MODULE_FILE = "tfhub_module.pb"
KERAS_FILE = "keras_metadata.pb"

# What else the same files may be read as; the manifest decides with `input_format:`.
_READ_AS = {
    "tf_saved_model": ("keras_saved_model", "tf_hub"),
    "tf_hub": ("tf_saved_model", "keras_saved_model"),
}
_SUFFIXES = {
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras_keras",
    ".pb": "tf_frozen_model",
    ".pbtxt": "tf_frozen_model",
    ".tflite": "tflite",
    ".onnx": "onnx",
}
_HDF5 = b"\x89HDF\r\n\x1a\n"  # https://docs.hdfgroup.org/hdf5/ , "Superblock"
_ZIP = b"PK\x03\x04"
_TFLITE = b"TFL3"  # the file identifier of its FlatBuffers schema, after four bytes
_KERAS_CONFIG = "config.json"
_NUM_LISTED = 6


def detect_format(
    path: Path, *, asked: str | None, name: str, output_format: str | None = None
) -> str:
    """Tell a model's format from its files.

    Args:
        path: The model's file or folder.
        name: What to call it in messages: the source as the user wrote it.
        asked: What the manifest says it is; None to tell it from the files alone.
        output_format: What it is to become: layers come from Keras alone, so that a SavedModel
            that Keras saved is read as such for them.

    Raises:
        FormatError: The files are of no known format, or not of the one asked for.
    """
    found = _detect(path)
    if found is None:
        raise FormatError(
            f"cannot tell the format of {name}{_describe(path)}; expected a SavedModel "
            "folder (saved_model.pb), a frozen graph (.pb), a Keras model (.h5, .keras) or a "
            "TensorFlow.js model.json",
            hint=_hint(path),
        )
    if asked is None and output_format == LAYERS and _is_of_keras(path):
        return "keras_saved_model"
    if asked is None or asked == found or asked in _READ_AS.get(found, ()):
        return asked or found
    raise FormatError(
        f"input_format: {asked}: the files are {found}",
        hint=f"set `input_format: {found}`, or leave it out",
    )


def _detect(path: Path) -> str | None:
    if path.is_dir():
        return _detect_folder(path)
    if path.suffix == ".json":
        return _detect_json(path)
    if path.name in SAVED_MODEL_FILES:
        return _detect_folder(path.parent)
    return _detect_content(path) or _SUFFIXES.get(path.suffix.lower())


def _detect_folder(folder: Path) -> str | None:
    if not any((folder / name).is_file() for name in SAVED_MODEL_FILES):
        return None
    return "tf_hub" if (folder / HUB_MODULE_FILE).is_file() else "tf_saved_model"


def _is_of_keras(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    return (folder / KERAS_FILE).is_file() and _detect_folder(folder) is not None


def _detect_content(path: Path) -> str | None:
    """Tell a format by a file's first bytes: what a file is called need not be what it is."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == _HDF5:
        return "keras"
    if start[4:8] == _TFLITE:
        return "tflite"
    if start.startswith(_ZIP) and _holds_keras(path):
        return "keras_keras"
    return None


def _holds_keras(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return _KERAS_CONFIG in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError):
        return False  # damaged, or of a kind that no model is


def _detect_json(path: Path) -> str | None:
    content = decode_json(path.read_bytes(), path.name).value
    if not isinstance(content, dict):
        return None
    topology = content.get("modelTopology")
    if content.get("format") == "layers-model" or _is_keras_model(topology):
        return "tfjs_layers_model"
    return "tfjs_graph_model" if topology is not None or "weightsManifest" in content else None


def _is_keras_model(topology: Any) -> bool:
    return isinstance(topology, dict) and ("model_config" in topology or "config" in topology)


def _describe(path: Path) -> str:
    if not path.is_dir():
        return ""
    names = sorted(child.name for child in path.iterdir())
    return f" (holds {', '.join(names[:_NUM_LISTED])}{', …' if len(names) > _NUM_LISTED else ''})"


def _hint(path: Path) -> str:
    """Say what to write instead: the models in a folder, where there are any."""
    if path.is_dir():
        found = [str(file.relative_to(path)) for file in _find_models(path)]
        if found:
            return f"point `source:` at one of {', '.join(found[:_NUM_LISTED])}"
    return "point `source:` at the model itself with #path, or set `input_format:`"


def _find_models(folder: Path) -> list[Path]:
    names = {*SAVED_MODEL_FILES, "model.json"}
    found = [
        path.parent if path.name in SAVED_MODEL_FILES else path
        for path in sorted(folder.rglob("*"))
        if path.name in names or path.suffix.lower() in _SUFFIXES
    ]
    return [path for path in found if path != folder]
