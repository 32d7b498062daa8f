"""The folders that a confined process may read."""

import sys
from pathlib import Path

import pytest

from pipeline.wall.rights import python_paths


def test_a_folder_of_python_that_the_system_refuses_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with a folder that this user cannot enter, the question if it exists is an error.
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/{'x' * 300}:{tmp_path}")

    assert tmp_path in python_paths()
    assert all(len(path.name) < 300 for path in python_paths())


def test_a_python_that_was_moved_reads_its_library_where_it_is_now() -> None:
    assert Path(sys.base_prefix) / "lib" in python_paths()
