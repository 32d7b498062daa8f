"""JSON files of the build: written canonically, read as they are."""

import json
from pathlib import Path
from typing import Any

from pipeline.canonical import format_json


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def write_json(path: Path, content: Any) -> None:
    """Write a JSON value, keys sorted."""
    path.write_bytes(format_json(content))
