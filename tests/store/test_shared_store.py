"""The shared store, in a folder and in a real S3 server: whole or absent, whatever happens."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3, serve_public_s3

from pipeline.disk.files import digest_file
from pipeline.store.open_store import open_store
from pipeline.store.shared_store import SharedStore
from pipeline.store.stored_result import document_path

KEY = "convert-" + "3f" * 32
BIG = os.urandom(200_000)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Run an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def open_here(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., SharedStore]:
    """Return a function that opens the same store anew, as another machine does."""
    if request.param == "folder":
        return lambda **options: open_store("store", root=tmp_path, **options)
    server: S3 = request.getfixturevalue("s3")
    address = f"s3://{server.make_bucket()}/zoo"
    return lambda **options: open_store(address, root=tmp_path, endpoint=server.url, **options)


@pytest.fixture
def open_folder(tmp_path: Path) -> Callable[..., SharedStore]:
    """Return a function that opens a store in a folder."""
    return lambda **options: open_store("store", root=tmp_path, **options)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a folder with a result: small, empty, nested and large files."""
    folder = tmp_path / "made"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    (folder / "empty").touch()
    (folder / "deep/er/weights.bin").write_bytes(BIG)
    (folder / "deep/same.bin").write_bytes(BIG)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _fetch(store: SharedStore, folder: Path, **options: Any) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    came = store.fetch(KEY, folder, **options)
    assert came or not list(folder.iterdir())
    return came


def _document(tmp_path: Path) -> Path:
    return tmp_path / "store" / document_path(KEY)


def _blob(tmp_path: Path) -> Path:
    (blob,) = (tmp_path / "store/v1/blobs").rglob("??/*")
    return blob


def test_a_result_comes_as_it_was_put(
    open_here: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    first, second = open_here(), open_here()
    assert not _fetch(second, tmp_path / "got")
    assert first.put(KEY, made)
    assert _fetch(second, tmp_path / "got")

    assert _files(tmp_path / "got") == _files(made)
    assert (first.num_put, second.num_fetched) == (1, 1)
    assert len(BIG) < first.bytes_put < len(BIG) + 2000
    assert 2 * len(BIG) < second.bytes_fetched < 2 * len(BIG) + 2000
    assert first.take_notices() == second.take_notices() == []


def test_a_blob_that_is_there_is_not_sent_again(
    open_here: Callable[..., SharedStore], made: Path
) -> None:
    open_here().put(KEY, made)
    again = open_here()
    again.put("variant-" + "4" * 64, made)

    assert again.bytes_put < 2000


def test_files_of_this_machine_need_no_transfer(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    store = open_folder()
    store.put(KEY, made)
    here = tmp_path / "here.bin"
    here.write_bytes(BIG)
    assert _fetch(store, tmp_path / "got", near={digest_file(here): here})
    assert store.bytes_fetched < 2000

    here.write_bytes(BIG[::-1])
    assert _fetch(store, tmp_path / "got", near={digest_file(tmp_path / "got/a.json"): here})
    assert _files(tmp_path / "got") == _files(made)


def test_a_read_only_store_is_not_written(
    open_here: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    reader = open_here(read_only=True)
    assert not reader.put(KEY, made)
    assert not _fetch(open_here(), tmp_path / "got")
    open_here().put(KEY, made)

    assert _fetch(reader, tmp_path / "got")
    assert reader.bytes_put == 0


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda blob: blob.write_bytes(BIG[:-1]), id="blob cut off"),
        pytest.param(lambda blob: blob.write_bytes(b""), id="blob empty"),
        pytest.param(lambda blob: blob.write_bytes(BIG + b"!"), id="blob longer"),
        pytest.param(
            lambda blob: blob.write_bytes(BIG[:-1] + bytes([BIG[-1] ^ 1])),
            id="blob of other content",
        ),
        pytest.param(lambda blob: blob.unlink(), id="blob missing"),
    ],
)
def test_a_damaged_result_is_absent_and_is_mended(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    damage: Callable[[Path], object],
) -> None:
    open_folder().put(KEY, made)
    damage(_blob(tmp_path))
    reader = open_folder()
    assert not _fetch(reader, tmp_path / "got")
    (notice,) = reader.take_notices()
    assert "is not whole, and not used" in notice
    assert not _fetch(reader, tmp_path / "got")
    assert reader.take_notices() == []

    reader.put(KEY, made)
    assert _fetch(open_folder(), tmp_path / "got")
    assert _files(tmp_path / "got") == _files(made)


