"""Reading a published zoo back: what is wrong is found, and nothing else."""

import contextlib
import gzip
import resource
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from built_zoos import BuiltZoo
from loopback import Fault, Page, Server, serve
from s3_server import serve_public_s3

from pipeline.errors import NotFoundError, PublishError
from pipeline.fetch.http.http_session import HttpSettings
from pipeline.publish.generations.generation import PublishedFile
from pipeline.publish.headers import find_content_type
from pipeline.publish.publish_view import format_read_back
from pipeline.publish.readback import ReadBack, Reader, folder_url
from pipeline.publish.serve.zoo_server import serving
from pipeline.text.line import plain_text

CORS = {"Access-Control-Allow-Origin": "*"}


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo that was published to a folder."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}, "dog": {"float32": "wow"}}
    zoo.pages |= {"tfjs/4.22.0/x.wasm": "\0asm", "assets/style-0a1b2c3d.css": "p {}"}
    zoo.build().publish(zoo.target("public"))
    return zoo


@pytest.fixture
def server(zoo: BuiltZoo) -> Iterator[Server]:
    """Return a server that has the published zoo, and whose pages can be spoilt."""
    with serve() as server:
        for path in zoo.target("public").find():
            content = (zoo.root / "public" / path).read_bytes()
            headers = {**CORS, "Content-Type": find_content_type(path)}
            server.put(f"/zoo/{path}", content, headers=headers)
        yield server


def page(server: Server, suffix: str) -> Page:
    """Return the page whose path ends so."""
    return next(page for path, page in server.pages.items() if path.endswith(suffix))


def read(
    url: str, files: dict[str, PublishedFile] | None = None, *, patience: float = 0
) -> ReadBack:
    """Read a zoo back."""
    settings = HttpSettings(attempts=1)
    return Reader(
        url, settings=settings, progress=lambda _done, _total: None, patience_seconds=patience
    ).read_back(files)


def kinds(done: ReadBack) -> dict[str, str]:
    """Return kind and name of the file of each fault and warning."""
    found = (*done.faults, *done.warnings)
    return {finding.path.rpartition("/")[2]: finding.kind for finding in found}


def test_a_zoo_on_a_good_server_is_right(zoo: BuiltZoo) -> None:
    with serving(zoo.root / "public") as server:
        done = read(server.url)
        by_file = read(f"{server.url}models.json")

    assert (done.faults, done.warnings) == ((), ())
    # All that was published, less .nojekyll, which is for the host.
    assert done.files == len(zoo.contents().files) - 1
    assert by_file == done


def test_a_zoo_in_a_bucket_is_right(zoo: BuiltZoo) -> None:
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as s3:
        bucket = s3.make_bucket()
        done = zoo.publish(zoo.target(f"s3://{bucket}/zoo", endpoint=s3.url))
        found = read(f"{s3.url}/{bucket}/zoo", dict(done.shown.files))

    assert found.faults == ()
    assert found.warnings == ()
    assert found.files == len(zoo.contents().files) - 1


def test_without_a_record_the_files_of_the_catalog_are_read(zoo: BuiltZoo) -> None:
    shutil.rmtree(zoo.root / "public/generations")
    with serving(zoo.root / "public") as server:
        done = read(server.url)

    assert done.files == 5
    assert done.faults == ()


def test_a_wrong_hash_is_found(server: Server) -> None:
    page(server, ".bin").body = b"no"
    page(server, "index.html").body += b"<!-- injected -->"
    done = read(f"{server.url}/zoo/")

    assert sorted(kinds(done).items()) == [
        ("group1-shard1of1.bin", "content"),
        ("index.html", "content"),
    ]
    assert any("2 bytes with SHA-256" in finding.text for finding in done.faults)


def test_a_missing_file_is_found(server: Server) -> None:
    gone = next(path for path in server.pages if path.endswith(".bin"))
    del server.pages[gone]
    done = read(f"{server.url}/zoo/")

    assert [(f.kind, f"/zoo/{f.path}") for f in done.faults] == [("missing", gone)]
    assert "404" in done.faults[0].text


def test_a_refused_file_comes_with_what_to_do_about_it(server: Server) -> None:
    page(server, ".bin").faults = [Fault(status=403)]
    done = read(f"{server.url}/zoo/")
    lines = plain_text(format_read_back(done)).splitlines()

    assert [(f.kind, f.hint) for f in done.faults] == [("missing", HttpSettings().hint)]
    assert lines[-1] == f"    {HttpSettings().hint}"


def test_missing_cors_is_found(server: Server) -> None:
    for spoilt in server.pages.values():
        spoilt.headers = {"Content-Type": spoilt.headers["Content-Type"]}
    page(server, "zoo.js").headers = {
        "Content-Type": "text/javascript",
        "Access-Control-Allow-Origin": "https://only.example.org",
    }
    done = read(f"{server.url}/zoo/")

    found = kinds(done)
    assert set(found.values()) == {"cors"}
    assert "models.json" in found
    assert "index.html" not in found
    texts = {finding.path: finding.text for finding in done.faults}
    assert "allows 'https://only.example.org'" in texts["zoo.js"]


def test_an_origin_that_is_answered_by_name_is_right(server: Server) -> None:
    for fine in server.pages.values():
        allowed = {"Access-Control-Allow-Origin": "https://origin.invalid", "Vary": "Origin"}
        fine.headers = {**fine.headers, **allowed}

    assert read(f"{server.url}/zoo/").faults == ()


def test_missing_range_is_a_warning(server: Server) -> None:
    for spoilt in server.pages.values():
        spoilt.ranges = False
    done = read(f"{server.url}/zoo/")

    assert done.faults == ()
    assert [finding.kind for finding in done.warnings] == ["range"]
    assert "expected 206" in done.warnings[0].text


