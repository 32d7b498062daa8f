"""Files below a folder that somebody else may write into."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.disk.beneath import folder_beneath, open_beneath

# Puts a link that leads out in the place of a folder, and the folder back, without pause.
_SWAP = """
import os, sys
os.chdir(sys.argv[1])
print(flush=True)
while True:
    for source, target in (("one", "two"), ("aside", "one"), ("one", "aside"), ("two", "one")):
        os.rename(source, target)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file in a folder, and a secret beside it."""
    folder = tmp_path / "folder"
    (folder / "one").mkdir(parents=True)
    (folder / "one/secret").write_text("public")
    (tmp_path / "secret").write_text("secret")
    return folder


def read(folder: Path, path: str) -> str:
    """Read a file below a folder."""
    with open_beneath(folder, path) as file:
        return file.read().decode()


def test_files_are_read_also_by_links_that_stay_inside(folder: Path) -> None:
    (folder / "two").symlink_to("one")
    (folder.parent / "link").symlink_to(folder)

    assert read(folder, "one/secret") == "public"
    assert read(folder, "two/secret") == "public"
    assert read(folder.parent / "link", "one/secret") == "public"
    with pytest.raises(IsADirectoryError):
        read(folder, "one")
    with pytest.raises(FileNotFoundError):
        read(folder, "three")


@pytest.mark.parametrize("path", ["../secret", "link", "one/link/secret", "one/../../secret"])
def test_nothing_leads_out(folder: Path, path: str) -> None:
    (folder / "link").symlink_to("../secret")
    (folder / "one/link").symlink_to(folder.parent)

    with pytest.raises(OSError, match="leads out of folder/"):
        read(folder, path)


def test_a_link_that_comes_between_a_look_and_an_open_leads_nowhere(folder: Path) -> None:
    (folder / "aside").symlink_to(folder.parent)
    found = set()
    with subprocess.Popen([sys.executable, "-c", _SWAP, folder], stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout
        swapper.stdout.readline()
        for _ in range(10_000):
            try:
                found.add(read(folder, "one/secret"))
            except OSError:
                found.add("nothing")
        swapper.kill()

    assert found == {"public", "nothing"}


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    with pytest.raises(OSError, match="is no regular file"):
        read(folder, "pipe")


def test_folders_are_made_and_never_through_a_link(folder: Path) -> None:
    with folder_beneath(folder, ["one", "two", "three"], make=True):
        pass
    (folder / "link").symlink_to(folder.parent)

    assert (folder / "one/two/three").is_dir()
    with (
        pytest.raises(OSError, match="link is a link, not a folder"),
        folder_beneath(folder, ["link", "made"], make=True),
    ):
        pass
    assert not (folder.parent / "made").exists()