def _rename(path: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["results"][0]["files"][0]["path"] = path

    return change


def _set(field: str, value: object, *, file: int = 0) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["results"][0]["files"][file][field] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_rename("../escaped"), id="path leads out"),
        pytest.param(_rename("/tmp/escaped"), id="absolute path"),  # noqa: S108  # an attack
        pytest.param(_rename("deep/er/weights.bin"), id="two files of one name"),
        pytest.param(_rename("deep/er/weights.bin/x"), id="a file where a folder is"),
        pytest.param(_rename("a\u0000b"), id="control character"),
        pytest.param(_set("sha256", "../../../../etc/passwd", file=1), id="digest is a path"),
        pytest.param(_set("sha256", "0" * 64), id="other digest"),
        pytest.param(_set("size", 2**62, file=1), id="enormous"),
        pytest.param(_set("size", 1, file=1), id="smaller"),
        pytest.param(_set("size", -1), id="negative"),
        pytest.param(_set("content", "!!"), id="no base64"),
        pytest.param(lambda document: document.update(format=2), id="other format"),
        pytest.param(lambda document: document.update(results=[{}] * 9), id="too many"),
    ],
)
def test_a_document_that_lies_brings_nothing(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    change: Callable[[Any], None],
) -> None:
    open_folder().put(KEY, made)
    path = _document(tmp_path)
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    (tmp_path / "inner").mkdir()

    assert not _fetch(open_folder(), tmp_path / "inner/got")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"format": 1, "used": "", "res', id="cut off"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_what_is_no_document_brings_nothing_and_is_replaced(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path, content: bytes
) -> None:
    open_folder().put(KEY, made)
    _document(tmp_path).write_bytes(content)
    assert not _fetch(open_folder(), tmp_path / "got")

    open_folder().put(KEY, made)
    assert _fetch(open_folder(), tmp_path / "got")


