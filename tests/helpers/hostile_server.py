"""A server that does as it likes: each way is a function of the connection."""

import contextlib
import gzip
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

Way = Callable[[socket.socket], None]

_OK = b"HTTP/1.1 200 OK\r\n"
_DRIP_SECONDS = 0.05
_BODY = bytes(range(256)) * 8
_ZEROS = bytes(64 * 1024**2)
# At a higher level the five bombs took 1 s of each process that collects tests.
_BOMB = gzip.compress(_ZEROS, compresslevel=1)


@contextlib.contextmanager
def misbehave(way: Way) -> Iterator[str]:
    """Run a server that answers every request in one way; yield its URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _read_request(self.request)
                way(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.hang_up()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _read_request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        more = connection.recv(65536)
        if not more:
            raise OSError
        content += more
    return content


def say(*parts: bytes) -> Way:
    """Return the way of a server that says this and hangs up."""
    return lambda connection: connection.sendall(b"".join(parts))


def head(*lines: str, status: str = "200 OK") -> bytes:
    """Return the head of an answer."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode("latin-1")


def drip(start: bytes, piece: bytes = b"a") -> Way:
    """Return the way of a server that lets one piece follow another, slowly and for ever."""

    def way(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(_DRIP_SECONDS)

    return way


def pour(start: bytes, piece: bytes) -> Way:
    """Return the way of a server that lets one piece follow another, for ever."""

    def way(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return way


def stall(start: bytes) -> Way:
    """Return the way of a server that begins an answer and never ends it."""

    def way(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.recv(1)

    return way


def chunk(content: bytes) -> bytes:
    """Return a piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def _redirect(place: str, *lines: str) -> bytes:
    return head(f"Location: {place}", "Content-Length: 0", *lines, status="302 Found")


_CHUNKED = head("Transfer-Encoding: chunked")

SLOW: dict[str, Way] = {
    "never answers": stall(b""),
    "half a status line": stall(b"HTTP/1.1 20"),
    "a header that drips": drip(_OK + b"X: "),
    "headers that drip": drip(_OK, b"X: y\r\n"),
    "headers and no body": stall(head("Content-Length: 100000")),
    "a body that stalls": stall(head("Content-Length: 100000") + _BODY),
    "a body that drips": drip(head("Content-Length: 100000")),
    "a body that drips to the end of the connection": drip(head("Connection: close")),
    "a body of HTTP/1.0 that drips": drip(b"HTTP/1.0 200 OK\r\n\r\n"),
    "chunks that drip": drip(_CHUNKED, chunk(b"a")),
    "a chunk's size that drips": drip(_CHUNKED, b"0"),
    "a chunk's extension that drips": drip(_CHUNKED + b"5;"),
    "trailers that drip": drip(_CHUNKED + b"0\r\n", b"X: y\r\n"),
    "a compressed body that drips": drip(
        head("Content-Encoding: gzip", "Connection: close") + gzip.compress(b"")[:10], b"\0"
    ),
    "interim answers that drip": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an error whose body drips": drip(head("Content-Length: 9999", status="404 Not Found")),
    "a redirection whose body drips": drip(_redirect("/").replace(b"Length: 0", b"Length: 9999")),
}
"""Ways to keep somebody waiting for ever."""

FALSE: dict[str, Way] = {
    "hangs up": say(),
    "no HTTP": say(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "zeros": pour(b"", bytes(65536)),
    "an endless status line": pour(b"HTTP/1.1 200 ", b"a" * 65536),
    "an endless header": pour(_OK + b"X: ", b"a" * 65536),
    "endless headers": pour(_OK, b"X: y\r\n" * 1000),
    "endless interim answers": pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a header without a name": say(_OK, b": \r\n\xff\xfe\0\r\n\r\n"),
    "status 000": say(head(status="000 ")),
    "status 999": say(head(status="999 \x1b[2J" + "a" * 1000)),
    "status 100 and no more": say(head(status="100 Continue")),
    "status 204": say(head(status="204 No Content")),
    "status 300": say(head("Content-Length: 0", status="300 Multiple Choices")),
    "304 to nobody's question": say(head('ETag: "x"', status="304 Not Modified")),
    "206 to nobody's question": say(
        head("Content-Length: 1", "Content-Range: bytes 5-5/9", status="206 Partial Content"), b"a"
    ),
    "206 of nonsense": say(
        head("Content-Range: bytes " + "9" * 5000 + "-\xb2/*", status="206 Partial Content"), b"a"
    ),
    "416 always": say(head("Content-Length: 0", status="416 Range Not Satisfiable")),
    "a longer length": say(head("Content-Length: 9999"), _BODY),
    "a length beyond all": say(head("Content-Length: 999999999999999999"), _BODY),
    "two lengths": say(head("Content-Length: 5", "Content-Length: 7"), _BODY),
    "a length of a broken part": say(head('ETag: "1"', "Content-Length: 9999"), _BODY),
    "an endless body": pour(head("Connection: close"), bytes(range(256)) * 256),
    "endless chunks": pour(_CHUNKED, chunk(bytes(range(256)) * 256)),
    "an endless chunk's extension": pour(_CHUNKED + b"5;", b"a" * 65536),
    "a chunk of a wrong size": say(_CHUNKED, b"zz\r\nabc\r\n"),
    "a chunk of a negative size": say(_CHUNKED, b"-5\r\nabc\r\n0\r\n\r\n"),
    "a chunk beyond all": say(_CHUNKED, b"f" * 16, b"\r\nabc"),
    "half a chunk": say(_CHUNKED, b"ff\r\nabc"),
    "a bomb": say(head("Content-Encoding: gzip", "Connection: close"), _BOMB),
    "a bomb in a bomb": say(
        head("Content-Encoding: gzip, gzip", "Connection: close"), gzip.compress(_BOMB)
    ),
    "a deflated bomb": say(
        head("Content-Encoding: deflate", "Connection: close"), zlib.compress(_ZEROS, level=1)
    ),
    "no gzip": say(head("Content-Encoding: gzip", "Content-Length: 2048"), _BODY),
    "half a gzip": say(head("Content-Encoding: gzip", "Content-Length: 9999"), _BOMB[:5000]),
    "goes round": say(_redirect("/")),
    "goes on without a place": say(head("Content-Length: 0", status="302 Found")),
    "goes on to a file": say(_redirect("file:///etc/passwd")),
    "goes on to ftp": say(_redirect("ftp://127.0.0.1/x")),
    "goes on to data": say(_redirect("data:text/plain,model")),
    "goes on to a script": say(_redirect("javascript:alert(1)")),
    "goes on to nonsense": say(_redirect("http://[::1")),
    "goes on to a port beyond all": say(_redirect("http://127.0.0.1:99999/")),
    "goes on to a name that is none": say(_redirect("http://" + "a" * 300 + "/")),
    "goes on to controls": say(_redirect("http://127.0.0.1/\x1b]0;x\x07\xb2")),
    "goes on with an endless body": pour(
        _redirect("/").replace(b"Content-Length: 0", b"Connection: close"), bytes(65536)
    ),
    "asks to wait for nonsense": say(head("Retry-After: \xb2", status="503 Busy")),
    "asks to wait for ever": say(head("Retry-After: " + "9" * 5000, status="503 Busy")),
    "asks to wait until the year 0": say(
        head("Retry-After: Mon, 01 Jan 0000 00:00:00 GMT", status="503 Busy")
    ),
    "asks to wait until the year 9999": say(
        head("Retry-After: Fri, 31 Dec 9999 23:59:59 -2359", status="503 Busy")
    ),
    "asks who we are, in nonsense": say(head("WWW-Authenticate: \xff", status="401 Who")),
    "asks the proxy": say(head("Content-Length: 0", status="407 Proxy")),
    "an empty file": say(head("Content-Length: 0")),
    "a negative length and nothing": say(head("Content-Length: -5")),
    "a length that is none and nothing": say(head("Content-Length: \xb2")),
    "a page": say(head("Content-Type: text/html", "Content-Length: 15"), b"<!doctype html>"),
}
"""Ways to answer that bring nothing."""
