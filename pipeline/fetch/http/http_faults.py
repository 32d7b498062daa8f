"""Faults of HTTP: what a status or an error of the HTTP library means, in the user's words."""

import email.utils
import http.client
import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from pipeline.errors import NetworkError, NotFoundError, ServerError
from pipeline.fetch.http.fetch_faults import TransientError

MAX_REDIRECTS = 10
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_HINT_PROXY = "give the proxy's user and password in HTTPS_PROXY, .npmrc or pip's configuration"
_HINT_CERTIFICATE = (
    "name your network's certificates in REQUESTS_CA_BUNDLE (npm: cafile, pip: cert)"
)


def check_status(response: requests.Response, shown: str, *, hint: str) -> None:
    """Turn a status that is no success into an error.

    Args:
        response: The answer.
        shown: The URL as messages show it.
        hint: What a reader can do where a server wants to know who asks.
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
    """Return our error for one of the HTTP library, whose own texts may hold credentials."""
    host = urlsplit(shown).hostname
    match error:
        case requests.exceptions.SSLError():
            fault = f"the certificate of {host} is not trusted, or it speaks no TLS that we know"
            return NetworkError(f"{shown}: {fault}", hint=_HINT_CERTIFICATE)
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
        case OSError() if error.errno is None:
            fault = "the file of trusted certificates that is configured is not there"
            return NetworkError(f"{shown}: {fault}", hint=_HINT_CERTIFICATE)
        case _:
            return error  # of the disk: the caller writes what comes
    return TransientError(reason)


def _find_reason(error: BaseException) -> str:
    """Return the operating system's words at the root of an error of the HTTP library."""
    seen: set[int] = set()
    pending: list[Any] = [error]
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        reason = getattr(cause, "reason", None)
        pending += [*cause.args, cause.__cause__, cause.__context__, reason]
    return "it broke off"


def _parse_wait(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]+", value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
