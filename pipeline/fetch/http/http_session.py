"""HTTP: one session per thread, repeated attempts, and errors in plain words.

It knows neither files nor packages; `pipeline.fetch.http.download` writes the bodies to disk.

`retry` is ours and not `urllib3.Retry`, which ends with the headers: it does not repeat a request
whose body broke off (1 request, where ours goes on from the last byte). It sleeps through any
deadline, up to six hours if a server asks for that, and a Retry-After of 5000 digits ends it with
a ValueError. The clients of Hugging Face and of buckets, which do not use urllib3, share `retry`.
"""

import base64
import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import requests.auth
import requests.utils
import urllib3

from pipeline.errors import NetworkError, ServerError
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_faults import (
    MAX_REDIRECTS,
    TransientError,
    check_status,
    translate,
)
from pipeline.fetch.http.watch import WatchedAdapter, watching

MAX_WAIT_SECONDS = 60.0
_HINT_CREDENTIALS = "give credentials for that host in ~/.netrc, .npmrc or pip's configuration"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """The settings of a connection: certificates, proxies, credentials, patience.

    Attributes:
        verify: False to trust any certificate; a text is the file of trusted certificates.
        trusted_hosts: Hosts whose certificates are not checked.
        proxies: (scheme, proxy URL) pairs, which come before those of the environment.
        credentials: ("//host/path", value of the Authorization header) pairs. A request gets
            the header of the longest "//host/path" that its URL begins with.
        timeout_seconds: Longest wait for a connection, and for each next byte.
        attempts: Number of attempts in all.
        backoff_seconds: Wait before the second attempt; it doubles before each further attempt.
        hint: Remedy if the server refuses without credentials.
    """

    verify: bool | str = True
    trusted_hosts: tuple[str, ...] = ()
    proxies: tuple[tuple[str, str], ...] = ()
    credentials: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_seconds: float = 60.0
    attempts: int = 5
    backoff_seconds: float = 0.5
    hint: str = _HINT_CREDENTIALS


def retry(
    attempt: Callable[[], T],
    *,
    settings: HttpSettings,
    url: str,
    deadline: Deadline | None = None,
) -> T:
    """Call `attempt` until it raises no TransientError, waiting longer each time.

    Args:
        attempt: Makes one attempt.
        settings: The number of attempts, and the wait between them.
        url: The URL or the source, for messages.
        deadline: The end of the time for all attempts.

    Raises:
        NetworkError: All attempts failed, the server asks for too long a wait, or the time for
            all attempts has passed.
    """
    deadline = deadline or Deadline()
    for number in range(1, settings.attempts + 1):
        deadline.check(strip_credentials(url))
        try:
            return attempt()
        except TransientError as error:
            wait = settings.backoff_seconds * 2 ** (number - 1) * (1 + random.random())  # noqa: S311  # no secret
            wait = max(min(wait, MAX_WAIT_SECONDS), error.wait_seconds or 0)
            if number == settings.attempts or wait > MAX_WAIT_SECONDS:
                tries = f" ({number} attempts)" if number > 1 else ""
                raise NetworkError(
                    f"{strip_credentials(url)}: {error}{tries}",
                    hint="run the same command again later; what has arrived is kept",
                ) from None
        time.sleep(min(wait, deadline.left()))
    raise AssertionError(settings.attempts)


@contextlib.contextmanager
def open_url(
    url: str,
    *,
    settings: HttpSettings,
    headers: Mapping[str, str],
    written: str | None = None,
    deadline: Deadline | None = None,
) -> Iterator[requests.Response]:
    """Send one GET request; the caller reads the body within the context.

    `content` of the response has at most `MAX_ANSWER_BYTES`; `iter_content` has no limit.

    Args:
        url: The URL, with credentials.
        settings: The settings of the connection.
        headers: Headers of the request.
        written: The URL as messages show it; None for `url` without its credentials.
        deadline: The end of the time for the response and its body.

    Yields:
        A response of status 200, 206, 304 or 416.

    Raises:
        TransientError: The connection or the server failed, perhaps while the body was read.
        NetworkError: The set-up of this machine does not reach the server, or the time has
            passed.
        ServerError: The server refuses, or does not have the file.
    """
    shown = strip_credentials(written or url)
    deadline = deadline or Deadline()
    host = urlsplit(shown).hostname or ""
    with watching(deadline, settings.timeout_seconds, host) as watch:
        try:
            with _send(url, settings, headers, deadline) as response:
                watch.begin()
                check_status(response, shown, hint=settings.hint)
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if not watch.hung_up:
                raise translate(error, shown, timeout_seconds=settings.timeout_seconds) from None
        # After we hung up, a body without a stated length looks complete.
        if watch.too_late:
            raise deadline.fault(shown)
        if watch.too_slow:
            raise TransientError(watch.too_slow)


