"""Serve: a folder over HTTP, as a good static host would, for looking at a zoo and for tests.

Pages are isolated from other origins (COOP and COEP), which is what WebAssembly threads and
precise clocks ask for; every file may be read by other origins (CORS and CORP), so that an app
in development can take models from here. It answers to Range and If-None-Match, lists no folder
and leaves the folder by no link.

Nobody who connects can keep others out: a request has to arrive within seconds and a body to be
taken at a least speed; where all threads are taken, whoever has waited longest without a request
under way makes room. A server on the loopback interface answers to its own names only, so that
no page elsewhere reaches it under a name of its own (DNS rebinding).
"""

import contextlib
import math
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.publish.serve.answer import Handler
from pipeline.publish.serve.request_path import is_loopback, parse_host

# Connections at once, each with a thread; a browser opens six.
MAX_CONNECTIONS = 64
_MAKE_ROOM_SECONDS = 0.5
_NUM_TURNED_AWAY = 32
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Access-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n"
)


class SiteServer(ThreadingHTTPServer):
    """A server of one folder; it listens from the start, and answers in `serve_forever`.

    Attributes:
        folder: What it serves.
        url: Where, with a slash at the end.
    """

    request_queue_size = 128

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.folder = folder.resolve()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Since when each has waited for a request; never where one is under way.
        self._connections: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        self._threads_left = threading.Semaphore(max_connections)
        self._turned_away: deque[socket.socket] = deque()
        super().__init__((host, port), Handler)
        self._host = host.lower()
        self._is_private = is_loopback(str(self.server_address[0]))
        shown = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104  # shown, not bound
        bracketed = f"[{shown}]" if ":" in shown else shown
        self.url = f"http://{bracketed}:{self.server_address[1]}/"

    def answers_to(self, host: str) -> bool:
        """Say whether a Host header names this server; on an open network any name may."""
        name = parse_host(host)
        if not self._is_private or name is None:
            return name is not None
        return is_loopback(name) or name == self._host

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and remember it."""
        connection, address = super().get_request()
        self.mark(connection, waiting=True)
        return connection, address

    def mark(self, connection: socket.socket, *, waiting: bool) -> None:
        """Note that a connection waits for a request, or that one is under way."""
        with self._guard:
            self._connections[connection] = time.monotonic() if waiting else math.inf

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; where all are taken, make room or turn the newcomer away."""
        if not self._threads_left.acquire(blocking=False):
            room = self._hang_up_on_who_waits(besides=request)
            if not (room and self._threads_left.acquire(timeout=_MAKE_ROOM_SECONDS)):
                self._turn_away(request)
                return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._threads_left.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and let the next one in."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._threads_left.release()

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is over."""
        with self._guard:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening, and hang up on who is still connected."""
        super().server_close()
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        while self._turned_away:
            self._turned_away.popleft().close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader who went away; a browser does so whenever a page is left."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _hang_up_on_who_waits(self, *, besides: socket.socket) -> bool:
        with self._guard:
            waiting = {
                connection: since
                for connection, since in self._connections.items()
                if since < math.inf and connection is not besides
            }
            if not waiting:
                return False
            oldest = min(waiting, key=lambda connection: waiting[connection])
            # Not chosen again while its thread ends.
            self._connections[oldest] = math.inf
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        return True

    def _turn_away(self, connection: socket.socket) -> None:
        """Ask to come again; closing at once would lose the answer with the unread request."""
        with self._guard:
            self._connections.pop(connection, None)
        with contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.sendall(_FULL)
            connection.shutdown(socket.SHUT_WR)
        self._turned_away.append(connection)
        if len(self._turned_away) > _NUM_TURNED_AWAY:
            self._turned_away.popleft().close()


@contextlib.contextmanager
def serving(
    folder: Path, *, host: str = "127.0.0.1", port: int = 0, **options: int
) -> Iterator[SiteServer]:
    """Serve a folder from a thread for as long as the context lasts; port 0 is any free one."""
    with SiteServer(folder, host=host, port=port, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
