"""Faults while a source beside the manifest is read."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import FetchError
from pipeline.fetch.archive.folder_files import reading


@pytest.mark.parametrize(
    ("number", "retry"),
    [
        pytest.param(errno.EIO, True, id="a bad sector"),
        pytest.param(errno.ENOSPC, True, id="a full disk"),
        pytest.param(errno.EMFILE, True, id="too many open files"),
        pytest.param(errno.EACCES, False, id="a file that only others may read"),
        pytest.param(errno.ENOENT, False, id="no file"),
    ],
)
def test_a_fault_of_the_machine_is_tried_again(tmp_path: Path, number: int, retry: bool) -> None:
    file = tmp_path / "m" / "model.json"
    fault = os.strerror(number)
    with (
        pytest.raises(
            FetchError, match=f"^sources/m: model.json: cannot be read: {fault}"
        ) as caught,
        reading(tmp_path / "m", shown="sources/m"),
    ):
        raise OSError(number, fault, str(file))

    assert caught.value.retry == retry
