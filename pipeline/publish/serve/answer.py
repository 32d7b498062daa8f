"""Answers: one HTTP connection of the local server, from its first byte to its last.

A request is read whole before it is looked at, within a time and a size, and whatever it asks
for is answered: a file, a part of one, a redirect, or a sentence about why not.
"""

import contextlib
import errno
import io
import os
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from pipeline.disk.beneath import open_beneath
from pipeline.publish.headers import find_content_type
from pipeline.publish.serve.arrival import Arrival, RefusedError
from pipeline.publish.serve.request_path import (
    ByteRange,
    RequestTarget,
    matches,
    parse_range,
    parse_request_target,
)

INDEX = "index.html"
NOT_FOUND = "404.html"
MAX_TARGET_BYTES = 8 * 1024
# A reader who takes less than this in that time, 8 KiB a second, is left.
_CHUNK_BYTES = 256 * 1024
_SEND_SECONDS = 30.0
# What an OSError says of a file that is not to be had; all others are faults of this machine.
_MISSING = {
    errno.EACCES,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENXIO,
    errno.EPERM,
}

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
_ALLOWED = "GET, HEAD, OPTIONS"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": _ALLOWED,
    "Access-Control-Allow-Headers": "*, Range, If-None-Match, If-Range",
    "Access-Control-Max-Age": "600",
}
_TEXTS = {
    HTTPStatus.BAD_REQUEST: "this is no request",
    HTTPStatus.NOT_FOUND: "not found",
    HTTPStatus.METHOD_NOT_ALLOWED: f"only {_ALLOWED} are answered",
    HTTPStatus.REQUEST_TIMEOUT: "the request did not arrive in time",
    HTTPStatus.REQUEST_URI_TOO_LONG: "the path is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "the headers are too large",
    HTTPStatus.MISDIRECTED_REQUEST: "this server answers as localhost, 127.0.0.1 and [::1] only; "
    "`tfjs-zoo serve --host` names another address to listen on",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the file cannot be read",
}


