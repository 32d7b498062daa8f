"""The store of downloads: files by content, shared by all zoos, processes and threads.

    blobs/<2 digits>/<sha256>     a file, read-only, named by its content
    index/<sha256 of key>.json    which blob answers a request ("npm:name@1.2.3", a URL)
    parts/<sha256 of key>.part    a download under way, with its validators in .part.json
    parts/*.tmp                   a member of an archive on its way to be a blob
    lists/<sha256 of key>.json    what was learnt once: members of an archive, files of a release
    locks/<sha256 of key>         held while a key is being fetched

A blob lands by rename, so it is whole or absent, and is digested again before a process uses
it for the first time; a damaged one counts as absent, and so does a record that is not as it
was written. Removing any of it is safe. What killed processes leave is swept by
`pipeline.fetch.expiry`.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, write_atomic
from pipeline.disk.json_value import JsonValue, parse_foreign_json
from pipeline.disk.layout import CACHE_VARIABLE
from pipeline.errors import DamagedFileError, DiskError

Progress = Callable[[int, int | None], None]

CHUNK_BYTES = 1024 * 1024
HINT_DISK = f"free space there, or name another folder for downloads in {CACHE_VARIABLE}"

_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")

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


def is_digest(text: str) -> bool:
    """Tell whether a text is a SHA-256 as blobs are named by."""
    return _SHA256.fullmatch(text) is not None


def _parse_entry(value: JsonValue) -> Entry:
    texts = {name: value.get(name) for name in ("etag", "last_modified")}
    return Entry(
        key=value.get("key").text(),
        sha256=value.get("sha256").text(),
        **{name: None if text.is_absent else text.text() for name, text in texts.items()},
    )


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
        if not is_digest(sha256):
            return False  # of a server that lies: no path is made of it
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
        entry = self._read("index", key, _parse_entry)
        return entry if entry is not None and self.has(entry.sha256) else None

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
        handle, name = self._open_temporary()
        try:
            with os.fdopen(handle, "wb") as target:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
            self._adopt(Path(name), digest.hexdigest())
        finally:
            Path(name).unlink(missing_ok=True)
        return digest.hexdigest()

    def load_list(self, key: str, parse: Callable[[JsonValue], T]) -> T | None:
        """Return what was learnt under a key, None when nothing was, or it cannot be read.

        Args:
            key: What it was kept under.
            parse: Makes our type of it; raises DamagedFileError, as the value does, where it
                is not what was kept.
        """
        return self._read("lists", key, parse)

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
        # The inner lock is for network file systems, where file locks are per process. Why no
        # library for locks: see pipeline.disk.lock.
        with inner, contextlib.ExitStack() as stack:
            while True:
                file = stack.enter_context(path.open("wb"))
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_nlink:
                    break
                stack.close()  # it was swept between its opening and its locking
            yield

    def _open_temporary(self) -> tuple[int, str]:
        """Return a new file that is locked for as long as it is open, and its path."""
        folder = self._make("parts")
        while True:
            handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return handle, name
            os.close(handle)  # it was swept between its making and its locking

    def _adopt(self, file: Path, sha256: str) -> None:
        target = self.blob(sha256)
        self._make(f"blobs/{sha256[:2]}")
        file.chmod(0o444)  # a build's files are links to it: an edit in place would reach all
        file.replace(target)

    def _read(self, kind: str, key: str, parse: Callable[[JsonValue], T]) -> T | None:
        try:
            content = self._place(kind, key, ".json").read_bytes()
            return parse(parse_foreign_json(content, key, error=DamagedFileError))
        except (FileNotFoundError, DamagedFileError):
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
