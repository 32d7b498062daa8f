"""A lock on a zoo: one run at a time writes into its `.zoo` folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import PipelineError


class ZooLockedError(PipelineError):
    """Another run is under way in this zoo."""


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; the system frees it however the process ends.

    Raises:
        ZooLockedError: Another process holds it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ZooLockedError(
            f"{error.filename}: {error.strerror}",
            hint="a zoo keeps its results in .zoo beside models.yaml, which must be writable",
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode().strip() or "unknown"
            raise ZooLockedError(
                f"another run (process {holder}) is at work on {path.parent.parent}",
                hint="wait for it to end, or end it",
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
