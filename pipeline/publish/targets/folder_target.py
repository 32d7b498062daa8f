"""A folder as the target of a publish: each file is written under another name and renamed."""

import contextlib
import errno
import fcntl
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pipeline.disk.beneath import folder_beneath, open_file
from pipeline.disk.machine_faults import machine_error
from pipeline.disk.typed_json import is_inside
from pipeline.errors import PublishError, TargetError
from pipeline.publish.headers import Headers
from pipeline.publish.targets.stored_record import FOLDER, check_size

PART_SUFFIX = ".zoo-part"
_LOCK_NAME = ".lock"
_LOCK = f"{FOLDER}/{_LOCK_NAME}"
_POLL_SECONDS = 0.1
_CHUNK_BYTES = 1024**2
# The only folder with a dot that is meant to be served: RFC 8615.
_WELL_KNOWN = ".well-known"


class FolderTarget:
    """A folder on this machine.

    Links may lead to the folder, but no link in it is followed: others may write there, too.
    """

    def __init__(self, folder: Path, *, shown: str) -> None:
        self.folder = folder
        self.shown = shown
        self._is_held = False

    def find(self) -> Mapping[str, int]:
        """Return the size of every file, by path, but for files in hidden folders of others.

        Who holds the lock removes the half-written files of a publish that was killed.
        """
        with self._translated(""):
            found = dict(self._walk())
            left = [path for path in found if path.endswith(PART_SUFFIX)]
            if self._is_held:
                self._remove_parts(left)
        for path in (_LOCK, *left):
            found.pop(path, None)
        return found

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """Return a file's content; None for a file that is missing."""
        *folders, name = self._split(path)
        with self._translated(path):
            try:
                with (
                    folder_beneath(self.folder, folders) as handle,
                    open_file(handle, name) as file,
                ):
                    content = file.read(-1 if limit is None else limit + 1)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return check_size(content, limit, where=f"{self.shown}: {path}")

    def write(self, path: str, content: bytes | Path, _headers: Headers) -> None:
        """Write a file under another name and rename it; a server chooses the headers."""
        *folders, name = self._split(path)
        with (
            _open_content(content) as read,
            self._translated(path),
            self._made(folders) as handle,
        ):
            beside = f".{name}{PART_SUFFIX}"
            try:
                _fill(handle, beside, read)
                os.replace(beside, name, src_dir_fd=handle, dst_dir_fd=handle)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside, dir_fd=handle)

    def remove(self, path: str) -> None:
        """Remove a file, if it exists, and the folders that are empty then."""
        *folders, name = self._split(path)
        with self._translated(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            with folder_beneath(self.folder, folders) as handle:
                os.unlink(name, dir_fd=handle)
            while folders:
                name = folders.pop()
                with folder_beneath(self.folder, folders) as handle:
                    try:
                        os.rmdir(name, dir_fd=handle)
                    except OSError as error:
                        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                            return
                        raise

    @contextlib.contextmanager
    def hold(self, announce: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Hold a lock that the system frees however the process ends."""
        handle = self._lock(lambda: announce(f"{self.shown}: waiting for another publish to end"))
        try:
            self._is_held = True
            yield lambda: self._check(handle)
        finally:
            self._is_held = False
            os.close(handle)

    def _lock(self, announce: Callable[[], None]) -> int:
        """Wait for the lock; a lock file that somebody removed meanwhile does not count."""
        while True:
            with self._translated(_LOCK), self._made([FOLDER]) as folder:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                handle = os.open(_LOCK_NAME, flags, 0o644, dir_fd=folder)
            try:
                with self._translated(_LOCK):
                    _wait(handle, announce)
                if self._is_there(handle):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _check(self, handle: int) -> None:
        if not self._is_there(handle):
            raise TargetError(
                f"{self.shown}: {_LOCK} was removed while this publish was at work",
                hint="leave it there, and run it again",
            )

    def _is_there(self, handle: int) -> bool:
        """Say whether the lock file that we hold is the file that others find."""
        ours = os.fstat(handle)
        with contextlib.suppress(OSError), folder_beneath(self.folder, [FOLDER]) as folder:
            found = os.stat(_LOCK_NAME, dir_fd=folder, follow_symlinks=False)
            return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
        return False

    def _remove_parts(self, paths: Iterable[str]) -> None:
        for path in paths:
            *folders, name = path.split("/")
            with (
                contextlib.suppress(FileNotFoundError),
                folder_beneath(self.folder, folders) as handle,
            ):
                os.unlink(name, dir_fd=handle)

    def _walk(self) -> Iterator[tuple[str, int]]:
        """Iterate over paths and sizes of regular files, following no link."""
        pending = [""]
        while pending:
            inner = pending.pop()
            found: list[os.DirEntry[str]] = []
            with contextlib.suppress(OSError), os.scandir(f"{self.folder}/{inner}") as entries:
                found = list(entries)
            for entry in found:
                path = inner + entry.name
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        pending += [f"{path}/"] if _may_hold_files(entry.name) else []
                    elif entry.is_file(follow_symlinks=False) and is_inside(path):
                        yield path, entry.stat(follow_symlinks=False).st_size

    @contextlib.contextmanager
    def _made(self, folders: list[str]) -> Iterator[int]:
        """Open a folder below the target; both are made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with folder_beneath(self.folder, folders, make=True) as handle:
            yield handle

    def _split(self, path: str) -> list[str]:
        """Return the names in a path, ["models", "cat"]; no path leads out of the folder."""
        if not is_inside(path):
            raise PublishError(f"{self.shown}: {path!r} leads out of it; expected a file inside")
        return list(PurePosixPath(path).parts)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = machine_error(error).hint
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                hint = "make room; what was written is kept"
            elif error.errno in {errno.ELOOP, errno.EINVAL}:
                hint = "no link in the target is followed; put a file or a folder in its place"
            where = f"{self.shown}: {path}" if path else self.shown
            raise TargetError(f"{where}: {error.strerror}", hint=hint) from None


def _may_hold_files(folder: str) -> bool:
    return not folder.startswith(".") or folder == _WELL_KNOWN


@contextlib.contextmanager
def _open_content(content: bytes | Path) -> Iterator[BinaryIO]:
    """Open the content to be written; a fault of it is no fault of the target."""
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        file = content.open("rb")
    except OSError as error:
        raise machine_error(error) from None
    with file:
        yield file


def _fill(folder: int, name: str, content: BinaryIO) -> None:
    """Write a new file that outlives a loss of power once it is renamed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "wb") as written:
        while chunk := content.read(_CHUNK_BYTES):
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())


# Why no library for locks: see pipeline.disk.lock.
def _wait(handle: int, announce: Callable[[], None]) -> None:
    announced = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not announced:
                announce()
            announced = True
            time.sleep(_POLL_SECONDS)
        else:
            return
