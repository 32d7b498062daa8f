"""A folder as the place of a published zoo: each file comes by rename, whole."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pipeline.errors import PlaceError, PublishError
from pipeline.publish.generation import FOLDER
from pipeline.publish.headers import Headers

PART_SUFFIX = ".zoo-part"
_LOCK = f"{FOLDER}/.lock"
_POLL_SECONDS = 0.1
_CHUNK_BYTES = 1024**2
# The only folder with a dot that is meant to be served: RFC 8615.
_WELL_KNOWN = ".well-known"


class FolderPlace:
    """A folder on this machine."""

    def __init__(self, folder: Path, *, shown: str) -> None:
        self.folder = folder
        self.shown = shown

    def find(self) -> Mapping[str, int]:
        """Return the size of every file, by path; of others' hidden folders none."""
        sizes = {}
        for path, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if name[0] != "." or name == _WELL_KNOWN]
            for name in names:
                file = Path(path, name)
                with contextlib.suppress(FileNotFoundError):
                    sizes[file.relative_to(self.folder).as_posix()] = file.stat().st_size
        return {path: sizes[path] for path in sizes if not _is_own(path)}

    def read(self, path: str) -> bytes | None:
        """Return a file's content; None where there is none."""
        with self._translated(path):
            try:
                return self._locate(path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, path: str, content: bytes | Path, _headers: Headers) -> None:
        """Write a file beside its place and rename it there; a server gives the headers."""
        target = self._locate(path)
        with self._translated(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}{PART_SUFFIX}")
            try:
                _fill(beside, content)
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file that may be there, and the folders that it leaves empty."""
        target = self._locate(path)
        with self._translated(path):
            target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self.folder or not folder.is_dir() or any(folder.iterdir()):
                    return
                folder.rmdir()

    @contextlib.contextmanager
    def hold(self, announce: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Hold a lock that the system frees however the process ends."""
        lock = self._locate(_LOCK)
        with self._translated(_LOCK):
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _wait(handle, lambda: announce(f"{self.shown}: waiting for another publish to end"))
            self._sweep()
            yield _keep
        finally:
            os.close(handle)

    def _sweep(self) -> None:
        """Remove what a kill left of a copy."""
        for path in self.folder.rglob(f".*{PART_SUFFIX}"):
            path.unlink(missing_ok=True)

    def _locate(self, path: str) -> Path:
        """Return where a path leads, which is never out of the folder."""
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise PublishError(f"{self.shown}: {path!r} leads out of it; expected a file inside")
        return self.folder.joinpath(*parts)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise PlaceError(
                f"{self.shown}: {path}: {error.strerror}",
                hint="make room; what was written is kept" if full else "let it be written",
            ) from None


def _is_own(path: str) -> bool:
    return path == _LOCK or path.endswith(PART_SUFFIX)


def _fill(path: Path, content: bytes | Path) -> None:
    """Write a content so that it outlives a loss of power once it is renamed."""
    with path.open("wb") as written:
        if isinstance(content, bytes):
            written.write(content)
        else:
            with content.open("rb") as read:
                while chunk := read.read(_CHUNK_BYTES):
                    written.write(chunk)
        written.flush()
        os.fsync(written.fileno())


def _wait(handle: int, announce: Callable[[], None]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                announce()
            told = True
            time.sleep(_POLL_SECONDS)
        else:
            return


def _keep() -> None:
    """Do nothing: nobody takes over a lock of the system's."""
