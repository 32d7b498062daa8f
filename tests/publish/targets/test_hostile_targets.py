"""Places and builds to which somebody else has written: links, odd files, records of any kind."""

import json
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import fsspec
import pytest
from built_zoos import BuiltZoo, publisher, read_zoo
from s3_server import S3, serve_public_s3

from pipeline.errors import PipelineError, PublishError, TargetError
from pipeline.publish.generations.old_generations import prune_target
from pipeline.publish.generations.state import read_state
from pipeline.publish.headers import find_headers
from pipeline.publish.publish import Publisher
from pipeline.publish.targets.bucket_target import BucketTarget, open_bucket
from pipeline.publish.targets.folder_target import FolderTarget

HEADERS = find_headers("x.json", immutable=False)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Return an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo of two models, and a secret beside it."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}, "dog": {"float32": "wow"}}
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    return zoo.build()


def outside(zoo: BuiltZoo) -> dict[str, str]:
    """Return what lies beside the zoo."""
    folder = zoo.root.parent / "outside"
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "planted",
    ["models", "generations", "models/cat", "generations/content", "generations/.lock"],
)
def test_a_link_in_the_target_is_never_written_through(zoo: BuiltZoo, planted: str) -> None:
    link = zoo.root / "public" / planted
    link.parent.mkdir(parents=True)
    target = zoo.root.parent / "outside"
    link.symlink_to(target / "secret" if planted.endswith("lock") else target)

    with pytest.raises(TargetError, match=r"link|symbolic") as caught:
        zoo.publish(zoo.target("public"))
    assert "no link in the target is followed" in (caught.value.hint or "")
    assert outside(zoo) == {"secret": "secret"}


@pytest.mark.parametrize("name", ["models.json", ".models.json.zoo-part", "index.html"])
def test_a_link_in_the_place_of_a_file_is_replaced(zoo: BuiltZoo, name: str) -> None:
    target = zoo.target("public")
    zoo.publish(target)
    (zoo.root / "public" / name).unlink(missing_ok=True)
    (zoo.root / "public" / name).symlink_to(zoo.root.parent / "outside/secret")
    zoo.pages["index.html"] = "<p>new</p>"
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build().publish(target)

    assert outside(zoo) == {"secret": "secret"}
    assert target.read("index.html") == b"<p>new</p>"
    assert not (zoo.root / "public" / name).is_symlink()
    read_zoo(target)


def test_the_target_may_be_a_link_and_is_not_read_through_others(zoo: BuiltZoo) -> None:
    (zoo.root.parent / "real").mkdir()
    (zoo.root / "public").symlink_to(zoo.root.parent / "real")
    target = zoo.target("public")
    zoo.publish(target)
    (zoo.root / "public/x.json").symlink_to(zoo.root.parent / "outside/secret")

    read_zoo(target)
    assert "x.json" not in target.find()
    with pytest.raises(TargetError, match="is a link"):
        target.read("x.json")


@pytest.mark.parametrize("target", ["linked", "linked/in", "local://{dist}", "file://{dist}/x"])
def test_dist_is_no_target_by_whatever_name(zoo: BuiltZoo, target: str) -> None:
    (zoo.root / "linked").symlink_to(zoo.dist)

    with pytest.raises(PublishError, match="holds or lies in dist/"):
        zoo.target(target.format(dist=zoo.dist))


def link_to_secret(path: Path) -> None:
    """Make a link to a file beside the zoo."""
    path.symlink_to("../../outside/secret")


def link_to_folder(path: Path) -> None:
    """Make a link to a folder beside the zoo."""
    path.symlink_to("../../outside")


def link_to_nothing(path: Path) -> None:
    """Make a link that leads nowhere."""
    path.symlink_to("x")


def listen(path: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        pytest.param("CNAME", link_to_secret, "dist/CNAME: leads out of dist/", id="link"),
        pytest.param("more", link_to_folder, "dist/more: leads out of dist/", id="folder"),
        pytest.param("pipe", os.mkfifo, "dist/pipe: is no regular file", id="pipe"),
        pytest.param("socket", listen, "dist/socket: is no regular file", id="socket"),
        pytest.param("gone", link_to_nothing, "dist/gone: is not as it was", id="broken link"),
        pytest.param("x\udcff", Path.touch, "has a name that cannot be", id="surrogate"),
        pytest.param("x\x1b[2J", Path.touch, "has a name that cannot be", id="control"),
    ],
)
def test_what_is_no_file_of_dist_is_refused(
    zoo: BuiltZoo, name: str, make: Callable[[Path], None], message: str
) -> None:
    make(zoo.dist / name)

    with pytest.raises(PublishError, match=message) as caught:
        zoo.contents()
    assert caught.value.message.isprintable()


