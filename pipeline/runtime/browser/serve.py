"""The program behind the wall: `python -I -S serve.py REQUEST`, a server and the browser it starts.

It listens on the loopback interface, in a network of its own where the wall is bubblewrap. Every
address starts with a secret. The secret of the first page stands in the browser's command line,
where other users can read it, so it opens that page once; the others are known to pages alone, and
end with their run. Nothing else is answered.

The request is a JSON file: {command, folder}. A line of JSON on standard input is a run: {id,
backend, model, vectors, packages}, with absolute folders. `folder` gets ID.bin, its outputs, then
ID.log and ID.json. Lines of JSON on standard output say what happens: {"ready": true} once the
browser waits for runs, {"done": ID}, {"died": ID, "why": TEXT}. Standard input is a lifeline: when
it ends, the browser and this process end. This file imports the standard library only.
"""

import http.server
import json
import os
import queue
import re
import secrets
import select
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

_PROGRAMS = Path(__file__).resolve().parent
_SCRIPTS = {"page.js": _PROGRAMS, "control.js": _PROGRAMS} | dict.fromkeys(
    ("faults.js", "models.js", "run.js", "tensors.js", "watch.js"), _PROGRAMS.parent
)
_SCRIPTS |= {f"texts/{path.name}": _PROGRAMS.parent for path in _PROGRAMS.parent.glob("texts/*.js")}
_HOST = re.compile(r"[a-z0-9-]+\.localhost:\d+")
_POLL_SECONDS = 20
_CHUNK_BYTES = 1024**2
_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>tfjs-zoo</title><style>{style}</style>{scripts}'
)
_STYLE = "html, body, iframe { border: 0; height: 100%; margin: 0; width: 100%; }"
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
# A page may fetch from its own origin, and nothing else.
_POLICY = "default-src 'self' 'unsafe-eval' 'unsafe-inline' blob:; frame-src http://*.localhost:*"


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass(kw_only=True)
class _Run:
    """One run, and the secret of its addresses."""

    order: dict[str, Any]
    secret: str = field(default_factory=_secret)
    opened: bool = False
    over: threading.Event = field(default_factory=threading.Event)


