"""Conversion of a source of a known format into a base, along its route."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import parse_json
from pipeline.engine.step import Work
from pipeline.errors import FormatError
from pipeline.formats.detect import SAVED_MODEL_FILES
from pipeline.formats.routes import ROUTES
from pipeline.manifest.flags import check_flags, choose_output_format

_NOT_FLAGS = {"input_format", "output_format", "asked", "metadata", "use_structured_outputs_names"}
# What to do with a format that is told but that nothing here converts.
_ELSEWHERE = {
    "tflite": "take the model that it was made from: a TensorFlow Lite file has lost what "
    "TensorFlow.js needs",
    "onnx": "export a SavedModel from the original framework, or with onnx2tf, and take that "
    "as the source",
}


def check_formats(parameters: Mapping[str, Any], source_format: str) -> str:
    """Check what a model asks for against the format that its source turned out to have.

    Args:
        parameters: The manifest's `output_format`, and the flags `asked` for.
        source_format: Format of the files.

    Returns:
        The format to publish.

    Raises:
        FormatError: A flag does not apply, or the output format cannot be made of it.
    """
    inputs = dict.fromkeys(input_format for input_format, _ in ROUTES)
    if source_format not in inputs:
        raise FormatError(
            f"{source_format} cannot be converted; expected {', '.join(inputs)}",
            hint=_ELSEWHERE.get(source_format),
        )
    output_format = choose_output_format(parameters["output_format"], source_format)
    misfits = check_flags(
        parameters["asked"], input_format=source_format, output_format=output_format
    )
    if misfits:
        raise FormatError("; ".join(misfits), hint="take it out of the model in models.yaml")
    return output_format


def convert_source(
    work: Work, path: Path, *, source_format: str, output_format: str
) -> dict[str, Any]:
    """Write the base of a model into `work.folder`; return its source record."""
    route = ROUTES[source_format, output_format]
    work.uses(*route.tools)
    flags = {name: value for name, value in work.parameters.items() if name not in _NOT_FLAGS}
    source = model_path(path)
    if route.needs_tensorflow:
        record = work.run_in_tensorflow(
            route.convert, source=source, folder=work.folder, flags=flags
        )
    else:
        record = normalize_source(
            source_format,
            source=source,
            folder=work.folder,
            shard_size_bytes=flags["weight_shard_size_bytes"],
        )
    return {"repairs": [], **record, "format": source_format, "output_format": output_format}


def normalize_source(
    source_format: str, *, source: Path, folder: Path, shard_size_bytes: int
) -> dict[str, Any]:
    """Write a TensorFlow.js model as a base of its own format, otherwise as it is."""
    # Imported where it is met: numpy takes its time.
    module, _, function = ROUTES[source_format, source_format].convert.partition(":")
    normalize = getattr(importlib.import_module(module), function)
    record: dict[str, Any] = normalize(
        source=source, folder=folder, shard_size_bytes=shard_size_bytes
    )
    return record


def model_path(path: Path) -> Path:
    """Return what a model is opened by: of a SavedModel its folder."""
    return path.parent if path.name in SAVED_MODEL_FILES else path


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
            loaded[name] = parse_json((root / value).read_bytes(), value).value
        except (OSError, FormatError) as error:
            reason = f"{value}: {error.strerror}" if isinstance(error, OSError) else error.message
            raise FormatError(
                f"metadata.{name}: {reason}; expected a JSON file",
                hint="its path is relative to models.yaml; a mapping can stand there as it is",
            ) from None
    return loaded
