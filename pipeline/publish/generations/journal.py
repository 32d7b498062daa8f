"""A journal of uploads, for a publish that is ended midway.

Every few seconds the uploads since the last time go to a small file in `generations/pending/`.
The next publish reads these files and uploads only the rest, and a prune removes uploads that
no generation needs. A listing of the target could not replace the journal: it has names and
sizes, but no SHA-256, and it does not say which files a publish of ours wrote.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pipeline.disk.canonical import format_json
from pipeline.disk.typed_json import InsidePath, Number
from pipeline.errors import PublishError
from pipeline.publish.generations.generation import PublishedFile, Time
from pipeline.publish.headers import find_headers
from pipeline.publish.targets.stored_record import FOLDER, MAX_RECORD_BYTES, parse_record
from pipeline.publish.targets.target import Target

_FOLDER = f"{FOLDER}/pending"
_FLUSH_SECONDS = 3.0
_FLUSH_FILES = 200


@dataclass(frozen=True, kw_only=True)
class Pending:
    """The uploads of publishes that never ended.

    Attributes:
        files: The uploaded files, by path.
        since: The time in UTC when each was uploaded, by path.
        pieces: Paths of the journal's own files.
    """

    files: Mapping[str, PublishedFile] = field(default_factory=dict)
    since: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Upload(PublishedFile):
    since: Time


@dataclass(frozen=True, kw_only=True)
class _Piece:
    order: Number
    files: Mapping[InsidePath, _Upload]


def load_pending(target: Target, present: Mapping[str, int]) -> Pending:
    """Read the journals in a target; a piece that cannot be read counts as empty."""
    pieces = tuple(sorted(path for path in present if path.startswith(f"{_FOLDER}/")))
    uploads = []
    for piece in pieces:
        content = target.read(piece, limit=MAX_RECORD_BYTES)
        try:
            read = parse_record(_Piece, content or b"", where=piece)
        except PublishError:
            continue
        for path, upload in read.files.items():
            file = PublishedFile(
                bytes=upload.bytes, sha256=upload.sha256, immutable=upload.immutable
            )
            uploads.append((upload.since, read.order, path, file))
    uploads.sort(key=lambda upload: upload[:2])
    return Pending(
        files={path: file for _, _, path, file in uploads},
        since={path: since for since, _, path, _ in uploads},
        pieces=pieces,
    )


class Journal:
    """Notes uploads; used from one thread.

    Attributes:
        pieces: Paths of the files that the journal has written.
    """

    def __init__(self, target: Target) -> None:
        self.pieces: list[str] = []
        self._target = target
        self._name = uuid.uuid4().hex[:12]
        self._files: dict[str, dict[str, object]] = {}
        self._flushed = time.monotonic()

    def add(self, path: str, file: PublishedFile, *, since: str) -> None:
        """Note that a file was uploaded."""
        self._files[path] = {**asdict(file), "since": since}
        late = time.monotonic() - self._flushed >= _FLUSH_SECONDS
        if late or len(self._files) >= _FLUSH_FILES:
            self.flush()

    def flush(self) -> None:
        """Write the notes since the last flush to the target."""
        self._flushed = time.monotonic()
        if not self._files:
            return
        order = len(self.pieces) + 1
        piece = f"{_FOLDER}/{self._name}-{order:06d}.json"
        content = format_json({"order": order, "files": self._files})
        self._target.write(piece, content, find_headers(piece, immutable=False))
        self.pieces.append(piece)
        self._files = {}
