"""Watching servers: a server that keeps us waiting is hung up on, at any point of its response.

The timeout of a socket ends one wait, and the next byte begins another: a server that sends a
header or a byte a minute would hold us for ever. So a thread watches from outside. The response has
to begin within the timeout; then a number of bytes has to come in each timeout; and the deadline
ends everything. The thread hangs up by shutting the socket down, which wakes its reader, also in
a TLS handshake and in the response of a proxy.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

from pipeline.errors import ServerError
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.fetch.http.deadline import Deadline

LEAST_BYTES_PER_SECOND = 1024
# Responses that are read into memory: lists of versions, listings, catalogs.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_MIN_CHUNK_BYTES = 1024
_MAX_CHUNK_BYTES = 1024 * 1024
# A connection that is made after its time has passed is hung up on after so long.
_AGAIN_SECONDS = 0.05


class Watch:
    """The watch over the server of one request.

    Args:
        deadline: The end of the time for the response.
        seconds: Longest wait for a response, and longest time below the least speed.
        host: The server as messages name it.

    Attributes:
        too_slow: The server's failure, "no answer from host within 60 s", after it was hung up on.
        too_late: Whether the server was hung up on at the deadline.
        chunk_bytes: Most bytes to wait for at once; a chunk counts only when it is whole.
    """

    def __init__(self, deadline: Deadline, seconds: float, host: str) -> None:
        self.too_slow: str | None = None
        self.too_late = False
        self.chunk_bytes = max(_MIN_CHUNK_BYTES, int(LEAST_BYTES_PER_SECOND * seconds / 2))
        self._deadline = deadline
        self._seconds = seconds
        self._host = host
        self._end = time.monotonic() + seconds
        self._began = False
        self._num_bytes = self._num_before = 0
        self._connection: Any = None
        self._socket: Any = None
        self._over = threading.Event()

    @property
    def hung_up(self) -> bool:
        """Whether the server was hung up on."""
        return self.too_late or self.too_slow is not None

    def follow(self, connection: Any) -> None:
        """Watch a connection from now on; its socket may be made later."""
        self._connection, self._socket = connection, None
        self._end = time.monotonic() + 2 * self._seconds  # a name may have several addresses

    def wait_for_answer(self, connection: Any) -> None:
        """Watch for the response to a request that was sent.

        Its socket is kept, because a connection drops its socket with its last response.
        """
        self._socket = connection.sock
        self._end = time.monotonic() + self._seconds

    def begin(self) -> None:
        """Watch the body of a response that has begun."""
        self._began = True
        self._end = time.monotonic() + self._seconds

    def count(self, num_bytes: int) -> None:
        """Count bytes of the body."""
        self._num_bytes += num_bytes
        self._deadline.extend(num_bytes)

    def run(self) -> None:
        """Watch until `end` is called."""
        while not self._over.wait(min(self._end - time.monotonic(), self._deadline.left())):
            self.too_late = self._deadline.left() == 0
            if not self.too_late and time.monotonic() >= self._end:
                self._look()
            if self.hung_up:
                self._hang_up()
                # A connection may be made after its time has passed.
                self._end = time.monotonic() + _AGAIN_SECONDS
                self._over.wait(_AGAIN_SECONDS)

    def _look(self) -> None:
        """Note the server's failure at the end of a wait, or begin another wait."""
        least = LEAST_BYTES_PER_SECOND * self._seconds
        if not self._began:
            self.too_slow = f"no answer from {self._host} within {self._seconds:g} s"
        elif self._num_bytes - self._num_before < least:
            self.too_slow = (
                f"less than {least / 1024:.2g} KiB from {self._host} within {self._seconds:g} s"
            )
        self._num_before = self._num_bytes
        self._end = time.monotonic() + self._seconds

    def end(self) -> None:
        """Let the thread end."""
        self._over.set()

    def _hang_up(self) -> None:
        found = self._socket or getattr(self._connection, "sock", None)
        found = getattr(found, "socket", found)  # of TLS within a proxy's TLS
        if isinstance(found, socket.socket):
            with contextlib.suppress(OSError):
                # ssl.SSLSocket.shutdown would take the TLS state away from the reader.
                socket.socket.shutdown(found, socket.SHUT_RDWR)


class _Local(threading.local):
    """The state of one thread: the watch over its request."""

    watch: Watch | None = None


_local = _Local()


@contextlib.contextmanager
def watching(deadline: Deadline, seconds: float, host: str) -> Iterator[Watch]:
    """Watch the requests that this thread makes within the context.

    Args:
        deadline: The end of the time for the responses.
        seconds: Longest wait for a response, and longest time below the least speed.
        host: The server as messages name it.
    """
    watch = Watch(deadline, seconds, host)
    thread = threading.Thread(target=watch.run, name="watch", daemon=True)
    thread.start()
    _local.watch = watch
    try:
        yield watch
    finally:
        _local.watch = None
        watch.end()
        thread.join()


class WatchedAdapter(requests.adapters.HTTPAdapter):
    """Makes connections that the thread's watch follows, and responses whose bytes it counts."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections to servers."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        if isinstance(manager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Return a response whose bytes are counted."""
        response = _CountedResponse(_local.watch)
        response.__dict__.update(super().build_response(req, resp).__dict__)
        return response


class _CountedResponse(requests.Response):
    """A response whose bytes are counted; `content` has a limit."""

    def __init__(self, watch: Watch | None) -> None:
        super().__init__()
        self._watch = watch
        self._max_bytes: int | None = None

    @property
    def content(self) -> bytes | Any:
        """The body, of at most `MAX_ANSWER_BYTES`."""
        self._max_bytes = MAX_ANSWER_BYTES
        return super().content

    def iter_content(
        self,
        chunk_size: int | None = 1,
        decode_unicode: bool = False,  # noqa: FBT001, FBT002  # as requests has it
    ) -> Iterator[Any]:
        """Yield the body in chunks that a server of the least speed fills within the timeout."""
        total = 0
        if self._watch:
            chunk_size = min(chunk_size or _MAX_CHUNK_BYTES, self._watch.chunk_bytes)
        for chunk in _reading(super().iter_content(chunk_size, decode_unicode)):
            total += len(chunk)
            if self._watch:
                self._watch.count(len(chunk))
            if self._max_bytes is not None and total > self._max_bytes:
                self.close()
                limit = MAX_ANSWER_BYTES // 1024**2
                raise ServerError(
                    f"{strip_credentials(self.url)}: an answer of more than {limit} MiB; refused"
                )
            yield chunk
        if self._watch:
            self._watch.end()


def _reading(chunks: Iterator[Any]) -> Iterator[Any]:
    """Yield chunks; raise the errors of http.client about a body as an error of requests."""
    try:
        yield from chunks
    except (http.client.HTTPException, ValueError) as error:
        if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError | OSError):
            raise
        raise requests.exceptions.ChunkedEncodingError(type(error).__name__) from None


class _Followed:
    """A connection that the thread's watch follows."""

    sock: Any

    def connect(self) -> None:
        if _local.watch:
            _local.watch.follow(self)
        super().connect()  # type: ignore[misc]  # of urllib3's connection

    def request(self, *arguments: Any, **options: Any) -> None:
        if _local.watch:
            _local.watch.follow(self)
        super().request(*arguments, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        if _local.watch:
            _local.watch.wait_for_answer(self)
        return super().getresponse()  # type: ignore[misc]


class _HttpConnection(_Followed, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_Followed, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS: Any = {"http": _HttpPool, "https": _HttpsPool}
