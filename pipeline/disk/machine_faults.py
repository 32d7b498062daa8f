"""Faults of this machine: the file, the fault, and the remedy.

A full disk, a folder without write permission, a broken sector, too many open files: neither a
model nor our code is to blame, and the next run may succeed. So every OSError, MemoryError and
ImportError (of a package that cannot be read) becomes a MachineError. This module opens no file.
"""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.errors import MachineError

_FULL = "free space on the disk that holds it (df -h tells), or inodes (df -i)"
_FORBIDDEN = "let this user read and write it"
_TOO_MANY_FILES = "raise the limit of open files (ulimit -n), or run fewer steps at a time (-n 1)"
_NO_MEMORY = "free memory, or run fewer steps at a time (-n 1)"
_IN_THE_WAY = "something else lies in its place: move it away"
_NETWORK_DISK = "mount the network file system again that holds it"

# The remedy for each number of errno(3); other numbers get _OTHERWISE.
_ADVICE: Mapping[int, str] = {
    errno.EACCES: _FORBIDDEN,
    errno.EAGAIN: "end other processes, or run fewer steps at a time (-n 1)",
    errno.EBUSY: "another program uses it: end that",
    errno.EDQUOT: _FULL,
    errno.EEXIST: _IN_THE_WAY,
    errno.EFBIG: "the disk, or a limit (ulimit -f), takes no file of this size",
    errno.EIO: "check the disk: the kernel's log (dmesg) tells of the fault",
    errno.EISDIR: _IN_THE_WAY,
    errno.ELOOP: "links lead in a circle: remove one of them",
    errno.EMFILE: _TOO_MANY_FILES,
    errno.EMLINK: _FULL,
    errno.ENAMETOOLONG: "choose shorter names, or a folder that is not so deep",
    errno.ENFILE: _TOO_MANY_FILES,
    errno.ENOENT: "something removed it while it was needed",
    errno.ENOMEM: _NO_MEMORY,
    errno.ENOSPC: _FULL,
    errno.ENOTCONN: _NETWORK_DISK,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "mount the disk so that it can be written",
    errno.ESTALE: _NETWORK_DISK,
    errno.ETIMEDOUT: _NETWORK_DISK,
}
OF_NO_MODEL = frozenset(
    {errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EROFS}
)
"""Errors that no model can cause by its files: a process that loads one may report them."""

_OTHERWISE = "this is a fault of this machine, not of a model"
_NOT_INSTALLED = "read the disk's log (dmesg), or install the packages of tfjs-zoo again"

MachineFault = OSError | MemoryError | ImportError


def machine_error(
    error: MachineFault,
    *,
    root: Path | None = None,
    file: Path | None = None,
    moved: Mapping[Path, Path] = MappingProxyType({}),
) -> MachineError:
    """Return the error that users see: "dist/a.bin: No space left on device".

    Args:
        error: The fault, as Python raised it.
        root: Folder of the zoo; the message names a file in it relative to it.
        file: The file to name if the error names none.
        moved: Temporary folders, each with the folder that its files will lie in: the message
            names the latter, which people know.
    """
    place = _find_file(error) or (None if isinstance(error, ImportError) else file)
    for folder, known in moved.items():
        if place is not None and place.is_relative_to(folder):
            place = known / place.relative_to(folder)
    if root is not None and place is not None and place.is_relative_to(root):
        place = place.relative_to(root)
    where = "" if place is None else f"{place}: "
    fault = _name_fault(error)
    return MachineError(f"{where}{fault}", hint=_advise(error), fault=fault)


def _find_file(error: MachineFault) -> Path | None:
    """Return the file that an error names, or None; after a failed renaming, the new name."""
    for name in (getattr(error, "filename2", None), getattr(error, "filename", None)):
        if isinstance(name, str | bytes | os.PathLike) and name:
            return Path(os.fsdecode(name))
    return None


def _name_fault(error: MachineFault) -> str:
    """Return the fault without its file: "No space left on device", "out of memory"."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, ImportError):
        return _name_import_fault(error)
    return error.strerror or next(iter(str(error).splitlines()), "") or type(error).__name__


def _name_import_fault(error: ImportError) -> str:
    """Return why a package cannot be imported: "numpy cannot be loaded: Input/output error".

    The first error of the chain counts: numpy, for example, hides it behind a page of advice.
    """
    first: BaseException = error
    while isinstance(first.__cause__ or first.__context__, OSError | ImportError):
        first = first.__cause__ or first.__context__ or first
    reason = _name_fault(first) if isinstance(first, OSError) else str(first)
    package = (error.name or getattr(first, "name", None) or "a package").partition(".")[0]
    line = next(iter(reason.splitlines()), "")
    return f"{package} cannot be loaded: {line}"


def _advise(error: MachineFault) -> str:
    """Return the remedy: "mount the disk so that it can be written"."""
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    if isinstance(error, ImportError):
        return _NOT_INSTALLED
    return _ADVICE.get(error.errno or 0, _OTHERWISE)
