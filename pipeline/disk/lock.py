"""The lock on a zoo: one run at a time writes into its `.zoo` folder.

The lock is a `flock` on a file, which the system frees however the process ends. The file stays;
the process id of the run that holds the lock stands in it, so that another run can name it.

The library `filelock` (4.3) does the same, and costs more: importing it takes a run 12 ms more
(doit and pydantic take 102 ms), a lock 1.2 ms in place of 0.06 ms, of which a build takes several
for each source. A file that cannot be made in a folder of the kernel's it calls held by another.
It opens paths only, but publishing to a folder must follow no link on the way to its lock.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.disk.machine_faults import machine_error
from pipeline.errors import ZooLockedError
from pipeline.text.printable import printable

_MOST_DIGITS = 32


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        ZooLockedError: Another process holds it: "another run (process 4711) is at work on zoo".
            Or the folder cannot be written: ".zoo: Read-only file system".
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _name_holder(handle, path) from None
        except OSError as error:
            raise _explain(error, path) from None
        # Only other runs read this, so a full disk, which does not take it, stops nothing.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield


def _name_holder(handle: int, path: Path) -> ZooLockedError:
    holder = os.read(handle, _MOST_DIGITS).decode(errors="replace").strip() or "unknown"
    return ZooLockedError(
        f"another run (process {printable(holder)}) is at work on {path.parent.parent}",
        hint="wait for it to end, or end it",
    )


def _explain(error: OSError, path: Path) -> ZooLockedError:
    fault = machine_error(error, root=path.parent.parent, file=path)
    kept = "a zoo keeps its results in .zoo beside models.yaml"
    return ZooLockedError(fault.message, hint=f"{kept}: {fault.hint}")
