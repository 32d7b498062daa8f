"""The server of a folder: what it sends, with which headers, and what it never does."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from paths import ROOT

from pipeline.publish.serve.zoo_server import MAX_CONNECTIONS, SiteServer, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a page, a hidden file, and a secret beside it."""
    folder = tmp_path / "dist"
    (folder / "models/a b").mkdir(parents=True)
    (folder / "bare").mkdir()
    for path, text in {
        "index.html": "<p>zoo</p>",
        "models/a b/index.html": "<p>model</p>",
        "models/a b/shard.bin": "0123456789",
        "bare/tf.wasm": "wasm",
        "bare/x.mjs": "export {}",
        ".hidden": "hidden",
        "../secret": "secret",
    }.items():
        (folder / path).write_text(text)
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[SiteServer]:
    """Return a server of that folder."""
    with serving(folder) as server:
        yield server


def ask(server: SiteServer, path: str, **headers: str) -> requests.Response:
    """Ask for a path as it stands."""
    with requests.Session() as session:
        request = requests.Request("GET", server.url, headers=headers).prepare()
        request.url = server.url.rstrip("/") + path
        return session.send(request, allow_redirects=False, timeout=10)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/models/a%20b/", "text/html; charset=utf-8"),
        ("/models/a%20b/shard.bin", "application/octet-stream"),
        ("/bare/tf.wasm", "application/wasm"),
        ("/bare/x.mjs", "text/javascript; charset=utf-8"),
    ],
)
def test_files_come_with_their_types_and_may_be_used_anywhere(
    server: SiteServer, path: str, content_type: str
) -> None:
    answer = ask(server, path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/bare/",
        "/bare",
        "/.hidden",
        "/../secret",
        "/%2e%2e/secret",
        "/models/%2e%2e/%2e%2e/secret",
        "/..%2fsecret",
        "/..%5csecret",
        "/link",
        "/index.html/",
        "/index.html%00",
        "//etc/passwd",
    ],
)
def test_nothing_else_is_to_be_had(server: SiteServer, path: str) -> None:
    answer = ask(server, path)

    assert answer.status_code == 404
    assert answer.text == "not found\n"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_of_the_site_says_that_nothing_is_there(server: SiteServer, folder: Path) -> None:
    (folder / "404.html").write_text("<p>gone</p>")
    answer = ask(server, "/none")

    assert (answer.status_code, answer.text) == (404, "<p>gone</p>")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_folder_without_its_slash_leads_to_it_on_this_server(server: SiteServer) -> None:
    for path in ("/models/a%20b", "//models/a%20b", "/models/a%20b?x=1"):
        answer = ask(server, path)
        assert (answer.status_code, answer.headers["Location"]) == (301, "/models/a%20b/")


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-2", 206, "89", "bytes 8-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=0-", 200, "0123456789", None),
        ("bytes=1-2,4-5", 200, "0123456789", None),
        ("bytes=4-2", 200, "0123456789", None),
        ("lines=1-2", 200, "0123456789", None),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=-0", 416, "", "bytes */10"),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(
    server: SiteServer, asked: str, status: int, body: str, content_range: str | None
) -> None:
    answer = ask(server, "/models/a%20b/shard.bin", Range=asked)

    assert (answer.status_code, answer.text) == (status, body)
    assert answer.headers.get("Content-Range") == content_range


def test_a_file_that_is_known_is_not_sent_again(server: SiteServer, folder: Path) -> None:
    etag = ask(server, "/").headers["ETag"]
    same = ask(server, "/", **{"If-None-Match": f'"x", W/{etag}'})
    part = ask(server, "/", **{"Range": "bytes=1-", "If-Range": etag})
    (folder / "index.html").write_text("<p>another</p>")
    other = ask(server, "/", **{"If-None-Match": etag})
    whole = ask(server, "/", **{"Range": "bytes=1-", "If-Range": etag})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert part.status_code == 206
    assert (other.status_code, whole.status_code) == (200, 200)


