"""Parts: downloads under way, each with what tells which state of its file it was begun from.

<key>.part         what has arrived
<key>.part.json    ETag and date of the file; absent when it cannot be gone on with
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.json_value import parse_json
from pipeline.errors import DamagedFileError
from pipeline.fetch.download_cache import Progress


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What tells one state of a file on a server from another."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def if_range(self) -> str | None:
        """Value of the If-Range header, None when no range may be asked for (RFC 9110, 13.1.5)."""
        if self.etag is not None:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified


# Brings a file to a part; None when it is still what the validators tell.
Receive = Callable[[Path, Validators | None, Progress], Validators | None]


def begin_part(part: Path, validators: Validators) -> None:
    """Note the state of the file that a new part is of; an older one goes."""
    discard_part(part)
    write_atomic(_sidecar(part), format_json(vars(validators)))


def load_validators(part: Path) -> Validators | None:
    """Return the state of the file that a part is of, None where it is not known."""
    try:
        content = _sidecar(part).read_bytes()
        value = parse_json(content, part.name, error=DamagedFileError)
        texts = {name: value.get(name) for name in vars(Validators())}
        return Validators(
            **{name: None if text.is_absent else text.text() for name, text in texts.items()}
        )
    except (FileNotFoundError, DamagedFileError):
        return None


def discard_part(part: Path) -> None:
    """Remove a part, its validators last: they must never describe another part."""
    for path in (part, _sidecar(part)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108


def _sidecar(part: Path) -> Path:
    return part.with_name(part.name + ".json")
