"""Faults of this machine: which file, which fault, what to do."""

import errno
import os
import re
from pathlib import Path

import pytest
from paths import ROOT as PROJECT

from pipeline.disk.machine_faults import OF_NO_MODEL, MachineFault, machine_error

ROOT = Path("/zoo")


def failed_import(first: Exception, advice: str, name: str) -> ImportError:
    """Return an error as numpy raises it: its own page of advice, and below it the first fault."""
    error = ImportError(advice, name=name)
    error.__cause__ = first
    return error


def fault(number: int, *names: str | bytes | int | None) -> OSError:
    """Return an error as the system raises it: of a file, or of a renaming."""
    first, second = (*names, None, None)[:2]
    return OSError(number, os.strerror(number), first, None, second)


@pytest.mark.parametrize(
    ("error", "message", "advice"),
    [
        (fault(errno.ENOSPC, "/zoo/dist/a.bin"), "dist/a.bin: No space left on device", "df -h"),
        (fault(errno.EROFS, "/zoo/.zoo/x"), ".zoo/x: Read-only file system", "mount the disk"),
        (fault(errno.EACCES, "/etc/shadow"), "/etc/shadow: Permission denied", "this user"),
        (fault(errno.EIO, b"/zoo/\xff.bin"), r"\udcff.bin: Input/output error", "dmesg"),
        (fault(errno.EMFILE, None), "file: Too many open files", "ulimit -n"),
        (fault(errno.ENAMETOOLONG, "/zoo/" + "x" * 9), "xxxxxxxxx: File name too long", "shorter"),
        (fault(errno.ESTALE, "/zoo/a"), "a: Stale file handle", "network file system"),
        (fault(errno.EXDEV, "/zoo/.a.tmp", "/zoo/a"), "a: Invalid cross-device link", "machine"),
        (fault(errno.ENOSPC, "/work-1/model.json"), "build/model.json: No space", "df -i"),
        (fault(errno.EBADF, 7), "file: Bad file descriptor", "machine"),
        (OSError("Unable to open\x1b[2J\nfile"), r"file: Unable to open\u001b[2J", "machine"),
        (MemoryError(), "file: out of memory", "free memory"),
        (
            failed_import(fault(errno.EIO, None), "\n\nIMPORTANT: PLEASE READ THIS", "numpy"),
            "numpy cannot be loaded: Input/output error",
            "dmesg",
        ),
        (
            failed_import(
                ImportError("libm.so: cannot read file data: Input/output error"), "x", "numpy.core"
            ),
            "numpy cannot be loaded: libm.so: cannot read file data: Input/output error",
            "install the packages",
        ),
    ],
)
def test_a_fault_names_the_file_and_the_remedy(
    error: MachineFault, message: str, advice: str
) -> None:
    told = machine_error(
        error,
        root=ROOT,
        file=ROOT / "file",
        moved={Path("/work-1"): ROOT / "build"},
    )

    assert told.message.startswith(message)
    assert "\n" not in told.message
    assert told.hint is not None
    assert advice in told.hint
    assert told.retry
    assert told.message.endswith(str(told.fault)) or "\x1b" in str(told.fault)


def test_node_reports_the_same_faults_as_python() -> None:
    """runner.js and describe.js end with these codes; the parent raises them as OSErrors."""
    text = (PROJECT / "pipeline" / "runtime" / "faults.js").read_text()
    codes = re.search(r"CODES = new Set\(\[(.*)\]\)", text)

    assert codes
    assert {getattr(errno, code) for code in re.findall(r"\w+", codes[1])} == OF_NO_MODEL
