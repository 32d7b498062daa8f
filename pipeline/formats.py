"""Formats of source models: told by their files, and converted by a function each.

A new input format is a function here and a line in `_CONVERTERS`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import FormatError
from pipeline.manifest.flags import check_flags, choose_output_format
from pipeline.steps.step import Work

_SUFFIXES = {
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras_keras",
    ".pb": "tf_frozen_model",
    ".tflite": "tflite",
    ".onnx": "onnx",
}
_FLAGS_OF_TENSORFLOW = (
    "signature_name",
    "saved_model_tags",
    "skip_op_check",
    "strip_debug_ops",
    "control_flow_v2",
    "weight_shard_size_bytes",
    "experiments",
    "trust",
)


def detect_format(path: Path, *, asked: str | None, name: str) -> str:
    """Tell a model's format from its files.

    Args:
        path: The model's file or folder.
        name: What to call it in messages: the source as the user wrote it.
        asked: What the manifest says it is; None to tell it from the files alone.

    Raises:
        FormatError: The files are of no known format, or not of the one asked for.
    """
    found = _detect(path)
    if found is None:
        raise FormatError(
            f"cannot tell the format of {name}{_describe(path)}; expected a SavedModel "
            "folder (saved_model.pb) or a TensorFlow.js model.json",
            hint="point `source:` at the model itself with #path, or set `input_format:`",
        )
    if asked is not None and asked != found:
        raise FormatError(
            f"input_format: {asked}: the files are {found}",
            hint=f"set `input_format: {found}`, or leave it out",
        )
    return found


def check_formats(parameters: Mapping[str, Any], source_format: str) -> None:
    """Check what a model asks for against the format that its source turned out to have.

    Args:
        parameters: The manifest's `output_format`, and the flags `asked` for.
        source_format: Format of the files.

    Raises:
        FormatError: A flag does not apply, or the output format cannot be made of it.
    """
    if source_format not in _CONVERTERS:
        raise FormatError(
            f"{source_format} cannot be converted yet; expected {' or '.join(_CONVERTERS)}",
            hint="convert the model to a SavedModel first and take that as the source",
        )
    output_format = choose_output_format(parameters["output_format"], source_format)
    misfits = check_flags(
        parameters["asked"], input_format=source_format, output_format=output_format
    )
    if misfits:
        raise FormatError("; ".join(misfits), hint="take it out of the model in models.yaml")


def load_metadata(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return the values of `metadata:`, those that are paths read from their JSON files.

    Raises:
        FormatError: A file is not there, or no JSON.
    """
    loaded = {}
    for name, value in values.items():
        if not isinstance(value, str):
            loaded[name] = value
            continue
        try:
            loaded[name] = json.loads((root / value).read_bytes())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise FormatError(
                f"metadata.{name}: {value}: {reason}; expected a JSON file",
                hint="its path is relative to models.yaml; a mapping can stand there as it is",
            ) from None
    return loaded


def convert_source(work: Work, path: Path, source_format: str) -> dict[str, Any]:
    """Convert a model of a known format into a base in `work.folder`; return its record."""
    return _CONVERTERS[source_format](work, path)


def _detect(path: Path) -> str | None:
    if path.is_dir():
        return "tf_saved_model" if _is_saved_model(path) else None
    if path.suffix == ".json":
        return _detect_json(path)
    if path.name == "saved_model.pb":
        return "tf_saved_model"
    return _SUFFIXES.get(path.suffix.lower())


def _is_saved_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt"))


def _detect_json(path: Path) -> str | None:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise FormatError(f"{path.name} is no JSON: {error}") from None
    if not isinstance(content, dict):
        return None
    topology = content.get("modelTopology")
    if content.get("format") == "layers-model":
        return "tfjs_layers_model"
    if isinstance(topology, dict) and ("model_config" in topology or "config" in topology):
        return "tfjs_layers_model"
    return "tfjs_graph_model" if topology is not None or "weightsManifest" in content else None


def _describe(path: Path) -> str:
    if not path.is_dir():
        return ""
    names = sorted(child.name for child in path.iterdir())
    return f" (holds {', '.join(names[:6])}{', …' if len(names) > 6 else ''})"  # noqa: PLR2004


def _convert_saved_model(work: Work, path: Path) -> dict[str, Any]:
    work.uses("tensorflow", "tensorflowjs", "numpy")
    record: dict[str, Any] = work.run_in_tensorflow(
        "pipeline.tf.saved_model:convert_saved_model",
        source=path.parent if path.name == "saved_model.pb" else path,
        folder=work.folder,
        flags={name: work.parameters[name] for name in _FLAGS_OF_TENSORFLOW},
    )
    return record


def _normalize_graph_model(work: Work, path: Path) -> dict[str, Any]:
    from pipeline.tfjs.normalize import normalize_graph_model  # noqa: PLC0415  # needs numpy

    return normalize_graph_model(
        source=path,
        folder=work.folder,
        shard_size_bytes=work.parameters["weight_shard_size_bytes"],
    )


_CONVERTERS: dict[str, Callable[[Work, Path], dict[str, Any]]] = {
    "tf_saved_model": _convert_saved_model,
    "tfjs_graph_model": _normalize_graph_model,
}