def test_a_file_of_the_build_that_became_a_link_is_refused(zoo: BuiltZoo) -> None:
    (zoo.dist / "index.html").unlink()
    link_to_secret(zoo.dist / "index.html")

    with pytest.raises(PublishError, match=r"dist/index\.html: leads out of dist/"):
        zoo.contents()


GARBAGE = {
    "nothing": b"",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "deep": b"[" * 1_000_000,
    "deep objects": b'{"schema":' * 100_000,
    "no number": b'{"schema": NaN}',
    "long number": b'{"schema": ' + b"9" * 100_000 + b"}",
    "wrong types": json.dumps(
        {"schema": 1, "models": {}, "generations": 7, "files": [], "order": {}, "number": []}
    ).encode(),
    "wrong entries": json.dumps(
        {
            "schema": 1,
            "number": 1,
            "published": "2026-19-39T00:00:00Z",
            "rollback_of": None,
            "generations": [{"number": "1"}],
            "models": [{"name": ["x"], "variants": 3}],
            "order": 1,
            "files": {"../../x": {"bytes": -1, "sha256": "x", "immutable": 1, "since": 3}},
        }
    ).encode(),
    "a way out": json.dumps(
        {"schema": 1, "models": [{"name": "../x", "status": "ok", "modelPath": None}]}
    ).encode(),
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize(
    "path",
    [
        "models.json",
        "generations/index.json",
        "generations/000001.json",
        "generations/pending/x-000001.json",
    ],
)
def test_records_of_any_kind_end_in_a_sentence(zoo: BuiltZoo, path: str, content: bytes) -> None:
    target = zoo.target("public")
    zoo.publish(target)
    target.write(path, content, HEADERS)
    zoo.models["dog"] = None
    zoo.build()
    told: list[str] = []
    publish = Publisher(
        target=target, notify=told.append, progress=lambda _done, _total: None
    ).publish
    if path in {"generations/index.json", "generations/000001.json"}:
        with pytest.raises(PublishError, match=r"is no record|has no models\.json") as caught:
            publish(zoo.contents(), render=None)
        assert caught.value.message.startswith(f"public: {path}: ")
        assert len(caught.value.describe()) < 1000
        return
    done = publish(zoo.contents(), render=None)

    assert done.shown.number == 2
    assert len(told) == (path == "models.json")
    read_zoo(target)


def test_a_record_that_is_too_large_is_not_read(
    zoo: BuiltZoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = zoo.target("public")
    zoo.publish(target)
    monkeypatch.setattr("pipeline.publish.generations.state.MAX_RECORD_BYTES", 100)

    with pytest.raises(PublishError, match=r"public: .*\.json: has more than 100 B"):
        zoo.publish(target)


KEYS = (
    "../up",
    "a/../b",
    "a//b",
    "tab\tkey",
    "turn\u202eround",
    "Models.json",
    "models.json/",
    "generations/index.json/x",
    "generations/\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2.json",
    "generations/locks/99999999999999999999999999.json",
    "generations/locks/x.json",
    "generations/pending/",
)


def test_hostile_keys_of_a_bucket_are_left_alone(zoo: BuiltZoo, s3: S3) -> None:
    bucket = s3.make_bucket()
    client = s3.client()
    for key in KEYS:
        client.call_s3("put_object", Bucket=bucket, Key=f"zoo/{key}", Body=b"x")
    target = zoo.target(f"s3://{bucket}/zoo", endpoint=s3.url)
    zoo.publish(target)
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build().publish(target)
    prune_target(target, keep_days=0, dry_run=False, notify=print)

    read_zoo(target)
    assert read_state(target).index.current == 2
    listed = client.call_s3("list_objects_v2", Bucket=bucket)["Contents"]
    assert {f"zoo/{key}" for key in KEYS} <= {found["Key"] for found in listed}
    for path in ("../up", "a/../../up", "tab\tkey"):
        with pytest.raises(PublishError, match="leads out of it"):
            target.remove(path)


def test_a_file_of_a_bucket_is_read_up_to_a_limit(s3: S3) -> None:
    target = open_bucket(f"s3://{s3.make_bucket()}/zoo", endpoint=s3.url)
    target.write("empty", b"", HEADERS)
    target.write("full", b"12345", HEADERS)

    assert target.read("empty", limit=3) == b""
    assert target.read("full", limit=5) == b"12345"
    with pytest.raises(PublishError, match="full: has more than 3 B"):
        target.read("full", limit=3)


def test_uploads_that_a_kill_left_in_a_bucket_are_ended(zoo: BuiltZoo, s3: S3) -> None:
    bucket = s3.make_bucket()
    client = s3.client()
    for key in ("zoo/models/x", "another/x"):
        client.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    zoo.publish(zoo.target(f"s3://{bucket}/zoo", endpoint=s3.url))

    left = client.call_s3("list_multipart_uploads", Bucket=bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == ["another/x"]


@pytest.mark.usefixtures("s3")  # whose credentials are in the environment
def test_a_store_that_never_answers_is_waited_for_with_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.publish.targets.bucket_target.CALL_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        target = open_bucket("s3://bucket/zoo", endpoint=url)
        with pytest.raises(TargetError, match="it did not answer in time"):
            target.find()


def page_of_keys(token: str) -> bytes:
    """Return a page of a listing that always has a next one."""
    key = f"zoo/{token or 'x'}.bin"
    return (
        "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
        f"<IsTruncated>true</IsTruncated><Contents><Key>{key}</Key><Size>5</Size></Contents>"
        f"<NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>"
    ).encode()


@pytest.mark.usefixtures("s3")  # whose credentials are in the environment
@pytest.mark.parametrize(
    ("next_token", "message"),
    [
        pytest.param(lambda _asked: "7", "lists the same files again", id="repeats"),
        pytest.param(lambda asked: str(asked + 1), "lists more than 51 files", id="never ends"),
    ],
)
def test_a_listing_ends_whatever_the_store_says(
    next_token: Callable[[int], str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.publish.targets.bucket.MAX_KEYS", 50)

    class Lying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query).get("continuation-token", ["0"])[0]
            body = page_of_keys(next_token(int(asked)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as http.server names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Lying) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        target = open_bucket("s3://bucket/zoo", endpoint=f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(TargetError, match=message):
                target.find()
        finally:
            server.shutdown()
            thread.join()


def test_a_copy_that_a_kill_left_in_a_store_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".x.zoo-part").write_text("half")
    target = BucketTarget(fsspec.filesystem("local"), str(tmp_path), scheme="sftp", shown="x")
    with target.hold(print):
        pass

    assert not (tmp_path / ".x.zoo-part").exists()


def test_a_disk_that_takes_no_more_is_told_and_the_next_publish_goes_on(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    zoo.publish(target)
    before = read_zoo(target)
    zoo.models["dog"] = {"float32": "wuff" * 10_000}
    contents = zoo.build().contents()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(TargetError, match=r"public: models/dog/.*: File too") as caught:
            publisher(target).publish(contents, render=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "ulimit -f" in (caught.value.hint or "")
    assert read_zoo(target) == before
    assert not list((zoo.root / "public").rglob("*.zoo-part"))
    assert zoo.publish(target).shown.number == 2
    read_zoo(target)


def test_a_lock_that_is_removed_stops_who_held_it(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "public", shown="public")
    entered = threading.Event()

    def hold() -> None:
        with target.hold(print) as check:
            check()
            entered.set()

    with target.hold(print) as check:
        check()
        (tmp_path / "public/generations/.lock").unlink()
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join()
        with pytest.raises(TargetError, match="was removed while this publish was at work"):
            check()

    assert entered.is_set()


def test_a_fault_of_dist_is_no_fault_of_the_place(zoo: BuiltZoo) -> None:
    with pytest.raises(PipelineError, match=r"gone\.bin: No such file") as caught:
        zoo.target("public").write("x.bin", zoo.dist / "gone.bin", HEADERS)

    assert not isinstance(caught.value, TargetError)
