"""A journal of uploads: what a publish that is ended midway has brought to its place.

Every few seconds what was uploaded since goes to a small file in `generations/pending/`. The
next publish finds it there and uploads only the rest.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pipeline.disk.canonical import format_json
from pipeline.disk.typed_json import InsidePath, Number
from pipeline.errors import PublishError
from pipeline.publish.generation import FOLDER, PublishedFile, Time
from pipeline.publish.headers import find_headers
from pipeline.publish.stored_record import MAX_RECORD_BYTES, parse_record
from pipeline.publish.target import Target

_FOLDER = f"{FOLDER}/pending"
_FLUSH_SECONDS = 3.0
_FLUSH_FILES = 200


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What publishes that never ended have uploaded.

    Attributes:
        files: The files, by path.
        since: When each was uploaded, in UTC, by path.
        pieces: Files of the journal itself.
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
    """Read the journals in a place; a piece that cannot be read tells nothing."""
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
    """Writes down what is uploaded; used from one thread.

    Attributes:
        pieces: The files that it wrote.
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
        """Bring what was noted to the place."""
        self._flushed = time.monotonic()
        if not self._files:
            return
        order = len(self.pieces) + 1
        piece = f"{_FOLDER}/{self._name}-{order:06d}.json"
        content = format_json({"order": order, "files": self._files})
        self._target.write(piece, content, find_headers(piece, immutable=False))
        self.pieces.append(piece)
        self._files = {}
