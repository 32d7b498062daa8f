"""models.yaml as commands change it: entries are added at the end of its models."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from doit.exceptions import InvalidCommand

from pipeline.disk.files import write_atomic
from pipeline.errors import ManifestError
from pipeline.manifest.converter.append import append_entries
from pipeline.manifest.load import parse_manifest


def list_sources(manifest: Path) -> dict[str, str]:
    """Return the source of each model in a manifest by its name, as far as it can be read."""
    try:
        content = yaml.safe_load(manifest.read_text(encoding="utf-8"))
        return {str(model["name"]): str(model.get("source")) for model in content["models"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
        return {}


def taken_names(manifest: Path) -> set[str]:
    """Return the names of the models in a manifest, as far as it can be read."""
    return set(list_sources(manifest))


def append_models(manifest: Path, entries: Sequence[str]) -> None:
    """Add entries to a manifest, whose other text stays as it is; one that is not there is made.

    Raises:
        InvalidCommand: The manifest would not be valid, and stays as it is.
    """
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    try:
        added = append_entries(text, entries)
        parse_manifest(added, file=manifest.name)
    except ManifestError as error:
        raise InvalidCommand(f"{manifest.name} stays as it is:\n{error.describe()}") from None
    write_atomic(manifest, added.encode())
