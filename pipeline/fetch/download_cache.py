"""The store of downloads: files by content, shared by all zoos, processes and threads.

    blobs/<2 digits>/<sha256>     a file, read-only, named by its content
    index/<sha256 of key>.json    the blob of a request ("npm:name@1.2.3", a URL)
    parts/<sha256 of key>.part    a download under way, with its validators in .part.json
    parts/*.tmp                   a member of an archive, before it becomes a blob
    lists/<sha256 of key>.json    a listing: members of an archive, files of a release
    locks/<sha256 of key>         locked while a key is being fetched

A blob comes by rename, so it is whole or absent. A process digests a blob again before its first
use. A damaged blob or record counts as absent. Any file may be removed at any time.
`pipeline.fetch.expiry` sweeps the files that killed processes leave.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

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
    """The record of a downloaded file.

    Attributes:
        key: The request, without credentials.
        sha256: Name of the blob.
        etag: The server's ETag, to ask later if the file has changed.
        last_modified: The server's date of the file, for the same purpose.
    """

    key: str
    sha256: str
    etag: str | None = None
    last_modified: str | None = None


def is_digest(text: str) -> bool:
    """Return whether a text is a SHA-256 in the form of a blob's name."""
    return _SHA256.fullmatch(text) is not None


def _parse_entry(value: JsonValue) -> Entry:
    texts = {name: value.get(name) for name in ("etag", "last_modified")}
    return Entry(
        key=value.get("key").text(),
        sha256=value.get("sha256").text(),
        **{name: None if text.is_absent else text.text() for name, text in texts.items()},
    )


class Store:
    """The folder of downloads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, sha256: str) -> Path:
        """Return the path of a blob, whether the store has it or not."""
        return self.folder / "blobs" / sha256[:2] / sha256

    def part(self, key: str) -> Path:
        """Return the path of a request's partial file; its folder is made."""
        return self._path("parts", key, ".part")

    def has(self, sha256: str) -> bool:
        """Return whether the store has a sound blob; a damaged one is removed."""
        if not is_digest(sha256):
            return False  # from a server that lies; it must not become a path
        path = self.blob(sha256)
        try:
            sound = digest_file(path) == sha256
        except FileNotFoundError:
            return False
        if not sound:
            path.unlink(missing_ok=True)
        return sound

    def find(self, key: str) -> Entry | None:
        """Return the record of a request, None if the file has to be fetched."""
        entry = self._read("index", key, _parse_entry)
        return entry if entry is not None and self.has(entry.sha256) else None

    def land(self, entry: Entry, part: Path) -> None:
        """Turn a download into a blob, and keep its record."""
        self._adopt(part, entry.sha256)
        write_atomic(self._path("index", entry.key, ".json"), format_json(asdict(entry)))

    def forget(self, key: str) -> None:
        """Remove the record of a request, so that it is fetched again."""
        self._path("index", key, ".json").unlink(missing_ok=True)

    def add(self, chunks: Iterable[bytes]) -> str:
        """Store a file that comes in chunks; return its SHA-256."""
        digest = hashlib.sha256()
        handle, name = self._open_temporary()
        try:
            with os.fdopen(handle, "wb") as target:
                for chunk in chunks:
                    digest.update(chunk)
                    target.write(chunk)
            self._adopt(Path(name), digest.hexdigest())
        finally:
            Path(name).unlink(missing_ok=True)
        return digest.hexdigest()

    def load_list(self, key: str, parse: Callable[[JsonValue], T]) -> T | None:
        """Return the listing of a key, None if there is none or it is damaged.

        Args:
            key: The key.
            parse: Makes our type of the JSON; raises DamagedFileError for any other JSON, as
                the value itself does.
        """
        return self._read("lists", key, parse)

    def keep_list(self, key: str, value: Any) -> None:
        """Keep a listing under a key."""
        write_atomic(self._path("lists", key, ".json"), format_json(value))

    def forget_list(self, key: str) -> None:
        """Remove the listing of a key, so that it is asked for again."""
        self._path("lists", key, ".json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock a key against other threads and processes; the system unlocks it after a kill."""
        path = self._path("locks", key, "")
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
                stack.close()  # the file was swept after it was opened and before it was locked
            yield

    def _open_temporary(self) -> tuple[int, str]:
        """Return the handle and path of a new file, which is locked while it is open."""
        folder = self._make("parts")
        while True:
            handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return handle, name
            os.close(handle)  # the file was swept after it was made and before it was locked

    def _adopt(self, file: Path, sha256: str) -> None:
        target = self.blob(sha256)
        self._make(f"blobs/{sha256[:2]}")
        file.chmod(0o444)  # files of builds are links to it, so that an edit would change all
        file.replace(target)

    def _read(self, kind: str, key: str, parse: Callable[[JsonValue], T]) -> T | None:
        try:
            content = self._path(kind, key, ".json").read_bytes()
            return parse(parse_foreign_json(content, key, error=DamagedFileError))
        except (FileNotFoundError, DamagedFileError):
            return None

    def _path(self, kind: str, key: str, suffix: str) -> Path:
        return self._make(kind) / (hashlib.sha256(key.encode()).hexdigest() + suffix)

    def _make(self, name: str) -> Path:
        """Make one of the store's folders and return its path.

        Raises:
            DiskError: It cannot be made.
        """
        folder = self.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskError(
                f"the cache: its folder cannot be made: {error.strerror}", hint=HINT_DISK
            ) from None
        return folder
