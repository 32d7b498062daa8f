"""Confinement of this process: from here on it has the rights that it is given, and no others.

Limits, capabilities, Landlock and seccomp, in this order: each step still needs those after it.
Threads that run already would keep all their rights, so there must be none.
"""

import ctypes
import resource
import struct

from pipeline.wall.landlock import forbid_new_privileges, landlock_version, restrict_files
from pipeline.wall.rights import Rights
from pipeline.wall.seccomp import refuse_calls

_SYS_CAPSET, _CAPABILITY_VERSION_3 = 126, 0x20080522


def confine(rights: Rights, *, version: int | None = None) -> None:
    """Confine this process, for good.

    Args:
        rights: What it may still do with files. A process that may execute nothing starts no
            other program at all.
        version: Version of Landlock to use; None for the kernel's.

    Raises:
        OSError: The kernel cannot; the process must not go on.
    """
    version = landlock_version() if version is None else version
    limit_resources(rights)
    restrict_files(rights, version=version)
    _drop_capabilities()
    refuse_calls(exec_too=not rights.executes)


def limit_resources(rights: Rights) -> None:
    """Leave no core file behind, and write no file beyond the limit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if rights.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (rights.file_bytes, rights.file_bytes))


def _drop_capabilities() -> None:
    """Give up the powers of root, which overrule the modes of files; others have none."""
    forbid_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "the capabilities of this process cannot be dropped")
