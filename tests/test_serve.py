"""The server of a folder: what it sends, with which headers, and what it never does."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from zoos import ROOT

from pipeline.serve import SiteServer, serving


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


def test_what_changes_nothing_is_all_that_is_understood(server: SiteServer) -> None:
    assert requests.post(server.url, timeout=10).status_code == 501


def test_a_reader_who_goes_away_does_not_disturb_others(server: SiteServer, folder: Path) -> None:
    (folder / "big.bin").write_bytes(bytes(50_000_000))
    with socket.create_connection(("127.0.0.1", server.server_port)) as reader:
        reader.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reader.recv(100)

    assert ask(server, "/").status_code == 200


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
    assert "site/ is not there yet; run doit first" in stderr


def test_doit_serve_on_a_port_that_is_taken_says_so(zoo: Path) -> None:
    (zoo / "site").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(zoo, "--port", str(port)) as process:
            _, stderr = process.communicate(timeout=30)

    assert process.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in stderr
    assert "--port" in stderr