class Site(Protocol):
    """What a connection is told by its server."""

    @property
    def folder(self) -> Path: ...  # noqa: D102  # see SiteServer
    def answers_to(self, host: str) -> bool: ...  # noqa: D102  # see SiteServer
    def mark(self, connection: socket.socket, *, waiting: bool) -> None: ...  # noqa: D102  # see SiteServer


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    # Until a request says which it speaks: an error then has a status line, too.
    default_request_version = "HTTP/1.0"
    server: Any

    def setup(self) -> None:
        """Begin with nothing received."""
        super().setup()
        self._site: Site = self.server
        self._arrival = Arrival(self.connection)
        self._unread = False

    def handle_one_request(self) -> None:
        """Read a request and answer it."""
        self.command, self.requestline = "", ""
        self.request_version = self.default_request_version
        head: bytes | HTTPStatus | None
        try:
            head = self._arrival.receive_head()
        except RefusedError as refused:
            head = refused.status
        self._site.mark(self.connection, waiting=False)
        self.connection.settimeout(_SEND_SECONDS)
        if head is None:
            self.close_connection = True
            return
        if isinstance(head, HTTPStatus):
            self.send_error(head)
            return
        self.rfile = io.BufferedReader(io.BytesIO(head))
        self.raw_requestline = self.rfile.readline()
        if self.parse_request():
            self._answer()
        self._site.mark(self.connection, waiting=True)

    def finish(self) -> None:
        """Read on for a moment where something was sent that nobody asked for."""
        if self._unread:
            with contextlib.suppress(OSError):
                self._arrival.linger()
        super().finish()

    def handle_expect_100(self) -> bool:
        """Ask for no body: nothing that is answered here has one."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request, and hang up; what it said is not said back."""
        del message, explain
        self.close_connection = self._unread = True
        self._say(HTTPStatus(code))

    def version_string(self) -> str:
        """Return what the server calls itself."""
        return "tfjs-zoo"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing; a browser's own tools show requests better."""

    def _answer(self) -> None:
        body = self.headers["Transfer-Encoding"] or self.headers["Content-Length"] or "0"
        if body.strip() != "0":
            self.close_connection = self._unread = True
        target = parse_request_target(self.path)
        fault = self._find_fault(target)
        if fault is not None:
            self.send_error(fault)
        elif self.command == "OPTIONS":
            self._head(HTTPStatus.NO_CONTENT, _PREFLIGHT)
        elif target is None:
            self._miss()
        else:
            self._find(target)

    def _find_fault(self, target: RequestTarget | None) -> HTTPStatus | None:
        """Return why a request is not answered, whatever file it asks for."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) > 1 or (not hosts and self.request_version != "HTTP/1.0"):
            return HTTPStatus.BAD_REQUEST
        if target is not None and target.host is not None:
            hosts.append(target.host)
        if not all(map(self._site.answers_to, hosts)):
            return HTTPStatus.MISDIRECTED_REQUEST
        if self.command not in _ALLOWED.split(", "):
            return HTTPStatus.METHOD_NOT_ALLOWED
        if len(self.path) > MAX_TARGET_BYTES:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        return None

    def _find(self, target: RequestTarget) -> None:
        path = f"{target.path}/{INDEX}".lstrip("/") if target.slash else target.path
        try:
            file = open_beneath(self._site.folder, path)
        except IsADirectoryError:
            self._redirect(target)
        except OSError as error:
            if error.errno in _MISSING:
                self._miss()
            else:
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            with file:
                self._send(path, file)

    def _redirect(self, target: RequestTarget) -> None:
        """Lead to a folder with its slash, where it has a page."""
        try:
            open_beneath(self._site.folder, f"{target.path}/{INDEX}").close()
        except OSError:
            self._miss()
        else:
            # By the path and not by the target, which may name a host.
            self._head(HTTPStatus.MOVED_PERMANENTLY, {"Location": f"/{quote(target.path)}/"}, 0)

    def _send(self, path: str, file: BinaryIO) -> None:
        found = os.fstat(file.fileno())
        etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        if self.headers["If-Match"] and not matches(self.headers["If-Match"], etag):
            self._head(HTTPStatus.PRECONDITION_FAILED, {"ETag": etag}, 0)
            return
        if matches(self.headers["If-None-Match"], etag):
            self._head(HTTPStatus.NOT_MODIFIED, {"ETag": etag})
            return
        # RFC 9110, 14.2: a part is defined for GET alone.
        is_part = self.command == "GET" and self.headers["If-Range"] in {None, etag}
        part = parse_range(self.headers["Range"] if is_part else None, found.st_size)
        if part is None:
            size = {"Content-Range": f"bytes */{found.st_size}"}
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, size, 0)
            return
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Type": find_content_type(path),
        }
        status = HTTPStatus.OK
        if (part.start, part.end) != (0, found.st_size):
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{found.st_size}"
        self._head(status, headers, part.end - part.start)
        self._copy(file, part)

    def _copy(self, file: BinaryIO, part: ByteRange) -> None:
        """Send a part of a file; each chunk has to be taken within its time."""
        if self.command == "HEAD":
            return
        file.seek(part.start)
        left = part.end - part.start
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            self.wfile.write(chunk)
            left -= len(chunk)
        if left:  # It became shorter meanwhile: what was promised cannot come.
            self.close_connection = True

    def _miss(self) -> None:
        """Say that nothing is there, with the site's own page where it has one."""
        try:
            file = open_beneath(self._site.folder, NOT_FOUND)
        except OSError:
            self._say(HTTPStatus.NOT_FOUND)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            kind = {"Content-Type": find_content_type(NOT_FOUND)}
            self._head(HTTPStatus.NOT_FOUND, kind, size)
            self._copy(file, ByteRange(start=0, end=size))

    def _say(self, status: HTTPStatus) -> None:
        """Answer with a sentence."""
        text = f"{_TEXTS.get(status, status.phrase)}\n".encode()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _ALLOWED
        self._head(status, headers, len(text))
        if self.command != "HEAD":
            self.wfile.write(text)

    def _head(self, status: HTTPStatus, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
