"""A real HTTP server on this machine, whose pages can fail in the ways that servers do."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: Answered in place of the page, when it is no success.
        headers: Sent with that status.
        drop_after: Bytes of the body after which the connection is closed.
        delay_seconds: Wait before the answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    delay_seconds: float = 0


@dataclass(kw_only=True)
class Page:
    """A file of the server.

    Attributes:
        body: Its content.
        etag: Its ETag; None sends none.
        ranges: Whether parts of it may be asked for.
        if_range: Whether If-Range is understood.
        headers: Sent with it.
        faults: One for each of the first requests.
        authorization: The header without which it is refused.
        pace_seconds: Wait after each 64 KiB.
        redirect: Where it is in truth.
    """

    body: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    if_range: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    authorization: str | None = None
    pace_seconds: float = 0
    redirect: str | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]


class Server:
    """Pages by path, and what was asked for."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.host = f"127.0.0.1:{port}"
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []

    def put(self, path: str, body: bytes, *faults: Fault, **page: object) -> str:
        """Publish a file; return its URL."""
        self.pages[path] = Page(body=body, faults=list(faults), **page)  # type: ignore[arg-type]
        return self.url + path

    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [asked.path for asked in self.asked]


@contextlib.contextmanager
def serve() -> Iterator[Server]:
    """Run a server for as long as the context lasts."""
    http = _Listener(("127.0.0.1", 0), _Handler)
    server = Server(http.server_address[1])
    http.pages = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        http.hang_up()
        thread.join()


class _Listener(ThreadingHTTPServer):
    """Hangs up when it ends; a client's kept connection would outlive it otherwise."""

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """Close what clients hold open."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Server = self.server.pages  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path)
        server.asked.append(Asked(path=self.path, headers=dict(self.headers)))
        page = server.pages.get(path)
        if page is None:
            self._answer(404, b"<html>not here</html>", {"Content-Type": "text/html"})
            return
        fault = page.faults.pop(0) if page.faults else Fault()
        time.sleep(fault.delay_seconds)
        if page.authorization and self.headers["Authorization"] != page.authorization:
            self._answer(401, b"", page.headers)
        elif fault.status != 200:
            self._answer(fault.status, b"", fault.headers)
        elif page.redirect:
            self._answer(302, b"", {"Location": page.redirect})
        else:
            self._send(page, fault)

    def _send(self, page: Page, fault: Fault) -> None:
        headers = dict(page.headers)
        if page.etag:
            headers["ETag"] = page.etag
            if self.headers["If-None-Match"] == page.etag:
                self._answer(304, b"", headers)
                return
        body, status = page.body, 200
        wanted = self.headers["Range"]
        same = self.headers["If-Range"] in {None, page.etag} or not page.if_range
        if wanted and page.ranges and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self._answer(status, body, headers, page.pace_seconds, fault.drop_after)

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        pace_seconds: float = 0,
        drop_after: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for start in range(0, len(body[:drop_after]), 65536):
                self.wfile.write(body[:drop_after][start : start + 65536])
                time.sleep(pace_seconds)
        if drop_after is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as http.server names it
        """Say nothing."""
