"""Partial files: downloads under way, each with the state of the file that it was begun from.

<key>.part         the bytes that have arrived
<key>.part.json    ETag and date of the file; absent if the download cannot go on
"""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.json_value import parse_foreign_json
from pipeline.errors import DamagedFileError
from pipeline.fetch.disk_room import Room
from pipeline.fetch.download_cache import Progress


@dataclass(frozen=True, kw_only=True)
class Validators:
    """The state of a file on its server: its ETag and its date, as far as they are known."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def if_range(self) -> str | None:
        """Value of the If-Range header, None if no range may be asked for (RFC 9110, 13.1.5)."""
        if self.etag is not None:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified


def begin_part(part: Path, validators: Validators) -> None:
    """Remove an older part, and note the state of the file that the new part belongs to."""
    discard_part(part)
    write_atomic(_sidecar(part), format_json(vars(validators)))


def load_validators(part: Path) -> Validators | None:
    """Return the state of the file that a part belongs to, None if it is not known."""
    try:
        content = _sidecar(part).read_bytes()
        value = parse_foreign_json(content, part.name, error=DamagedFileError)
        texts = {name: value.get(name) for name in vars(Validators())}
        return Validators(
            **{name: None if text.is_absent else text.text() for name, text in texts.items()}
        )
    except (FileNotFoundError, DamagedFileError):
        return None


def append_chunks(
    part: Path, chunks: Iterable[bytes], *, total: int | None, shown: str, progress: Progress
) -> None:
    """Write chunks at the end of a part.

    Args:
        part: The part; it is made if it is not there.
        chunks: The bytes that follow those of the part.
        total: Size of the whole file in bytes, None if it is not known.
        shown: The file as messages name it.
        progress: Called with the bytes that the part has, and with `total`.

    Raises:
        UntrustedSourceError: The file is larger than any model.
        DiskError: The disk has no room for the file.
    """
    room = Room(part.parent, shown=shown, disk="the cache")
    with part.open("ab", buffering=0) as file:
        done = file.tell()
        progress(done, total)
        room.check(total or 0, written=done)
        for chunk in chunks:
            room.check(max(total or 0, done + len(chunk)), written=done)
            file.write(chunk)
            done += len(chunk)
            progress(done, total)


def discard_part(part: Path) -> None:
    """Remove a part, and its validators last: they must never describe another part."""
    for path in (part, _sidecar(part)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108  # a part that is not there is the usual case


def _sidecar(part: Path) -> Path:
    return part.with_name(part.name + ".json")
