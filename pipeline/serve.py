"""Serve: a folder over HTTP, as a good static host would, for looking at a zoo and for tests.

Pages are isolated from other origins (COOP and COEP), which is what WebAssembly threads and
precise clocks ask for; every file may be read by other origins (CORS and CORP), so that an app
in development can take models from here. It answers to Range and If-None-Match, lists no folder
and leaves the folder by no link.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from pipeline.publish.headers import find_content_type

INDEX = "index.html"
NOT_FOUND = "404.html"
_CHUNK_BYTES = 1024**2
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    # Asked again each time, which costs a 304: while one works, files change.
    "Cache-Control": "no-cache",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*, Range, If-None-Match, If-Range",
    "Access-Control-Max-Age": "600",
}


class SiteServer(ThreadingHTTPServer):
    """A server of one folder; it listens from the start, and answers in `serve_forever`.

    Attributes:
        folder: What it serves.
        url: Where, with a slash at the end.
    """

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.folder = folder.resolve()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[socket.socket] = set()
        super().__init__((host, port), _Handler)
        shown = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104  # shown, not bound
        bracketed = f"[{shown}]" if ":" in shown else shown
        self.url = f"http://{bracketed}:{self.server_address[1]}/"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and remember it."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is over."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening, and hang up on who is still connected."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader who went away; a browser does so whenever a page is left."""


@contextlib.contextmanager
def serving(folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[SiteServer]:
    """Serve a folder from a thread for as long as the context lasts; port 0 is any free one."""
    with SiteServer(folder, host=host, port=port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Bytes of a file from `start` to before `end`."""

    start: int
    end: int


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SiteServer

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        self._head(HTTPStatus.NO_CONTENT, _PREFLIGHT)

    def _answer(self, *, body: bool) -> None:
        path = find_file(self.server.folder, self.path)
        if path is None:
            self._miss(body=body)
        elif path.is_dir():
            # By the path that was found and not by the one asked for, which may name a host.
            inside = path.relative_to(self.server.folder).as_posix()
            self._head(HTTPStatus.MOVED_PERMANENTLY, {"Location": f"/{quote(inside)}/"}, 0)
        else:
            with path.open("rb") as file:
                self._send(path, file, body=body)

    def _send(self, path: Path, file: BinaryIO, *, body: bool) -> None:
        stat = os.fstat(file.fileno())
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Type": find_content_type(path.name),
        }
        if etag in (self.headers["If-None-Match"] or "").replace("W/", "").split(", "):
            self._head(HTTPStatus.NOT_MODIFIED, {"ETag": etag})
            return
        asked = self.headers["Range"] if self.headers["If-Range"] in {None, etag} else None
        part = parse_range(asked, stat.st_size)
        if part is None:
            self._head(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                {"Content-Range": f"bytes */{stat.st_size}"},
                0,
            )
            return
        status = HTTPStatus.OK
        if (part.start, part.end) != (0, stat.st_size):
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{stat.st_size}"
        self._head(status, headers, part.end - part.start)
        if body:
            self._copy(file, part)

    def _copy(self, file: BinaryIO, part: _Part) -> None:
        file.seek(part.start)
        left = part.end - part.start
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            self.wfile.write(chunk)
            left -= len(chunk)
        if left:  # It became shorter meanwhile: what was promised cannot come.
            self.close_connection = True

    def _miss(self, *, body: bool) -> None:
        page = self.server.folder / NOT_FOUND
        content = page.read_bytes() if page.is_file() else b"not found\n"
        kind = find_content_type(NOT_FOUND if page.is_file() else "not-found.txt")
        self._head(HTTPStatus.NOT_FOUND, {"Content-Type": kind}, len(content))
        if body:
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def version_string(self) -> str:
        return "tfjs-zoo"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing; a browser's own tools show requests better."""


def find_file(folder: Path, target: str) -> Path | None:
    """Return the file that a request asks for, or the folder where it lacks its slash.

    Args:
        folder: Resolved folder that is served.
        target: Path of the request, with its query.

    Returns:
        None where nothing is to be had: no such file, a hidden one, one outside of the folder.
    """
    path = unquote(urlsplit(f"//host{target}" if target.startswith("/") else target).path)
    names = [name for name in path.split("/") if name]
    if "\0" in path or "\\" in path or any(name.startswith(".") for name in names):
        return None
    found = folder.joinpath(*names).resolve()
    if not found.is_relative_to(folder):
        return None
    if found.is_dir():
        if not (found / INDEX).is_file():
            return None
        return found / INDEX if path.endswith("/") else found
    return found if found.is_file() and not path.endswith("/") else None


def parse_range(header: str | None, size: int) -> _Part | None:
    """Return the bytes that a Range header asks for; None where the file has none of them.

    Several ranges, and what is no range, ask for the whole: RFC 9110 lets a server ignore them.
    """
    whole = _Part(start=0, end=size)
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return whole
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return whole
    return _Part(start=start, end=end) if start < end else None
