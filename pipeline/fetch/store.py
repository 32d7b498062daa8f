"""The store of downloads: files by content, shared by all zoos, processes and threads.

    blobs/<2 digits>/<sha256>     a file, read-only, named by its content
    index/<sha256 of key>.json    which blob answers a request ("npm:name@1.2.3", a URL)
    parts/<sha256 of key>.part    a download under way, with its validators in .part.json
    lists/<sha256 of key>.json    what was learnt once: members of an archive, files of a release
    locks/<sha256 of key>         held while a key is being fetched

A blob lands by rename, so it is whole or absent, and is digested again before a process uses
it for the first time; a damaged one counts as absent. Removing any of it is safe.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.canonical import format_json
from pipeline.errors import DiskError
from pipeline.files import digest_file, write_atomic
from pipeline.layout import CACHE_VARIABLE

Progress = Callable[[int, int | None], None]

CHUNK_BYTES = 1024 * 1024
HINT_DISK = f"free space there, or name another folder for downloads in {CACHE_VARIABLE}"

_locks: dict[Path, threading.Lock] = {}
_locks_guard = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What answers a request.

    Attributes:
        key: The request, without credentials.
        sha256: Name of the blob.
        etag: What the server said, to ask later whether it changed.
        last_modified: The same, as a date.
    """

    key: str
    sha256: str
    etag: str | None = None
    last_modified: str | None = None


class Readable(Protocol):
    """What is read from its beginning to its end."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""
        ...  # pragma: no cover


class Store:
    """The folder of downloads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, sha256: str) -> Path:
        """Return where a blob lies, or would lie."""
        return self.folder / "blobs" / sha256[:2] / sha256

    def part(self, key: str) -> Path:
        """Return where a request's download grows; its folder is made."""
        return self._place("parts", key, ".part")

    def has(self, sha256: str) -> bool:
        """Tell whether a blob is there and sound; remove it when damaged."""
        path = self.blob(sha256)
        try:
            sound = digest_file(path) == sha256
        except FileNotFoundError:
            return False
        if not sound:
            path.unlink(missing_ok=True)
        return sound

    def find(self, key: str) -> Entry | None:
        """Return what answers a request, None when it has to be fetched."""
        content = self._read("index", key)
        if content is None or not self.has(content["sha256"]):
            return None
        return Entry(**content)

    def land(self, entry: Entry, part: Path) -> None:
        """Turn a download into a blob, and remember what it answers."""
        self._adopt(part, entry.sha256)
        write_atomic(self._place("index", entry.key, ".json"), format_json(asdict(entry)))

    def forget(self, key: str) -> None:
        """Let a request be fetched again."""
        self._place("index", key, ".json").unlink(missing_ok=True)

    def add(self, file: Readable) -> str:
        """Store what is read from a file to its end; return its SHA-256."""
        digest = hashlib.sha256()
        folder = self._make("parts")
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as target:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
            self._adopt(Path(name), digest.hexdigest())
        finally:
            Path(name).unlink(missing_ok=True)
        return digest.hexdigest()

    def load_list(self, key: str) -> Any:
        """Return what was learnt under a key, None when nothing was."""
        return self._read("lists", key)

    def keep_list(self, key: str, value: Any) -> None:
        """Remember a JSON value under a key."""
        write_atomic(self._place("lists", key, ".json"), format_json(value))

    def forget_list(self, key: str) -> None:
        """Let what was learnt under a key be asked for again."""
        self._place("lists", key, ".json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key against other threads and processes; a killed holder lets go."""
        path = self._place("locks", key, "")
        with _locks_guard:
            inner = _locks.setdefault(path, threading.Lock())
        # The inner lock is for network file systems, where file locks are per process.
        with inner, path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _adopt(self, file: Path, sha256: str) -> None:
        target = self.blob(sha256)
        self._make(f"blobs/{sha256[:2]}")
        file.chmod(0o444)  # a build's files are links to it: an edit in place would reach all
        file.replace(target)

    def _read(self, kind: str, key: str) -> Any:
        try:
            return json.loads(self._place(kind, key, ".json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _place(self, kind: str, key: str, suffix: str) -> Path:
        return self._make(kind) / (hashlib.sha256(key.encode()).hexdigest() + suffix)

    def _make(self, name: str) -> Path:
        """Return one of the store's folders, which is made.

        Raises:
            DiskError: It cannot be.
        """
        folder = self.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskError(
                f"the cache: its folder cannot be made: {error.strerror}", hint=HINT_DISK
            ) from None
        return folder
