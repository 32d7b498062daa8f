"""Conversion of a source of a known format into a base, along its route."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import parse_foreign_json
from pipeline.engine.step import Work
from pipeline.errors import FormatError
from pipeline.formats.table import INPUT_FORMATS, ROUTES, find_format, model_path, normalize_source
from pipeline.manifest.flags import check_flags, choose_output_format

_NOT_FLAGS = {"input_format", "output_format", "asked", "metadata", "use_structured_outputs_names"}


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
    if source_format not in INPUT_FORMATS:
        raise FormatError(
            f"{source_format} cannot be converted; expected {', '.join(INPUT_FORMATS)}",
            hint=find_format(source_format).hint,
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
    source = model_path(path, source_format)
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
            loaded[name] = parse_foreign_json((root / value).read_bytes(), value).value
        except (OSError, FormatError) as error:
            reason = f"{value}: {error.strerror}" if isinstance(error, OSError) else error.message
            raise FormatError(
                f"metadata.{name}: {reason}; expected a JSON file",
                hint="its path is relative to models.yaml; a mapping can stand there as it is",
            ) from None
    return loaded
