"""Records of many parts: a head, and a line for each part, so that they are written quickly."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pipeline.disk.line_object import join_fields, split_fields
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.errors import DamagedFileError
from pipeline.records.record import Part

H = TypeVar("H", bound=Part)
P = TypeVar("P", bound=Part)
_HEAD = ""


def save_lines(file: Path, head: Part, parts: Mapping[str, Part]) -> None:
    """Write a record of parts; their names are not empty."""
    assert _HEAD not in parts
    lines = {_HEAD: head, **parts}
    file.write_bytes(
        join_fields(
            {name: part.model_dump_json(by_alias=True).encode() for name, part in lines.items()}
        )
    )


def load_lines(file: Path, head: type[H], part: type[P]) -> tuple[H, dict[str, P]]:
    """Read a record of parts.

    Args:
        file: The file.
        head: Class of the head.
        part: Class of the parts.

    Raises:
        DamagedFileError: The file is not what was written.
        OSError: It cannot be read.
    """
    lines = split_fields(file.read_bytes()) or {}
    try:
        return parse_json(head, lines.pop(_HEAD, b"")), {
            name: parse_json(part, text) for name, text in lines.items()
        }
    except WrongJsonError as error:
        raise DamagedFileError(f"{file.name}: {error}", folder=file.parent) from None