def _send(
    url: str, settings: HttpSettings, headers: Mapping[str, str], deadline: Deadline
) -> requests.Response:
    # A timeout of 0 makes sockets that never wait.
    timeout = min(settings.timeout_seconds, max(deadline.left(), 0.01))
    session = open_session(settings)
    try:
        response = session.get(url, headers=dict(headers), stream=True, timeout=timeout)
    except (UnicodeError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
            raise
        # A URL, credentials or the target of a redirection cannot be put into a request.
        raise requests.exceptions.InvalidURL(type(error).__name__) from None
    # Of two encodings, each may hide a bomb in the other.
    if "," in response.headers.get("Content-Encoding", ""):
        response.close()
        raise requests.exceptions.InvalidHeader("Content-Encoding")
    return response


def load_answer(
    url: str, *, settings: HttpSettings, headers: Mapping[str, str], deadline: Deadline
) -> requests.Response:
    """Ask a server for a small document, with several attempts; return the response, read whole.

    Args:
        url: The URL, with credentials.
        settings: The settings of the connection.
        headers: Headers of the request.
        deadline: The end of the time for all attempts.

    Raises:
        NetworkError: The server does not answer in time.
        ServerError: The server refuses, does not have the document, or sends too much.
    """

    def attempt() -> requests.Response:
        with open_url(url, settings=settings, headers=headers, deadline=deadline) as response:
            assert response.content is not None  # `content` reads the body and keeps it
            return response

    return retry(attempt, settings=settings, url=url, deadline=deadline)


def open_session(settings: HttpSettings) -> requests.Session:
    """Return this thread's session with these settings."""
    sessions: dict[HttpSettings, requests.Session] = _local.__dict__.setdefault("sessions", {})
    if settings not in sessions:
        sessions[settings] = _Session(settings)
    return sessions[settings]


def basic_auth(user: str, password: str) -> str:
    """Return the Authorization header's value for a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class _Local(threading.local):
    """The state of one thread: its sessions by their settings."""


_local = _Local()


class _ScopedAuth(requests.auth.AuthBase):
    """The credentials of the URL itself, of the settings or of ~/.netrc, in this order."""

    def __init__(self, settings: HttpSettings) -> None:
        self.scopes = sorted(settings.credentials, key=lambda pair: -len(pair[0]))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if header := self._find(request.url or ""):
            request.headers["Authorization"] = header
        return request

    def _find(self, url: str) -> str | None:
        pair = requests.utils.get_auth_from_url(url)
        if any(pair):
            return basic_auth(*pair)
        parts = urlsplit(url)
        target = f"//{parts.netloc.rpartition('@')[2]}{parts.path}"
        for scope, header in self.scopes:
            if target.startswith(scope.rstrip("/") + "/"):
                return header
        found = requests.utils.get_netrc_auth(url)
        return basic_auth(*found) if found else None


class _Session(requests.Session):
    """A session whose own settings come before those of the environment.

    requests prefers REQUESTS_CA_BUNDLE and HTTPS_PROXY to the settings of a session
    (psf/requests#3829); pip and npm prefer their own settings.
    """

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__()
        self.settings = settings
        self.auth = _ScopedAuth(settings)
        self.max_redirects = MAX_REDIRECTS
        for scheme in ("http://", "https://"):
            self.mount(scheme, WatchedAdapter())
        self.headers["User-Agent"] = "tfjs-zoo"
        if settings.verify is False or settings.trusted_hosts:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        parts = urlsplit(url if isinstance(url, str) else url.decode())
        if verify is None:
            verify = self.settings.verify
        if {parts.hostname, parts.netloc.rpartition("@")[2]} & {*self.settings.trusted_hosts}:
            verify = False
        own = dict(self.settings.proxies) | dict(proxies or {})
        return super().merge_environment_settings(url, own, stream, verify, cert)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the target of a redirection, None for any other response.

        Raises:
            ServerError: The target is no web address, or leaves https: for http:.
        """
        if resp.is_redirect:
            resp.close()  # otherwise requests reads the body, however long it is
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        scheme, own = (urlsplit(url).scheme for url in (urljoin(resp.url, target), resp.url))
        if scheme not in {own, "https"}:
            shown = strip_credentials(resp.url)
            raise ServerError(f"{shown}: redirects to a {scheme}: address; expected https:")
        return target