class _State:
    """What the server knows: the secrets, and the runs that wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first, self.control = _secret(), _secret()
        self.runs: queue.Queue[_Run] = queue.Queue()
        self.run: _Run | None = None
        self.lock = threading.Lock()
        self.ready = False
        self.port = 0
        self.browser: subprocess.Popen[bytes] | None = None

    def say(self, **event: Any) -> None:
        """Write a line about what happened."""
        with self.lock:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()

    def start_browser(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """Start the browser; its output is the standard error of this process."""
        with self.lock:  # the browser may end its first page before this line is over
            self.browser = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno()
            )
            return self.browser

    def end_browser(self) -> None:
        """Kill the browser; this process, which waits for it, ends then."""
        with self.lock:
            if self.browser is not None:
                self.browser.kill()

    def finish(self, run: _Run, **event: Any) -> None:
        """End a run, once."""
        with self.lock:
            if run.over.is_set():
                return
            run.over.set()
        self.say(**event)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection of the browser."""

    protocol_version = "HTTP/1.1"
    state: ClassVar[_State]

    def do_GET(self) -> None:  # a name of the standard library
        """Serve a page, a script, a file of the run, or the next run."""
        state = self.state
        secret, path = self._split()
        if secret == state.first and path == "":
            state.first = _secret()
            self._send_page("control.js", f"window.secret = {json.dumps(state.control)};")
            self._wait_for_end(threading.Event())
            state.end_browser()  # without the page that stays no run would start
        elif secret == state.control and path == "next":
            self._send_next()
        elif secret == state.control and path == "control.js":
            self._send_file(_PROGRAMS / path)
        elif (run := self._find_run(secret)) is not None:
            self._serve_run(run, path)
        else:
            self._refuse()

    def do_POST(self) -> None:  # a name of the standard library
        """Take a result of the run."""
        secret, path = self._split()
        run = self._find_run(secret)
        if run is None or path not in {"outputs", "log", "result", "lost"}:
            self._refuse()
        else:
            self._take(run, path)

    def _split(self) -> tuple[str, str]:
        """Return the secret and the rest of an address; empty ones of a wrong host."""
        if not _HOST.fullmatch(self.headers.get("Host", "")):
            return "", ""
        _, _, rest = self.path.partition("/")
        secret, _, path = rest.partition("/")
        return secret, path

    def _find_run(self, secret: str) -> _Run | None:
        run = self.state.run
        if run is None or run.over.is_set() or not secrets.compare_digest(run.secret, secret):
            return None
        return run

    def _serve_run(self, run: _Run, path: str) -> None:
        folder, _, name = path.partition("/")
        if path == "" and not run.opened:
            run.opened = True
            self._send_page("page.js", "")
            if self._wait_for_end(run.over):
                self.state.finish(run, died=run.order["id"], why="its page died")
        elif path == "run.json":
            self._send(json.dumps({"backend": run.order["backend"]}).encode(), "application/json")
        elif folder == "scripts" and name in _SCRIPTS:
            self._send_file(_SCRIPTS[name] / name)
        elif folder in {"model", "packages", "vectors"} and name:
            inside = Path(run.order[folder])
            file = (inside / name).resolve()
            self._send_file(file) if file.is_relative_to(inside) else self._refuse()
        else:
            self._refuse()

    def _send_page(self, script: str, first: str) -> None:
        """Send a page whose end stays open, so that the connection lives as long as the page."""
        source = f"/{self.state.control}/{script}" if first else f"scripts/{script}"
        scripts = f'<script>{first}</script><body><script src="{source}"></script>'
        self.close_connection = True
        self._send_headers(_TYPES[".html"], {"Connection": "close"})
        self.wfile.write(_PAGE.format(style=_STYLE, scripts=scripts).encode())

    def _send_next(self) -> None:
        state = self.state
        if not state.ready:
            state.ready = True
            state.say(ready=True)
        try:
            run = state.runs.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            self._send(b"null", "application/json")
            return
        state.run = run
        port = state.port
        # A host of its own is a site of its own, which the browser gives a process of its own.
        address = f"http://run-{run.order['id']}.localhost:{port}/{run.secret}/"
        try:
            self._send(json.dumps(address).encode(), "application/json")
        except OSError:
            state.finish(run, died=run.order["id"], why="the browser left before the run")

    def _wait_for_end(self, over: threading.Event) -> bool:
        """Hold the connection of a page, which closes when the page dies; return whether it did."""
        while not over.wait(0.1):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1024, socket.MSG_PEEK):
                return True
        return False

    def _take(self, run: _Run, path: str) -> None:
        number = run.order["id"]
        if path == "lost":
            text = self.rfile.read(min(self._length(), 4096)).decode(errors="replace")
            self.state.finish(run, died=number, why=text)
        else:
            suffix = {"outputs": "bin", "log": "log", "result": "json"}[path]
            self._receive(self.state.folder / f"{number}.{suffix}")
            if path == "result":
                self.state.finish(run, done=number)
        self._send(b"", "text/plain")

    def _receive(self, file: Path) -> None:
        left = self._length()
        with file.open("wb") as target:
            while left and (some := self.rfile.read(min(left, _CHUNK_BYTES))):
                target.write(some)
                left -= len(some)

    def _length(self) -> int:
        text = self.headers.get("Content-Length", "0")
        return int(text) if text.isdecimal() else 0

    def _send_file(self, file: Path) -> None:
        try:
            content = file.read_bytes()
        except OSError:
            self._refuse()
        else:
            self._send(content, _TYPES.get(file.suffix, "application/octet-stream"))

    def _send(self, content: bytes, kind: str, status: int = 200) -> None:
        self._send_headers(kind, {"Content-Length": str(len(content))}, status)
        self.wfile.write(content)

    def _send_headers(self, kind: str, others: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        always = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "Content-Type": kind,
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in (always | others).items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self) -> None:
        self.close_connection = True
        self._send(b"", "text/plain", 403)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing: addresses hold secrets."""


def main() -> None:
    """Serve, and start the browser; end with standard input or with the browser."""
    request = json.loads(Path(sys.argv[1]).read_bytes())
    state = _State(Path(request["folder"]))
    _Handler.state = state
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    state.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://control.localhost:{state.port}/{state.first}/"
    browser = state.start_browser([*request["command"], address])
    threading.Thread(target=_take_runs, args=[state], daemon=True).start()
    browser.wait()
    os._exit(1)


def _take_runs(state: _State) -> None:
    for line in sys.stdin:
        state.runs.put(_Run(order=json.loads(line)))
    state.end_browser()


if __name__ == "__main__":
    main()
