"""seccomp: system calls that a process behind the wall does not need fail with EPERM.

Landlock governs files. This filter refuses the rest: sockets of every kind, access to the memory
of other processes, signals to them, new processes, changes of modes and owners of files, and
truncation, which Landlock leaves open before its third version. The filter is a program of classic
BPF that the kernel runs on each call: https://docs.kernel.org/userspace-api/seccomp_filter.html.
The numbers are those of x86-64, from arch/x86/entry/syscalls/syscall_64.tbl.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator, Sequence

_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

# Offsets in the kernel's struct seccomp_data.
_NR, _ARCH, _ARGS = 0, 4, 16

# Instructions: load a word, and with the constant, jump if equal, jump if at least, return.
_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06

_EXECVE, _EXECVEAT = 59, 322

_REFUSED = {
    # sockets; socketpair stays, because its two ends belong to this process
    "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
    # io_uring, which would do all of these without a system call
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    # other processes: their memory, files, signals
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424, "process_madvise": 440,
    "process_mrelease": 448, "tkill": 200, "rt_tgsigqueueinfo": 297, "setpgid": 109,
    "move_pages": 279, "migrate_pages": 256, "setpriority": 141, "ioprio_set": 251,
    "sched_setaffinity": 203, "sched_setscheduler": 144, "sched_setparam": 142,
    "sched_setattr": 314,
    # new processes
    "fork": 57, "vfork": 58,
    # memory and queues that processes share by name
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66,
    "semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71,
    "mq_open": 240, "mq_unlink": 241, "mq_timedsend": 242, "mq_timedreceive": 243,
    # modes, owners, times and attributes of files, which Landlock does not govern
    "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93,
    "lchown": 94, "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261,
    "utimensat": 280, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "setxattrat": 463,
    "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199, "removexattrat": 466,
    "file_setattr": 469, "truncate": 76, "inotify_add_watch": 254, "fanotify_init": 300,
    "fanotify_mark": 301,
    # the machine
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "open_tree_attr": 467, "mount_setattr": 442,
    "name_to_handle_at": 303, "open_by_handle_at": 304,
    "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "init_module": 175, "finit_module": 313, "delete_module": 176,
    "kexec_load": 246, "kexec_file_load": 320, "settimeofday": 164, "clock_settime": 227,
    "adjtimex": 159, "clock_adjtime": 305, "acct": 163, "quotactl": 179, "quotactl_fd": 443,
    "syslog": 103, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "personality": 135,
    "add_key": 248, "request_key": 249, "keyctl": 250, "lookup_dcookie": 212, "vhangup": 153,
    "nfsservctl": 180, "memfd_secret": 447,
}  # fmt: skip

# Calls with arguments in memory, which a filter cannot see: the C library then uses older calls.
_ABSENT = {"clone3": 435, "openat2": 437}

_CLONE, _CLONE_THREAD = 56, 0x10000
_OPEN, _OPENAT, _TRUNCATING = 2, 257, (os.O_TRUNC, os.O_TRUNC | os.O_ACCMODE)
_IOCTL, _TERMINAL_INPUT = 16, (0x5412, 0x541C, 0x8901, 0x8902)  # TIOCSTI, TIOCLINUX, owners
_FCNTL, _OWNERS = 72, (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
# Calls whose first argument names a process; only this process is allowed.
_ON_ITSELF = {"kill": 62, "tgkill": 234, "rt_sigqueueinfo": 129, "prlimit64": 302}

_Program = list[tuple[int, int, int, int]]


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_calls(*, exec_too: bool) -> None:
    """Refuse these calls to this thread and to its later threads and programs.

    Args:
        exec_too: Whether to refuse also execve, by which the process becomes another program.

    Raises:
        OSError: The kernel has no filters, or we have none for this processor.
    """
    if os.uname().machine != "x86_64":
        raise OSError(errno.ENOSYS, f"seccomp: no filter for {os.uname().machine}")
    program = build_filter(os.getpid(), exec_too=exec_too)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    libc = ctypes.CDLL(None, use_errno=True)
    wire = _FilterProgram(len(program), code)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(wire), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def build_filter(pid: int, *, exec_too: bool) -> _Program:
    """Return the filter of a process as instructions: code, jump if true, if false, constant."""
    refused = [*_REFUSED.values(), *((_EXECVE, _EXECVEAT) if exec_too else ())]
    return [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _ARCH_X86_64),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NR),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        _fail(errno.EPERM),
        *(step for nr in refused for step in _on(nr, [_fail(errno.EPERM)])),
        *(step for nr in _ABSENT.values() for step in _on(nr, [_fail(errno.ENOSYS)])),
        *_on(_CLONE, _unless(0, _CLONE_THREAD, mask=_CLONE_THREAD)),
        *_on(_OPEN, _if_any(1, (_TRUNCATING[0],), mask=_TRUNCATING[1])),
        *_on(_OPENAT, _if_any(2, (_TRUNCATING[0],), mask=_TRUNCATING[1])),
        *_on(_IOCTL, _if_any(1, _TERMINAL_INPUT)),
        *_on(_FCNTL, _if_any(1, _OWNERS)),
        *(step for name, nr in _ON_ITSELF.items() for step in _on(nr, _on_itself(name, pid))),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _fail(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | number)


def _on(nr: int, steps: Sequence[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the steps for one call, which must end by returning; other calls skip them."""
    yield (_JUMP_EQUAL, 0, len(steps), nr)
    yield from steps


def _unless(argument: int, value: int, *, mask: int) -> _Program:
    """Refuse a call unless its argument, masked, equals `value`."""
    return [
        (_LOAD, 0, 0, _ARGS + 8 * argument),
        (_AND, 0, 0, mask),
        (_JUMP_EQUAL, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        _fail(errno.EPERM),
    ]


def _if_any(argument: int, values: Sequence[int], *, mask: int = 0xFFFFFFFF) -> _Program:
    """Refuse a call if its argument, masked, equals one of `values`."""
    checks = [
        (_JUMP_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)
    ]  # each jumps to the refusal, over the remaining checks and the permission
    load = [(_LOAD, 0, 0, _ARGS + 8 * argument), (_AND, 0, 0, mask)]
    return [*load, *checks, (_RETURN, 0, 0, _ALLOW), _fail(errno.EPERM)]


def _on_itself(name: str, pid: int) -> _Program:
    """Refuse a call that names another process; for prlimit64, 0 also names this process."""
    if name != "prlimit64":
        return _unless(0, pid, mask=0xFFFFFFFF)
    load = [(_LOAD, 0, 0, _ARGS)]
    return [
        *load,
        (_JUMP_EQUAL, 1, 0, 0),
        (_JUMP_EQUAL, 0, 1, pid),
        (_RETURN, 0, 0, _ALLOW),
        _fail(errno.EPERM),
    ]
