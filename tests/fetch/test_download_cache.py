"""The cache of downloads on a disk that is full, or that is not there."""

import contextlib
import fcntl
import io
import os
import resource
import shutil
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from loopback import serve

from pipeline.disk.layout import CACHE_VARIABLE
from pipeline.errors import DiskError
from pipeline.fetch import disk_room
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.download_cache import Store
from pipeline.fetch.expiry import sweep
from pipeline.fetch.fetch import Fetched, fetch_source
from pipeline.fetch.http.partial_file import Validators, begin_part

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


def age(path: Path, days: float = 2) -> None:
    """Make a file older."""
    os.utime(path, times=(time.time() - days * 86400,) * 2)


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key in ("old", "young", "at work"):
        store.part(key).write_bytes(b"half")
        begin_part(store.part(key), Validators(etag=key))
        store.part(key).write_bytes(b"half")
    for key in ("unused", "old", "at work"):
        with store.lock(key):
            pass
    (tmp_path / "parts/left.tmp").write_bytes(b"member of an archive")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/.x.tmp").touch()
    (tmp_path / "lists/.new.tmp").touch()
    writing = (tmp_path / "parts/writing.tmp").open("wb")
    fcntl.flock(writing, fcntl.LOCK_EX)
    young = {store.part("young"), tmp_path / "lists/.new.tmp"}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path not in young:
            age(path)
    with writing, store.lock("at work"):
        age(store.part("at work"))
        sweep(tmp_path)

    found = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    at_work, young_part = store.part("at work").name, store.part("young").name
    lock = at_work.removesuffix(".part")
    assert found - {store.part("young").name.removesuffix(".part")} == {
        *(at_work, f"{at_work}.json", lock, "writing.tmp", young_part, ".new.tmp")
    }


def test_a_lock_that_is_swept_while_one_waits_for_it_still_keeps_others_out(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Store(tmp_path)
    with store.lock("key"):
        (path,) = (tmp_path / "locks").iterdir()
        path.unlink()  # as a sweep does that holds it
        path.touch()
    handle = path.open("wb")
    fcntl.flock(handle, fcntl.LOCK_EX)
    entered = threading.Event()

    def enter() -> None:
        with other.lock("key"):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    time.sleep(0.2)
    path.unlink()
    newer = path.open("wb")
    fcntl.flock(newer, fcntl.LOCK_EX)
    handle.close()
    time.sleep(0.3)
    early = entered.is_set()
    newer.close()
    thread.join(5)

    assert not early
    assert entered.is_set()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"3", b"null", b'"x"', b"\xff\xfe", b"{}", b"[" * 100_000),
        *(b'{"key": 1, "sha256": 2}', b'{"key": "x", "sha256": ["../../x"]}', b'{"x": NaN}'),
        b'{"key": "x", "sha256": "' + b"0" * 64 + b'", "etag": 5}',
        *(b'[{"filename": 1}]', b'{"model.h5": 1}', b'{"m.h5": "../../../x"}', b'[["a"]]'),
    ],
)
@pytest.mark.parametrize("text", ["m.tar#m.h5", "http", "pypi:zoo==1.0", "memory://zoo/m"])
def test_a_damaged_record_counts_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, content: bytes
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "m.h5").write_bytes(WEIGHTS)
    with tarfile.open(tmp_path / "m.tar", "w") as archive:
        archive.add(tmp_path / "m.h5", "m.h5")
    (tmp_path / "links").mkdir()
    with zipfile.ZipFile(tmp_path / "links/zoo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(tmp_path / "m.h5", "m.h5")
    fsspec.filesystem("memory").pipe("/zoo/m/m.h5", WEIGHTS)
    with serve() as server:
        text = server.put("/m.h5", WEIGHTS) if text == "http" else text
        fetch(tmp_path, text)
        for record in (*tmp_path.glob("cache/index/*"), *tmp_path.glob("cache/lists/*")):
            record.write_bytes(content)
        (tmp_path / "out").rename(tmp_path / "first")
        fetch(tmp_path, text)

    assert (tmp_path / "out/m.h5").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x", "x", "0" * 63, "A" * 64, "\0"])
def test_no_path_is_made_of_a_digest_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "x").write_bytes(b"of somebody else")

    assert not Store(tmp_path / "cache").has(name)
    assert (tmp_path / "x").exists()


def test_a_file_that_does_not_fit_is_refused_before_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # All of the disk is to stay free: how much of it is free may change meanwhile.
    monkeypatch.setattr(disk_room, "RESERVE_PART", 1.0)
    monkeypatch.setattr(disk_room, "RESERVE_BYTES", shutil.disk_usage(tmp_path).total)
    message = r"m\.\w+: 4 MiB more do not fit into the cache: [0-9,]+ MiB are free, and"
    with tarfile.open(tmp_path / "m.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("m.h5")
        info.size = 4 * 1024**2
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    with serve() as server:
        url = server.put("/m.h5", os.urandom(4 * 1024**2))
        with pytest.raises(DiskError, match=message) as caught:
            fetch(tmp_path, url)
    (tmp_path / "out").rmdir()
    with pytest.raises(DiskError, match=message):
        fetch(tmp_path, "m.tgz#m.h5")

    check(caught.value, tmp_path)
    assert not list(tmp_path.glob("cache/parts/*"))
    assert not list(tmp_path.glob("cache/blobs/*/*"))


def test_a_cache_that_must_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(WEIGHTS)
    with tarfile.open(tmp_path / "m.tar", "w") as archive:
        archive.add(tmp_path / "m.h5", "m.h5")
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    user = os.geteuid()
    if user == 0:
        tmp_path.chmod(0o777)
        # As many as pytest has made for itself: one more for each of several workers.
        for folder in tmp_path.parents[: tmp_path.parts[::-1].index("pytest-of-root")]:
            folder.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(DiskError, match="Permission denied") as caught:
            fetch(tmp_path, "m.tar#m.h5")
    finally:
        os.seteuid(user)

    check(caught.value, tmp_path)