def test_an_app_on_another_origin_may_ask_first(server: SiteServer) -> None:
    answer = requests.options(server.url, headers={"Origin": "http://app.test"}, timeout=10)
    head = requests.head(server.url, timeout=10)

    assert answer.status_code == 204
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "CONNECT", "BREW"])
def test_what_changes_nothing_is_all_that_is_understood(server: SiteServer, method: str) -> None:
    answer = requests.request(method, server.url, data=b"x" * 100_000, timeout=10)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_reader_who_goes_away_does_not_disturb_others(server: SiteServer, folder: Path) -> None:
    (folder / "big.bin").write_bytes(bytes(50_000_000))
    with socket.create_connection(("127.0.0.1", server.server_port)) as reader:
        reader.sendall(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(100)

    assert ask(server, "/").status_code == 200


def say(server: SiteServer, text: bytes, *, end: bool = True) -> bytes:
    """Send bytes to the server; return all that it answers until it hangs up."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall(text)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def request(target: str, *headers: str, host: str = "localhost", method: str = "GET") -> bytes:
    """Return a request of a client that asks for one thing."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param(b"\0\xff\x16\x03\x01\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET\r\n\r\n", 400, id="no target"),
        pytest.param(b"GET / x HTTP/1.1\r\n\r\n", 400, id="four words"),
        pytest.param(b"GET / HTTP/x\r\n\r\n", 400, id="no version"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, id="HTTP/2"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET /\r\n\r\n", 200, id="HTTP/0.9"),
        pytest.param(b"\r\n\r\nGET / HTTP/1.0\n\n", 200, id="bare newlines"),
        pytest.param(request("/", "Host: localhost"), 400, id="two hosts"),
        pytest.param(request("/" + "a" * 40_000), 414, id="line too long"),
        pytest.param(request("/" + "a" * 10_000), 414, id="path too long"),
        pytest.param(request("/" + "a" * 1_000), 404, id="name too long"),
        pytest.param(request("/" + "a/" * 4_000), 404, id="too many names"),
        pytest.param(request("/", "X: " + "a" * 40_000), 431, id="header too long"),
        pytest.param(request("/", *["X: y"] * 200), 431, id="too many headers"),
        pytest.param(request("/%"), 404, id="half an escape"),
        pytest.param(request("/%zz%ff%fe"), 404, id="no UTF-8"),
        pytest.param(request("/%ed%a0%80"), 404, id="half a surrogate pair"),
        pytest.param(request("/index.html\0"), 404, id="NUL"),
        pytest.param(request("/%e2%80%ae%1b[2J"), 404, id="controls"),
        pytest.param(request("http://[bad/"), 404, id="a URL that is none"),
        pytest.param(request("http://localhost/index.html"), 200, id="absolute URL"),
        pytest.param(request("http://evil.example/index.html"), 421, id="absolute URL elsewhere"),
        pytest.param(request("ftp://localhost/index.html"), 404, id="another scheme"),
        pytest.param(request("index.html"), 404, id="no slash"),
        pytest.param(request("*", method="OPTIONS"), 204, id="options of all"),
        pytest.param(request("/", "Range: bytes=" + "9" * 5000 + "-"), 416, id="far beyond"),
        pytest.param(request("/", "Range: bytes=-" + "9" * 5000), 200, id="all and more"),
        pytest.param(request("/", "Range: bytes=" + "0-1," * 5000), 200, id="thousands of ranges"),
        pytest.param(request("/", "Range: bytes=\xb2-\xb3"), 200, id="odd digits"),
        pytest.param(request("/", "Range: bytes=0-1", method="HEAD"), 200, id="range of HEAD"),
        pytest.param(request("/", "If-None-Match: *"), 304, id="anything known"),
        pytest.param(request("/", 'If-Match: "x"'), 412, id="something else expected"),
        pytest.param(request("/", "Content-Length: x"), 200, id="odd length"),
    ],
)
def test_every_request_is_answered(
    server: SiteServer, text: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = say(server, text)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Access-Control-Allow-Origin: *" in answer
    assert capfd.readouterr().err == ""


def test_a_body_is_no_second_request(server: SiteServer) -> None:
    smuggled = request("/", "Content-Length: 40").replace(b"Connection: close\r\n", b"")
    answer = say(server, smuggled + request("/models/a%20b/shard.bin"))

    assert answer.count(b"HTTP/1.1 ") == 1


def test_requests_may_follow_each_other_on_a_connection(server: SiteServer) -> None:
    kept = request("/").replace(b"Connection: close\r\n", b"")
    answer = say(server, kept + request("/models/a%20b/shard.bin"))

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.endswith(b"0123456789")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST.", 200),
        ("zoo.localhost", 200),
        ("127.8.9.10", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("192.168.1.1", 421),
        ("", 421),
    ],
)
def test_a_server_of_this_machine_answers_to_its_own_names(
    server: SiteServer, host: str, status: int
) -> None:
    assert say(server, request("/", host=host)).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_server_of_a_network_answers_to_any_name(folder: Path) -> None:
    with serving(folder, host="0.0.0.0") as server:  # noqa: S104  # that is tested
        answers = [say(server, request("/", host=host)) for host in ("zoo.example", "192.168.1.1")]

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "socket", "device"])
def test_what_is_no_file_of_the_folder_is_not_opened(
    server: SiteServer, folder: Path, tmp_path: Path, kind: str
) -> None:
    path, asked = folder / "odd", "/odd"
    match kind:
        case "link":
            path.symlink_to("../secret")
        case "link to a folder":
            path.symlink_to(tmp_path)
            asked = "/odd/secret"
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(path))
        case "device":
            path.symlink_to("/dev/zero")

    assert say(server, request(asked)).startswith(b"HTTP/1.1 404 ")
    assert say(server, request(asked + "/")).startswith(b"HTTP/1.1 404 ")


