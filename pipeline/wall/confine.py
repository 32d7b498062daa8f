"""Confinement: this process gives up all rights but the given ones, for good.

The order is: resource limits, Landlock, capabilities, seccomp. Each step takes away calls that
the steps before it needed. No other thread may run meanwhile: it would keep all its rights.
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
        rights: What the process may still do with files. A process without executable files can
            start no other program.
        version: Version of Landlock to use; None for the kernel's.

    Raises:
        OSError: The kernel cannot confine the process, which must then not go on.
    """
    version = landlock_version() if version is None else version
    limit_resources(rights)
    restrict_files(rights, version=version)
    _drop_capabilities()
    refuse_calls(exec_too=not rights.executes)


def limit_resources(rights: Rights) -> None:
    """Let this process write no core file, and no file larger than `rights.file_bytes`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if rights.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (rights.file_bytes, rights.file_bytes))


def _drop_capabilities() -> None:
    """Give up the capabilities of root, which overrule the modes of files."""
    forbid_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "the capabilities of this process cannot be dropped")
