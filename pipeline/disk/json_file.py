"""JSON files of the build: written canonically, and read without trust in the disk.

A file of ours that is empty, cut off or otherwise damaged counts as lost, and is made again.
"""

from pathlib import Path
from typing import Any

from pipeline.disk.canonical import format_json
from pipeline.disk.json_value import JsonValue, decode_json
from pipeline.errors import DamagedFileError, FormatError


def load_json(path: Path) -> JsonValue | None:
    """Read a JSON file that may be lost; return None if it is lost or damaged.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        return decode_json(path.read_bytes(), path.name)
    except (FileNotFoundError, FormatError):
        return None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that must exist.

    Raises:
        DamagedFileError: The file holds no JSON object: "source.json: 3; expected an object".
        OSError: The file cannot be read.
    """
    document = decode_json(path.read_bytes(), path.name, error=DamagedFileError)
    if not isinstance(document.value, dict):
        document.refuse("an object")
    return document.value


def write_json(path: Path, content: Any) -> None:
    """Write a JSON value, keys sorted."""
    path.write_bytes(format_json(content))