def test_links_that_stay_in_the_folder_are_followed(server: SiteServer, folder: Path) -> None:
    (folder / "latest").symlink_to("models/a b")

    assert ask(server, "/latest/shard.bin").text == "0123456789"
    assert ask(server, "/latest").headers["Location"] == "/latest/"


def test_200_connections_that_hang_keep_nobody_out(server: SiteServer) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for i in range(200):
            address = ("127.0.0.1", server.server_port)
            connection = stack.enter_context(socket.create_connection(address, timeout=20))
            connection.sendall((b"", b"GET / HT", request("/")[:-4])[i % 3])
        num_threads = threading.active_count() - before
        started = time.monotonic()
        answers = [ask(server, "/").status_code for _ in range(50)]
        seconds = time.monotonic() - started

    assert answers == [200] * 50
    assert seconds < 10
    assert num_threads <= MAX_CONNECTIONS + 1


def test_a_request_that_drips_is_ended(server: SiteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.serve.arrival.HEAD_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 5:
                connection.sendall(b"G")
                connection.settimeout(0.05)
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(1000)
                    break

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 2


def test_a_connection_that_says_nothing_is_ended(
    server: SiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.publish.serve.arrival.IDLE_SECONDS", 0.2)
    monkeypatch.setattr("pipeline.publish.serve.arrival.HEAD_SECONDS", 0.2)

    assert say(server, b"", end=False) == b""
    assert say(server, b"\r\n" * 100, end=False).startswith(b"HTTP/1.1 408 ")


def test_a_reader_who_takes_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publish.serve.answer._SEND_SECONDS", 0.3)
    (folder / "big.bin").write_bytes(bytes(50_000_000))
    with (
        serving(folder, max_connections=1) as server,
        socket.create_connection(("127.0.0.1", server.server_port)) as reader,
    ):
        reader.sendall(request("/big.bin"))
        assert reader.recv(100)
        busy = ask(server, "/")
        time.sleep(1)
        after = ask(server, "/")

    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")
    assert after.status_code == 200


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Return a folder with a manifest."""
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo/models.yaml").write_text(
        "zoo: {name: Test, output: site}\nmodels: [{name: one, source: x}]\n"
    )
    return tmp_path / "zoo"


# The console command, with the command whether or not it is installed.
_SCRIPT = """
import sys
from doit.doit_cmd import DoitMain
from pipeline.cli import ZooLoader
command = {"COMMAND": {"serve": "pipeline.commands.serve:Serve"}}
sys.exit(DoitMain(ZooLoader(), config_filenames=(), extra_config=command).run(sys.argv[1:]))
"""


def start(zoo: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `tfjs-zoo serve` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, "serve", "-d", str(zoo), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_doit_serve_says_its_url_and_ends_in_peace(zoo: Path) -> None:
    (zoo / "site").mkdir()
    (zoo / "site/index.html").write_text("<p>zoo</p>")
    with start(zoo, "--port", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[0]
        page = requests.get(url, timeout=10).text
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)

    assert "serves site/ until Ctrl-C" in line
    assert page == "<p>zoo</p>"
    assert (process.returncode, stderr) == (0, "")


def test_doit_serve_without_a_build_says_what_to_do(zoo: Path) -> None:
    with start(zoo) as process:
        _, stderr = process.communicate(timeout=30)

    assert process.returncode == 3
    assert "site/ is not there yet; `tfjs-zoo` builds it" in stderr


def test_doit_serve_on_a_port_that_is_taken_says_so(zoo: Path) -> None:
    (zoo / "site").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(zoo, "--port", str(port)) as process:
            _, stderr = process.communicate(timeout=30)

    assert process.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in stderr
    assert "--port" in stderr