def test_a_writer_that_is_cut_off_leaves_nothing_that_counts(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each file that it writes, one after another."""
    whole = False
    for number in range(10):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        store = open_folder()
        written = 0

        def rename(source: str, target: str, number: int = number) -> None:
            nonlocal written
            written += 1
            if written > number:
                raise ConnectionResetError
            Path(source).rename(target)

        with monkeypatch.context() as patch:
            patch.setattr("fsspec.implementations.local.LocalFileSystem.mv", rename_of(rename))
            whole = store.put(KEY, made)
        assert _fetch(open_folder(), tmp_path / "got") == whole
        if whole:
            break
        assert store.take_notices() == [
            "store: it is not reached (ConnectionResetError): results are no longer put there"
        ]
    assert whole
    assert number >= 1


def rename_of(rename: Callable[[str, str], None]) -> Callable[..., None]:
    """Return a method that renames by a function."""
    return lambda _fs, source, target, **_options: rename(source, target)


def test_many_writers_and_readers_of_one_key_agree(
    open_here: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    faults: list[str] = []

    def work(number: int) -> None:
        store = open_here()
        for _ in range(5):
            store.put(KEY, made, tools={"numpy": str(number)})
            got = tmp_path / f"got{number}"
            if not _fetch(store, got) or _files(got) != _files(made):
                faults.append(f"{number} has no whole result")
        faults.extend(store.take_notices())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []


def test_results_of_other_tools_do_not_replace_one_another(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    store = open_folder()
    for version in range(12):
        store.put(KEY, made, tools={"numpy": f"{version}"})

    def has(version: str) -> bool:
        return _fetch(store, tmp_path / "got", accepts=lambda one: one.tools == {"numpy": version})

    assert [has(str(version)) for version in range(12)] == [False] * 4 + [True] * 8


def test_a_store_that_does_not_answer_is_left_alone_after_its_time(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_folder().put(KEY, made)
    store = open_folder()
    monkeypatch.setattr("pipeline.store.store_files.CALL_SECONDS", 1.0)
    monkeypatch.setattr(
        "fsspec.implementations.local.LocalFileSystem.cat_file", lambda *_, **__: time.sleep(2)
    )
    started = time.monotonic()
    assert not _fetch(store, tmp_path / "got")
    assert not _fetch(store, tmp_path / "got")
    assert not store.put(KEY, made)

    assert time.monotonic() - started < 1.9
    assert store.take_notices() == [
        "store: it did not answer within 1 s: going on without the store"
    ]


def test_a_store_that_is_down_or_denies_is_left_alone(made: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        store = open_store("s3://zoo/x", root=tmp_path, endpoint="http://127.0.0.1:9")
        assert not _fetch(store, tmp_path / "got")
        assert not store.put(KEY, made)

    (notice,) = store.take_notices()
    assert notice.startswith("s3://zoo/x: it is not reached")
    assert notice.endswith("going on without the store")


def test_a_bucket_that_is_missing_is_named(s3: S3, tmp_path: Path) -> None:
    store = open_store("s3://nobody-made-this/x", root=tmp_path, endpoint=s3.url)
    assert not _fetch(store, tmp_path / "got")

    assert store.take_notices() == [
        "s3://nobody-made-this/x: there is no such bucket: going on without the store"
    ]


def test_a_result_with_a_link_is_not_put_there_and_others_are(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    (made / "link").symlink_to("/etc/passwd")
    store = open_folder()
    assert not store.put(KEY, made)
    assert store.take_notices() == [
        "not put into the store: link is a link or a pipe; expected plain files"
    ]

    (made / "link").unlink()
    assert store.put(KEY, made)
    assert _fetch(open_folder(), tmp_path / "got")


def test_a_full_store_is_read_on(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_folder()
    store.put(KEY, made)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.put_file", refuse)
    (made / "deep/same.bin").write_bytes(BIG[::-1])
    assert not store.put("variant-" + "5" * 64, made)
    assert _fetch(store, tmp_path / "got")

    assert store.take_notices() == [
        "store: No space left on device: results are no longer put there"
    ]
    assert store.describe() is not None


def test_after_a_pause_the_store_is_tried_again(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.store.outage.PAUSE_SECONDS", 0.3)
    store = open_folder()
    store.put(KEY, made)
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.local.LocalFileSystem.cat_file", _fail)
        assert not _fetch(store, tmp_path / "got")
    assert not _fetch(store, tmp_path / "got")
    time.sleep(0.3)

    assert _fetch(store, tmp_path / "got")


def _fail(*_: object, **__: object) -> None:
    raise ConnectionResetError


def test_the_end_of_a_run_ends_its_calls(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_folder()
    store.put(KEY, made)
    monkeypatch.setattr(
        "fsspec.implementations.local.LocalFileSystem.cat_file", lambda *_, **__: time.sleep(3)
    )
    threading.Timer(0.2, store.close).start()
    started = time.monotonic()
    assert not _fetch(store, tmp_path / "got")

    assert time.monotonic() - started < 1
    assert store.take_notices() == []


@pytest.mark.parametrize("skew", [-400 * 86400.0, 400 * 86400.0])
def test_a_wrong_clock_sends_no_blob_again(
    open_folder: Callable[..., SharedStore],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    skew: float,
) -> None:
    open_folder().put(KEY, made)
    true_time = time.time
    monkeypatch.setattr("time.time", lambda: true_time() + skew)
    late = open_folder()
    late.put(KEY, made)

    assert late.bytes_put < 2000
    assert _fetch(late, tmp_path / "got")


def test_an_old_blob_is_written_anew(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    """Eviction may be about to remove it."""
    open_folder().put(KEY, made)
    old = time.time() - 13 * 3600
    os.utime(_blob(tmp_path), (old, old))
    again = open_folder()
    again.put(KEY, made)

    assert again.bytes_put > len(BIG)
    assert time.time() - _blob(tmp_path).stat().st_mtime < 60


def test_use_makes_an_old_result_young(
    open_folder: Callable[..., SharedStore], made: Path, tmp_path: Path
) -> None:
    open_folder().put(KEY, made)
    document = _document(tmp_path)
    content = json.loads(document.read_bytes()) | {"used": "2020-01-01"}
    document.write_text(json.dumps(content))
    old = time.time() - 100 * 86400
    os.utime(document, (old, old))
    _fetch(open_folder(read_only=True), tmp_path / "got")
    assert document.stat().st_mtime == pytest.approx(old)
    _fetch(open_folder(), tmp_path / "got")

    assert time.time() - document.stat().st_mtime < 60
