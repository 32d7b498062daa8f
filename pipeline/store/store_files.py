"""The files of a store: a folder, or whatever fsspec reaches, with a time limit on each call.

Every error of a client becomes a StoreError; its own text, which may hold a signature, is left
out. Object stores write a file whole or not at all. Elsewhere a file is written under another name
beside the final one and renamed.
"""

import contextlib
import os
import posixpath
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError
from pipeline.fetch.filesystem_client import find_code

CLOCK = "v1/clock"
PART_SUFFIX = ".zoo-part"
# A call may take so long, and one more second for so many bytes.
CALL_SECONDS = 30.0
LISTING_SECONDS = 600.0
LEAST_BYTES_PER_SECOND = 256 * 1024
CHUNK_BYTES = 8 * 1024**2
# Stores that write a file whole or not at all.
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "memory"})
_TICK_SECONDS = 0.2
# The answer of a server to a request for bytes behind the end of a file.
_NO_SUCH_PART = frozenset({"InvalidRange", "416"})
# Names that clients have for the time of a file's last change.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "modify", "created")


class StoreClosed(Exception):  # noqa: N818  # the run ended
    """Raised by a call that is under way while the run ends."""


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file of a store, as the store lists it.

    Attributes:
        path: Its path, relative to the store.
        size: Bytes.
        modified: When it was last written, in seconds since 1970 by the store's clock; None if the
            store does not say.
    """

    path: str
    size: int
    modified: float | None


class StoreFiles:
    """The files of a store.

    Args:
        fs: fsspec's file system.
        root: The folder of the store in it: "bucket/zoo".
        scheme: Scheme of its URL: "s3", "file".
        shown: The store as messages name it, without credentials.
    """

    def __init__(self, fs: Any, root: str, *, scheme: str, shown: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._is_whole = scheme in _WHOLE
        self._closed = threading.Event()
        self.shown = shown

    def close(self) -> None:
        """End all calls at once; those under way raise StoreClosed."""
        self._closed.set()

    def read(self, path: str, *, limit: int) -> bytes | None:
        """Return a file's content; None if it is missing, or larger than `limit` bytes."""
        content = self._read(path, 0, limit + 1, seconds=CALL_SECONDS)
        return None if content is None or len(content) > limit else content

    def download(
        self, path: str, target: Path, *, size: int, progress: Callable[[int], None]
    ) -> bool:
        """Write a file's content to a new file of this machine.

        Args:
            path: The file.
            target: The new file.
            size: Its expected size in bytes, more than 0.
            progress: Called with the number of bytes of each part that came.

        Returns:
            Whether the file is there with that size; if not, the target is left incomplete.
        """
        done = 0
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            while done < size:
                # One byte more than expected shows a file that is longer.
                end = min(done + CHUNK_BYTES, size + 1)
                content = self._read(path, done, end, seconds=_time_for(end - done))
                if content is None or len(content) < min(end, size) - done:
                    return False
                file.write(content)
                done += len(content)
                progress(len(content))
        return done == size

    def write(self, path: str, content: bytes | Path) -> None:
        """Write a file, whole or not at all; an existing file is replaced."""
        location = self._locate(path)
        if self._is_whole:
            self._send(content, location)
            return
        folder, name = posixpath.split(location)
        beside = f"{folder}/.{name}.{uuid.uuid4().hex}{PART_SUFFIX}"
        self._call("makedirs", folder, exist_ok=True)
        try:
            self._send(content, beside)
            self._call("mv", beside, location)
        except (StoreError, StoreClosed):
            with contextlib.suppress(StoreError, StoreClosed, FileNotFoundError):
                self._call("rm_file", beside)
            raise

    def find(self, path: str) -> FoundFile | None:
        """Return a file as the store lists it; None if it is missing."""
        try:
            info = self._call("info", self._locate(path))
        except FileNotFoundError:
            return None
        return _describe(path, info) if info.get("type", "file") == "file" else None

    def walk(self, folder: str) -> Iterator[FoundFile]:
        """Yield the files in the subfolders of a folder, one subfolder after another."""
        for inner, kind in sorted(self._list(folder).items()):
            if kind.get("type") == "directory":
                for name, info in sorted(self._list(f"{folder}/{inner}").items()):
                    if info.get("type", "file") == "file":
                        yield _describe(f"{folder}/{inner}/{name}", info)

    def remove(self, path: str) -> None:
        """Remove a file, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self._call("rm_file", self._locate(path))

    def measure_clock(self) -> float | None:
        """Return how many seconds the store's clock is ahead of this machine's; None if unknown.

        It writes a file of its own, so that it also shows whether the store can be written to.
        """
        self.write(CLOCK, b"the time of this file is the time of the store\n")
        found = self.find(CLOCK)
        return None if found is None or found.modified is None else found.modified - time.time()

    def _read(self, path: str, start: int, end: int, *, seconds: float) -> bytes | None:
        location = self._locate(path)
        try:
            content: bytes = self._call("cat_file", location, start=start, end=end, seconds=seconds)
        except FileNotFoundError:
            return None
        return content[: end - start]

    def _send(self, content: bytes | Path, location: str) -> None:
        if isinstance(content, bytes):
            self._call("pipe_file", location, content, seconds=_time_for(len(content)))
        else:
            seconds = _time_for(content.stat().st_size)
            self._call("put_file", str(content), location, seconds=seconds)

    def _list(self, folder: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what the store says of the files and folders in a folder, by name."""
        location = self._locate(folder)
        try:
            found = self._call("ls", location, seconds=LISTING_SECONDS, detail=True)
        except FileNotFoundError:
            return {}
        named = {posixpath.basename(str(info["name"]).rstrip("/")): info for info in found}
        return {name: info for name, info in named.items() if name}

    def _locate(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _call(
        self,
        name: str,
        *arguments: Any,
        seconds: float | None = None,
        **options: Any,
    ) -> Any:
        """Call a method of the store's client, for some seconds at most.

        The call runs in a thread of its own; one that does not return in time goes on there, and
        nobody waits for it.

        Raises:
            FileNotFoundError: The file is missing.
            StoreError: The store fails, refuses, or does not answer in time.
            StoreClosed: The run ends.
        """
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(getattr(self._fs, name)(*arguments, **options))
            except BaseException as error:  # noqa: BLE001  # it is translated below
                future.set_exception(error)

        threading.Thread(target=work, name=f"store {name}", daemon=True).start()
        limit = CALL_SECONDS if seconds is None else seconds
        end = time.monotonic() + limit
        while not wait([future], _TICK_SECONDS).done:
            if self._closed.is_set():
                raise StoreClosed
            if time.monotonic() > end:
                raise StoreError(f"{self.shown}: it did not answer within {limit:.0f} s")
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, FileNotFoundError) and not _is_missing_bucket(error):
            raise error
        if name == "cat_file" and find_code(error) in _NO_SUCH_PART:
            return b""
        raise self._translate(error) from None

    def _translate(self, error: BaseException) -> StoreError:
        code = find_code(error)
        if isinstance(error, PermissionError) or code in {"401", "403"}:
            said = f" ({code})" if code else ""
            return StoreError(f"{self.shown}: access is denied{said}")
        if _is_missing_bucket(error):
            return StoreError(f"{self.shown}: there is no such bucket", hint="create it first")
        if not code and isinstance(error, OSError) and error.errno and error.strerror:
            return StoreError(f"{self.shown}: {error.strerror}")
        if isinstance(error, ConnectionError) or "onnection" in type(error).__name__:
            return StoreError(f"{self.shown}: it is not reached ({type(error).__name__})")
        return StoreError(f"{self.shown}: it fails ({code or type(error).__name__})")


def _time_for(num_bytes: int) -> float:
    """Return the seconds that a slow line needs for so many bytes."""
    return CALL_SECONDS + num_bytes / LEAST_BYTES_PER_SECOND


def _is_missing_bucket(error: BaseException) -> bool:
    """Return whether an error says that the bucket, not the file in it, is missing."""
    return find_code(error) == "NoSuchBucket"


def _describe(path: str, info: Mapping[str, Any]) -> FoundFile:
    modified = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    return FoundFile(path=path, size=int(info.get("size") or 0), modified=_seconds(modified))


def _seconds(value: object) -> float | None:
    """Return a time in seconds since 1970; None if the client has another form."""
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return None
