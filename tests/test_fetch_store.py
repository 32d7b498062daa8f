"""The cache of downloads on a disk that is full, or that is not there."""

import contextlib
import io
import os
import resource
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import serve

from pipeline.errors import DiskError
from pipeline.fetch.fetch import Fetched, fetch_source
from pipeline.fetch.source import parse_source
from pipeline.layout import CACHE_VARIABLE

WEIGHTS = os.urandom(200_000)


def fetch(root: Path, text: str, *, cache: Path | None = None) -> Fetched:
    """Fetch a source into the folder `out`."""
    folder = root / "out"
    folder.mkdir()
    return fetch_source(
        parse_source(text),
        root=root,
        folder=folder,
        cache=cache or root / "cache",
        sha256=None,
        progress=lambda _done, _total: None,
    )


@contextlib.contextmanager
def small_disk(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: the system refuses it as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def check(fault: DiskError, root: Path) -> None:
    """Check what a user is told of a disk's fault."""
    assert fault.retry
    assert fault.hint is not None
    assert CACHE_VARIABLE in fault.hint
    assert str(root) not in fault.describe()


def test_a_full_disk_is_no_fault_of_a_local_model(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(WEIGHTS)

    with (
        small_disk(100_000),
        pytest.raises(
            DiskError, match=r"^m\.h5: cannot be written to the build: File too"
        ) as caught,
    ):
        fetch(tmp_path, "m.h5")
    check(caught.value, tmp_path)


def test_a_full_disk_is_no_fault_of_an_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("m.h5")
        info.size = len(WEIGHTS)
        archive.addfile(info, io.BytesIO(WEIGHTS))

    with (
        small_disk(100_000),
        pytest.raises(DiskError, match=r"^m\.tgz: cannot be written to .*: File too") as caught,
    ):
        fetch(tmp_path, "m.tgz#m.h5")
    check(caught.value, tmp_path)


def test_a_full_disk_is_no_fault_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as server:
        url = server.put("/m.h5", WEIGHTS)
        with (
            small_disk(100_000),
            pytest.raises(DiskError, match=r"/m\.h5: cannot be written to .*: File too") as caught,
        ):
            fetch(tmp_path, url)
        (tmp_path / "out").rmdir()

        check(caught.value, tmp_path)
        assert fetch(tmp_path, url).entry == "m.h5", "the disk has room again"


@pytest.mark.parametrize("text", ["m.tar#m.h5", "npm:zoo@1.0.0", "pypi:zoo==1.0", "http://h/m.h5"])
@pytest.mark.parametrize("place", ["a file", "below a file", "impossible"])
def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "file").touch()
    with tarfile.open(tmp_path / "m.tar", "w") as archive:
        archive.add(tmp_path / "file", "m.h5")
    places = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file/cache",
        "impossible": tmp_path / ("x" * 300),
    }

    with pytest.raises(DiskError, match=r"^the cache: its folder cannot be made: ") as caught:
        fetch(tmp_path, text, cache=places[place])
    check(caught.value, tmp_path)
