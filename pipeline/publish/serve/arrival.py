"""Arrival: HTTP requests as they come in on a connection, each whole, within a time and a size."""

import re
import socket
import time
from http import HTTPStatus

MAX_HEAD_BYTES = 32 * 1024
IDLE_SECONDS = 30.0
HEAD_SECONDS = 10.0
# How much, and for how long, is read of what nobody asked for, so that the answer arrives.
_LINGER_BYTES = 1024**2
_LINGER_SECONDS = 2.0
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class RefusedError(Exception):
    """Something came that is no request.

    Attributes:
        status: What to answer.
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Arrival:
    """The requests of one connection.

    Args:
        connection: Where they come in; its time-out is set by each reading.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def receive_head(self) -> bytes | None:
        """Return the next request up to its blank line; None where none comes.

        Raises:
            RefusedError: It is too large, or does not arrive in time.
            OSError: The connection broke.
        """
        begun = bool(self._received)
        deadline = time.monotonic() + (HEAD_SECONDS if begun else IDLE_SECONDS)
        while True:
            end = _HEAD_END.search(self._received)
            size = end.end() if end else len(self._received)
            if size > MAX_HEAD_BYTES:
                raise RefusedError(_too_large(self._received))
            if end:
                break
            chunk = self._receive(deadline)
            if chunk is None and begun:
                raise RefusedError(HTTPStatus.REQUEST_TIMEOUT)
            if not chunk:
                return None
            if not begun:
                begun, deadline = True, time.monotonic() + HEAD_SECONDS
            # RFC 9112, 2.2: empty lines before a request are nothing.
            self._received = (self._received + chunk).lstrip(b"\r\n")
        head, self._received = self._received[:size], self._received[size:]
        return head

    def linger(self) -> None:
        """End our half, and read on for a moment: closing over unread bytes takes the answer back.

        Raises:
            OSError: The connection broke.
        """
        self._connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _LINGER_SECONDS
        left = _LINGER_BYTES
        while left > 0 and (chunk := self._receive(deadline)):
            left -= len(chunk)

    def _receive(self, deadline: float) -> bytes | None:
        """Return bytes that came, none where the sender ended, None where none came in time."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        self._connection.settimeout(left)
        try:
            return self._connection.recv(MAX_HEAD_BYTES)
        except TimeoutError:
            return None


def _too_large(received: bytes) -> HTTPStatus:
    if b"\n" in received[:MAX_HEAD_BYTES]:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.REQUEST_URI_TOO_LONG
