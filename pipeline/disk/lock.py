"""A lock on a zoo: one run at a time writes into its `.zoo` folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.disk.machine_faults import machine_error
from pipeline.errors import ZooLockedError
from pipeline.text.printable import printable


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
        raise _refuse(error, path) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise ZooLockedError(
                f"another run (process {printable(holder)}) is at work on {path.parent.parent}",
                hint="wait for it to end, or end it",
            ) from None
        except OSError as error:
            raise _refuse(error, path) from None
        # Only what others are told; a full disk does not take even that.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _refuse(error: OSError, path: Path) -> ZooLockedError:
    fault = machine_error(error, root=path.parent.parent, file=path)
    kept = "a zoo keeps its results in .zoo beside models.yaml"
    return ZooLockedError(fault.message, hint=f"{kept}: {fault.hint}")
