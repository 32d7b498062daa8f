"""The filter of system calls: its numbers, and that none of its jumps leads astray."""

import re
from pathlib import Path

import pytest

from pipeline.wall import seccomp

HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
CALLS = {
    **seccomp._REFUSED,
    **seccomp._ABSENT,
    **seccomp._ON_ITSELF,
    "clone": seccomp._CLONE,
    "execve": seccomp._EXECVE,
    "execveat": seccomp._EXECVEAT,
    "fcntl": seccomp._FCNTL,
    "ioctl": seccomp._IOCTL,
    "open": seccomp._OPEN,
    "openat": seccomp._OPENAT,
}


@pytest.mark.skipif(not HEADER.exists(), reason="the C library's headers are not installed")
def test_numbers_are_those_of_the_kernel() -> None:
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))

    # A header may be older than the newest calls.
    known = {name: number for name, number in CALLS.items() if name in numbers}
    assert len(known) > 100
    assert known == {name: int(numbers[name]) for name in known}


@pytest.mark.parametrize("exec_too", [True, False], ids=["no exec", "exec"])
def test_every_jump_lands_on_an_instruction(exec_too: bool) -> None:
    program = seccomp.build_filter(1234, exec_too=exec_too)
    jumps = {seccomp._JUMP_EQUAL, seccomp._JUMP_AT_LEAST}

    for place, (code, taken, passed, _) in enumerate(program):
        if code in jumps:
            assert place + 1 + max(taken, passed) < len(program)
    assert program[-1] == (seccomp._RETURN, 0, 0, seccomp._ALLOW)
