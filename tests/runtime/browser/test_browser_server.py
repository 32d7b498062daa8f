"""The server of a browser: it answers those who know a secret, once, and nobody else."""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from paths import HELPERS, ROOT

SERVE = ROOT / "pipeline/runtime/browser/serve.py"


class Server:
    """A server whose browser is a program that only waits."""

    def __init__(self, folder: Path) -> None:
        self.folder, said = folder, folder / "said.json"
        self.answers: list[http.client.HTTPResponse] = []
        self.made = folder / "made"
        self.made.mkdir()
        request = folder / "request.json"
        command = [sys.executable, str(HELPERS / "fake_browser.py"), str(said)]
        request.write_text(json.dumps({"command": command, "folder": str(self.made)}))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SERVE), str(request)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while not said.exists():
            time.sleep(0.02)
        started = json.loads(said.read_text())
        (address,) = started["arguments"]
        self.browser: int = started["pid"]
        found = re.fullmatch(r"http://(control\.localhost:(\d+))(/[\w-]{32}/)", address)
        assert found is not None
        self.host, self.port, self.first = found[1], int(found[2]), found[3]

    def ask(
        self, path: str, *, method: str = "GET", host: str | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        """Return the status and the content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Host": host or self.host})
        answer = connection.getresponse()
        self.answers.append(answer)
        # The end of a page stays open as long as the page.
        is_page = answer.getheader("Content-Length") is None
        content = answer.read1() if is_page else answer.read()
        if not is_page:
            connection.close()
        return answer.status, content

    def order(self, **order: Any) -> None:
        """Send a run."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """End its standard input; return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=20)

    def event(self) -> Any:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server, and end it; however it ended, its browser has ended before."""
    server = Server(tmp_path)
    with server.process:
        yield server
        server.end()
        for answer in server.answers:
            answer.close()
    assert not psutil.pid_exists(server.browser)


def open_control(server: Server) -> str:
    """Open the first page; return the folder of its later addresses."""
    status, page = server.ask(server.first)
    assert status == 200
    found = re.search(r'window\.secret = "([\w-]+)"', page.decode())
    assert found is not None
    return f"/{found[1]}/"


def open_run(server: Server) -> str:
    """Order a run of the model in `model`; return the folder of its addresses."""
    for name in ("model", "vectors", "packages"):
        (server.folder / name).mkdir()
        (server.folder / name / "file.bin").write_bytes(name.encode())
    folders = {n: str(server.folder / n) for n in ("model", "vectors", "packages")}
    control = open_control(server)
    server.order(id=3, backend="webgl", **folders)
    status, address = server.ask(f"{control}next")
    assert status == 200
    assert server.event() == {"ready": True}
    found = re.fullmatch(
        rf"http://run-3\.localhost:{server.port}(/[\w-]{{32}}/)", json.loads(address)
    )
    assert found is not None
    return found[1]


def test_the_address_in_the_command_line_opens_one_page_once(server: Server) -> None:
    control = open_control(server)

    assert server.ask(server.first)[0] == 403
    assert server.ask(f"{control}control.js")[0] == 200


@pytest.mark.parametrize("path", ["/", "/next", "//next", "/0/run.json", "/control.js", "/x" * 99])
def test_who_knows_no_secret_gets_nothing(server: Server, path: str) -> None:
    assert server.ask(path) == (403, b"")
    assert server.ask(path, method="POST", body=b"x")[0] == 403
    assert server.ask(server.first)[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example", "control.localhost.evil.example:1"])
def test_a_page_of_another_host_gets_nothing(server: Server, host: str) -> None:
    assert server.ask(server.first, host=host)[0] == 403
    assert server.ask(server.first)[0] == 200


def test_a_run_reads_its_own_files_and_no_others(server: Server) -> None:
    run = open_run(server)
    (server.folder / "outside").write_text("secret")
    (server.folder / "model/link").symlink_to(server.folder / "outside")

    assert server.ask(f"{run}model/file.bin") == (200, b"model")
    assert server.ask(f"{run}vectors/file.bin") == (200, b"vectors")
    assert json.loads(server.ask(f"{run}run.json")[1]) == {"backend": "webgl"}
    for script in ("run.js", "texts/ops.js"):
        assert server.ask(f"{run}scripts/{script}")[0] == 200
    for path in ("../outside", "link", "..%2foutside", "/etc/passwd", "missing"):
        assert server.ask(f"{run}model/{path}")[0] == 403
    for path in (
        "scripts/runner.js",
        "scripts/texts/../runner.js",
        "scripts/../page.js",
        "made/3.json",
        "next",
    ):
        assert server.ask(f"{run}{path}")[0] == 403


def test_a_run_ends_with_its_result(server: Server) -> None:
    run = open_run(server)
    assert server.ask(run)[0] == 200
    assert server.ask(run)[0] == 403
    server.ask(f"{run}outputs", method="POST", body=b"abc")
    server.ask(f"{run}result", method="POST", body=b"{}")

    assert server.event() == {"done": 3}
    assert (server.made / "3.bin").read_bytes() == b"abc"
    assert (server.made / "3.json").read_bytes() == b"{}"
    assert server.ask(f"{run}model/file.bin")[0] == 403
    assert server.ask(f"{run}result", method="POST", body=b"other")[0] == 403
    assert (server.made / "3.json").read_bytes() == b"{}"


def test_a_page_that_dies_ends_its_run(server: Server) -> None:
    run = open_run(server)
    assert server.ask(run)[0] == 200
    server.answers[-1].close()

    assert server.event() == {"died": 3, "why": "its page died"}


def test_it_ends_with_the_page_that_stays(server: Server) -> None:
    open_control(server)
    server.answers[-1].close()

    assert server.process.wait(timeout=20) == 1
    assert not psutil.pid_exists(server.browser)


def test_it_ends_with_its_standard_input_and_the_browser_with_it(server: Server) -> None:
    assert server.end() == 1
    assert not psutil.pid_exists(server.browser)