@pytest.mark.parametrize(
    ("suffix", "content_type", "found"),
    [
        ("zoo.js", "text/plain", {"zoo.js": "type"}),
        ("zoo.js", "application/javascript", {}),
        ("x.wasm", "application/octet-stream", {"x.wasm": "type"}),
        (".css", "text/html", {"style-0a1b2c3d.css": "type"}),
        (".bin", "text/html", {"group1-shard1of1.bin": "type"}),
        (".bin", "application/macbinary", {}),
    ],
)
def test_a_content_type_that_browsers_refuse_is_found(
    server: Server, suffix: str, content_type: str, found: dict[str, str]
) -> None:
    page(server, suffix).headers = {**CORS, "Content-Type": content_type}

    assert kinds(read(f"{server.url}/zoo/")) == found


def test_cache_headers_that_hide_a_publish_or_keep_nothing_are_warnings(server: Server) -> None:
    spoilt = {"/zoo/models.json": "max-age=86400", page_path(server, ".bin"): "no-store"}
    for path, value in spoilt.items():
        headers = {**server.pages[path].headers, "Cache-Control": value}
        server.pages[path].headers = headers
    done = read(f"{server.url}/zoo/")

    assert done.faults == ()
    assert kinds(done) == {"models.json": "cache", "group1-shard1of1.bin": "cache"}


def page_path(server: Server, suffix: str) -> str:
    """Return the path that ends so."""
    return next(path for path in server.pages if path.endswith(suffix))


def test_a_cache_that_gives_the_catalog_of_before_is_waited_for(
    zoo: BuiltZoo, server: Server
) -> None:
    files = dict(zoo.contents().files)
    right = server.pages["/zoo/models.json"]
    stale = Page(body=b"{}", headers=right.headers)
    asked = 0

    class Late(dict[str, Page]):
        """Gives the catalog of before, twice."""

        def get(self, path: str, _default: object = None) -> Page | None:  # type: ignore[override]
            nonlocal asked
            if path == "/zoo/models.json":
                asked += 1
                return right if asked > 2 else stale
            return super().get(path)

    server.pages = Late(server.pages)
    late = read(f"{server.url}/zoo/", files, patience=60)
    waited = asked
    asked = -1000
    never = read(f"{server.url}/zoo/", files, patience=1.5)

    assert late.faults == ()
    assert waited == 3
    assert kinds(never) == {"models.json": "content"}


def test_what_is_no_zoo_is_told(server: Server) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        read(f"{server.url}/elsewhere/")
    server.put("/elsewhere/models.json", b"<html>")
    with pytest.raises(PublishError, match="is no catalog of a zoo"):
        read(f"{server.url}/elsewhere/")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://host", "https://host/"),
        ("https://host/zoo?x#y", "https://host/zoo/"),
        ("https://host/zoo/models.json", "https://host/zoo/"),
        ("https://host/zoo/index.html", "https://host/zoo/"),
    ],
)
def test_the_folder_is_found_from_what_people_paste(url: str, folder: str) -> None:
    assert folder_url(url) == folder


def test_a_folder_of_this_machine_is_no_url() -> None:
    with pytest.raises(PublishError, match="is no URL of a server"):
        folder_url("public")


@contextlib.contextmanager
def answering(head: bytes, body: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve every request with a head and then what a function sends; yield the URL."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n")
            while not over.is_set():
                body(connection)

    def listen(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def flood(connection: socket.socket) -> None:
    """Send without an end."""
    connection.sendall(bytes(65536))


def drip(connection: socket.socket) -> None:
    """Send a byte now and then."""
    connection.sendall(b"x")
    time.sleep(0.05)


_BOMB = gzip.compress(bytes(200_000_000), compresslevel=9)


def explode(connection: socket.socket) -> None:
    """Send what becomes a thousand times as large, without an end."""
    connection.sendall(_BOMB)


@pytest.mark.parametrize(
    ("head", "body", "found"),
    [
        pytest.param(b"", flood, "more than 5 bytes came", id="endless"),
        pytest.param(b"Content-Length: 999999999999\r\n", flood, "more than 5 bytes", id="huge"),
        pytest.param(b"Content-Encoding: gzip\r\n", explode, "more than 5 bytes", id="gzip bomb"),
    ],
)
def test_a_body_without_an_end_is_left(
    head: bytes, body: Callable[[socket.socket], None], found: str
) -> None:
    file = PublishedFile(bytes=5, sha256="0" * 64, immutable=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with answering(head, body) as url:
        done = read(url, {f"{i}.bin": file for i in range(8)})

    assert len([finding for finding in done.faults if finding.kind == "content"]) == 8
    assert found in done.faults[0].text
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


def test_a_catalog_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.readback.MAX_RECORD_BYTES", 1_000_000)
    with (
        answering(b"", flood) as url,
        pytest.raises(PublishError, match=r"models\.json: has more than"),
    ):
        read(url)


def test_a_server_that_is_too_slow_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.readback.FILE_SECONDS", 1.0)
    file = PublishedFile(bytes=10_000, sha256="0" * 64, immutable=True)
    started = time.monotonic()
    with answering(b"", drip) as url:
        done = read(url, {f"{i}.bin": file for i in range(200)})

    assert {finding.kind for finding in done.faults} == {"missing"}
    assert any("more than" in finding.text for finding in done.faults)
    assert any("the server answers no more" in finding.text for finding in done.faults)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("content", [b"", b"[" * 1_000_000, b"[]", b'{"schema": 1, "models": 3}'])
def test_what_is_no_catalog_is_told(server: Server, content: bytes) -> None:
    page(server, "/models.json").body = content

    with pytest.raises(PublishError, match=r"models\.json: is no catalog of a zoo: "):
        read(f"{server.url}/zoo/")
