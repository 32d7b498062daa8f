"""Disks that are full, out of inodes, read-only: a sentence, and the next run goes on."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from paths import ROOT
from zoos import Zoo

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk takes root"
)
FULL = "No space left on device"


class Disk:
    """A disk in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def mount(self, options: str) -> None:
        """Mount it, or mount it again with other options."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "zoo", str(self.folder)], check=True)

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk of its own."""
    disk = Disk(tmp_path / "disk")
    with ExitStack() as stack:
        try:
            disk.mount("size=100m")
        except subprocess.CalledProcessError:
            pytest.skip("this system mounts no disk in memory")
        stack.callback(disk.unmount)
        yield disk


def sources(folder: Path) -> Zoo:
    zoo = Zoo(folder)
    for number in range(2):
        zoo.add(f"model-{number}", seed=number)
    zoo.write()
    return zoo


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("size=150k", id="at the first steps"),
        pytest.param("size=450k", id="at the last steps"),
        pytest.param("size=1200k", id="at the site"),
        pytest.param("size=100m,nr_inodes=25", id="no inodes at the first steps"),
        pytest.param("size=100m,nr_inodes=110", id="no inodes later"),
    ],
)
def test_a_full_disk_is_told_and_the_next_run_goes_on(disk: Disk, options: str) -> None:
    disk.mount(f"remount,{options}")
    zoo = sources(disk.folder)
    full = zoo.doit("run")

    assert full.code in {1, 3}
    assert "Traceback" not in full.stdout + full.stderr
    assert "bug" not in full.stdout + full.stderr
    assert FULL in full.stdout + full.stderr
    assert full.stdout.count("free space on the disk") <= 1
    assert str(disk.folder) not in full.stdout + full.stderr

    disk.mount("remount,size=100m,nr_inodes=100000")
    assert not list(disk.folder.rglob("*.tmp"))
    mended = zoo.doit("run")
    assert (mended.code, mended.stderr) == (0, "")
    assert [model["status"] for model in zoo.catalog()["models"]] == ["ok", "ok"]
    assert "Everything is up to date" in zoo.doit("run").stdout
    assert not list((disk.folder / ".zoo/temporary").glob("*"))


def test_a_disk_that_is_full_after_a_build_keeps_it_whole(disk: Disk) -> None:
    zoo = sources(disk.folder)
    assert zoo.doit("run").code == 0
    catalog = zoo.catalog()
    filler = disk.folder / "filler"
    change_title(zoo)
    fill(filler)
    full = zoo.doit("run")

    assert full.code == 1
    assert "Traceback" not in full.stdout + full.stderr
    assert zoo.catalog() == catalog
    filler.unlink()
    assert zoo.doit("run").code == 0
    assert zoo.entry("model-0")["title"] == "Another title"


def change_title(zoo: Zoo) -> None:
    """Change the manifest."""
    zoo.manifest["models"][0]["title"] = "Another title"
    zoo.write()


def fill(path: Path) -> None:
    """Write a file until the disk takes no more."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_disk_that_must_not_be_written_is_refused_and_can_be_asked(disk: Disk) -> None:
    zoo = sources(disk.folder)
    assert zoo.doit("run").code == 0
    disk.mount("remount,ro")
    refused = zoo.doit("run")

    assert refused.code == 3
    assert refused.stderr == (
        "ERROR: .zoo/lock: Read-only file system\n  a zoo keeps its results in .zoo beside "
        "models.yaml: mount the disk so that it can be written\n"
    )
    for command in (["plan"], ["list"], ["info", "convert:model-0"]):
        asked = zoo.doit(*command)
        assert (asked.code, asked.stderr) == (0, "")
    for command in (
        ["forget", "convert:model-0"],
        ["clean"],
        ["prune"],
        ["init", str(disk.folder / "new")],
    ):
        refused = zoo.doit(*command)
        assert refused.code == 3
        assert "Read-only file system" in refused.stderr
        assert "Traceback" not in refused.stderr
    disk.mount("remount,rw")


def test_a_full_disk_under_the_output_stops_nothing(tmp_path: Path) -> None:
    zoo = sources(tmp_path / "zoo")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "doit", "-f", ROOT / "dodo.py", "-d", zoo.folder],
            env={**os.environ, "TFJS_ZOO_CACHE": str(zoo.cache)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 0
    assert done.stderr.startswith(f"the rest of the output is lost: {FULL}")
    assert len(zoo.catalog()["models"]) == 2
