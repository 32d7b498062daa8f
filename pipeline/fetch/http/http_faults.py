"""Faults of HTTP: the meaning of each status and of each error of `requests`, in plain words."""

import http.client
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from pipeline.errors import NetworkError, NotFoundError, ServerError

MAX_REDIRECTS = 10
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
# The name server knows of no such host; where it merely did not answer, the next attempt may do.
_UNKNOWN_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_HINT_HOST = "check the spelling of the host, and whether this machine is online"
_HINT_PROXY = "give the proxy's user and password in HTTPS_PROXY, .npmrc or pip's configuration"
_HINT_CERTIFICATE = (
    "name your network's certificates in REQUESTS_CA_BUNDLE (npm: cafile, pip: cert)"
)


class TransientError(Exception):
    """One attempt failed and the next may succeed; `http_session.retry` makes it.

    Attributes:
        wait_seconds: How long the server asks to wait, None if it does not say.
    """

    def __init__(self, reason: str, *, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def check_status(response: requests.Response, shown: str, *, hint: str) -> None:
    """Raise the error that belongs to a status, unless the status is 200, 206, 304 or 416.

    Args:
        response: The answer.
        shown: The URL as messages show it.
        hint: Remedy if the server refuses without credentials.

    Raises:
        TransientError: The server is busy or fails; it may answer later.
        NetworkError: A proxy refuses.
        NotFoundError: The server has no such file.
        ServerError: The server refuses, or answers with any other status.
    """
    status = response.status_code
    if status in {200, 206, 304, 416}:
        return
    found = f"{status} {http.client.responses.get(status, '')}".strip()  # not the server's words
    if status in _AGAIN or status >= requests.codes.server_error:
        raise TransientError(found, wait_seconds=_parse_wait(response.headers.get("Retry-After")))
    if status == requests.codes.proxy_authentication:
        raise NetworkError(f"{shown}: {found}: the proxy refuses", hint=_HINT_PROXY)
    if status in {401, 403}:
        raise ServerError(f"{shown}: {found}: the server refuses", hint=hint)
    if status in {404, 410}:
        raise NotFoundError(f"{shown}: {found}: there is no such file on the server")
    raise ServerError(f"{shown}: {found}; expected 200 OK")


def translate(error: Exception, shown: str, *, timeout_seconds: float) -> Exception:
    """Return our error for an error of `requests`, whose own text may hold credentials.

    An OSError of the disk is returned as it is: "no space left" stays what it was.

    Args:
        error: The error of `requests`, `urllib3` or the system.
        shown: The URL as messages show it.
        timeout_seconds: The longest wait for an answer, for the message.
    """
    if (lasting := _find_lasting(error, shown)) is not None:
        return lasting
    host = urlsplit(shown).hostname
    match error:
        case requests.exceptions.ProxyError():
            reason = f"the proxy on the way to {host} does not answer"
        case requests.exceptions.Timeout():
            reason = f"no answer from {host} within {timeout_seconds:g} s"
        case requests.exceptions.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            reason = f"connection to {host} failed: {_find_reason(error)}"
        case requests.exceptions.ContentDecodingError():
            reason = "the body cannot be decoded"
        case requests.exceptions.TooManyRedirects():
            return ServerError(f"{shown}: redirected more than {MAX_REDIRECTS} times")
        case requests.RequestException():
            return ServerError(f"{shown}: no request can be made ({type(error).__name__})")
        case urllib3.exceptions.HTTPError():
            reason = f"the connection broke ({type(error).__name__})"
        case _:
            return error  # the disk failed: the caller writes the body to it
    return TransientError(reason)


def _find_lasting(error: Exception, shown: str) -> NetworkError | None:
    """Return the error of a set-up that the next attempt would find as it is; None of another."""
    host = urlsplit(shown).hostname
    match error:
        case requests.exceptions.SSLError():
            fault = f"the certificate of {host} is not trusted, or it speaks no TLS that we know"
            return NetworkError(f"{shown}: {fault}", hint=_HINT_CERTIFICATE)
        case requests.exceptions.ProxyError():
            return None
        case requests.exceptions.ConnectionError() if _is_unknown_host(error):
            return NetworkError(f"{shown}: no host has the name {host}", hint=_HINT_HOST)
        case requests.RequestException() | urllib3.exceptions.HTTPError():
            return None
        case OSError() if error.errno is None:
            fault = "the file of trusted certificates that is configured is not there"
            return NetworkError(f"{shown}: {fault}", hint=_HINT_CERTIFICATE)
    return None


def _find_reason(error: BaseException) -> str:
    """Return the operating system's words at the root of an error: "Connection refused"."""
    told = (each.strerror for each in _causes(error) if isinstance(each, OSError))
    return next(filter(None, told), "it broke off")


def _is_unknown_host(error: BaseException) -> bool:
    return any(
        isinstance(each, socket.gaierror) and each.errno in _UNKNOWN_HOST for each in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, wherever the libraries keep that."""
    seen: set[int] = set()
    pending: list[Any] = [error]
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        reason = getattr(cause, "reason", None)
        pending += [*cause.args, cause.__cause__, cause.__context__, reason]


def _parse_wait(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    try:
        return urllib3.Retry().parse_retry_after(value) if value else None
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
