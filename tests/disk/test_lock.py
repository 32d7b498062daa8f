"""The lock of a zoo, and what stands in its way."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from pipeline.disk.lock import hold_lock
from pipeline.errors import ZooLockedError


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "zoo" / ".zoo" / "lock"
    with hold_lock(path), pytest.raises(ZooLockedError, match=r"process \d+"), hold_lock(path):
        pass
    with hold_lock(path):
        pass


def test_whatever_stands_in_the_lock_file_another_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "zoo" / ".zoo" / "lock"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\x1b[2J")
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ZooLockedError, match=r"process .\\u001b\[2J"), hold_lock(path):
            pass


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    path = tmp_path / "zoo" / ".zoo" / "lock"
    path.mkdir(parents=True)
    with pytest.raises(ZooLockedError, match=r"^\.zoo/lock: Is a directory$"), hold_lock(path):
        pass
    path.rmdir()
    path.parent.rmdir()
    path.parent.write_text("a file")
    with pytest.raises(ZooLockedError, match=r"^\.zoo: File exists$") as caught, hold_lock(path):
        pass
    assert caught.value.hint is not None
    assert "move it away" in caught.value.hint


def test_a_killed_process_lets_go_of_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "zoo" / ".zoo" / "lock"
    program = (
        "import sys, time; from pathlib import Path; from pipeline.disk.lock import hold_lock\n"
        "with hold_lock(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(ZooLockedError, match=rf"process {holder.pid}\) is at work"),
            hold_lock(path),
        ):
            pass
        holder.kill()

    with hold_lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_forked_child_that_lives_on_does_not_keep_the_lock_of_a_run_that_ended(
    tmp_path: Path,
) -> None:
    """Children are started with closed descriptors: the lock is nobody's but the run's."""
    path = tmp_path / "zoo" / ".zoo" / "lock"
    with hold_lock(path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)  # any program
    try:
        with hold_lock(path):
            pass
    finally:
        child.kill()
        child.wait()
