"""The lock of a zoo, and what stands in its way."""

import fcntl
from pathlib import Path

import pytest

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
