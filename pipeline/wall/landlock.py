"""Landlock: how a process on Linux gives up rights to files, sockets and signals.

It takes three system calls and no privilege. A right that was given up never comes back, and later
threads and programs of the process do not have it either.
https://docs.kernel.org/userspace-api/landlock.html; numbers from include/uapi/linux/landlock.h.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.wall.rights import Rights, system_paths, writable_devices

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1  # all of the first version, also making links and devices

_READ = _READ_FILE | _READ_DIR
_WRITE = (
    _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# Rights that later versions (ABIs) of Landlock can take away as well, by the first such version.
_SINCE = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_TCP_SINCE, _TCP = 4, 0b11  # bind, connect
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract sockets, signals

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """Return the kernel's version of Landlock; 0 if the kernel has none."""
    if sys.platform != "linux":
        return 0  # on other systems this number is another system call
    version = _libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    return max(0, int(version))


def restrict_files(rights: Rights, *, version: int) -> None:
    """Leave these rights, and no others, to this thread and its later threads and programs.

    Args:
        rights: The rights that stay. Missing paths are skipped.
        version: Version of Landlock to use, at most the kernel's.

    Raises:
        OSError: The kernel refuses.
    """
    handled = _FIRST_ABI | sum(right for since, right in _SINCE.items() if since <= version)
    ruleset = _create_ruleset(handled, version)
    try:
        _allow(ruleset, (*system_paths(), *rights.reads), _READ & handled)
        _allow(ruleset, writable_devices(), (_READ | _WRITE_FILE) & handled)
        _allow(ruleset, rights.writes, _WRITE & handled)
        _allow(ruleset, rights.executes, (_READ | _EXECUTE) & handled)
        forbid_new_privileges()
        _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def forbid_new_privileges() -> None:
    """Let no program that this thread starts gain rights, for example by set-user-ID."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _create_ruleset(handled: int, version: int) -> int:
    fields = [handled]
    if version >= _TCP_SINCE:
        fields.append(_TCP)
    if version >= _SCOPES_SINCE:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    return _check(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))


def _allow(ruleset: int, paths: Iterable[Path], access: int) -> None:
    for path in paths:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
            rule = struct.pack("=Qi", access if is_folder else access & _OF_FILES, place)
            _check(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
        finally:
            os.close(place)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return int(result)
