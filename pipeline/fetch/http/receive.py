"""Receiving a file: from a URL into a partial file, with attempts that go on from one another.

The next attempt, of this process or a later one, asks for the rest with Range and If-Range. A
server whose file has changed, or that knows no ranges, sends the whole file, and the part starts
over. What is not HTTP brings its own function (`Location.receive`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from pipeline.errors import FetchError, ServerError
from pipeline.fetch.archive.folder_files import copy_file
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_faults import TransientError
from pipeline.fetch.http.http_session import HttpSettings, open_url, retry
from pipeline.fetch.http.partial_file import (
    Validators,
    append_chunks,
    begin_part,
    discard_part,
    load_validators,
)

# A kept copy can serve instead, so a long wait is not worth it.
_REFRESH_ATTEMPTS = 2
# A chunk that is not full when the connection breaks is lost.
_CHUNK_BYTES = 16 * 1024

# Brings a file to a part. Returns None if the file is still in the state of the validators.
Receive = Callable[[Path, Validators | None, Progress], Validators | None]


@dataclass(frozen=True, kw_only=True)
class Location:
    """The URL of a file, and what is known of the file before it comes.

    Attributes:
        url: http(s): or file: URL, with credentials.
        shown: The file as messages name it.
        settings: The settings of the connection.
        digests: Hexadecimal digests from the registry by hashlib's name of the algorithm, or
            by "git" for the digest of a file in Git; the strongest is checked.
        may_be_empty: Whether the file may have no bytes, as a shard of no weights.
        any_content: Whether any content is accepted: of a file among others, which is looked at
            where it is used.
        written: The URL as it may be shown, with `${NAME}` in place of secrets; None for `url`
            without its credentials.
        receive: Brings the file in place of HTTP.
    """

    url: str
    shown: str
    settings: HttpSettings = field(default_factory=HttpSettings)
    digests: Mapping[str, str] = field(default_factory=dict)
    may_be_empty: bool = False
    any_content: bool = False
    written: str | None = None
    receive: Receive | None = None


def receive_file(
    location: Location,
    part: Path,
    known: Validators | None,
    *,
    progress: Progress,
    deadline: Deadline,
) -> Validators | None:
    """Bring a file to a part.

    Args:
        location: The file.
        part: The part, which may hold the beginning of the file.
        known: The state of the copy in the store; None to bring the file in any state.
        progress: Called with bytes done, and bytes in all if they are known.
        deadline: The end of the time for the file.

    Returns:
        The state of the file that came; None if the file is still in the state `known`.

    Raises:
        NetworkError: The server does not answer, or the time has passed.
        ServerError: The server refuses, or does not have the file.
        UntrustedSourceError: The file is larger than any model.
        DiskError: The disk has no room for the file.
    """
    if location.receive:
        return location.receive(part, known, progress)
    parts = urlsplit(location.url)
    if parts.scheme == "file":
        discard_part(part)
        try:
            copy_file(Path(unquote(parts.path)), part, shown=location.shown)
        except FetchError as error:  # the owner of a package index may mend it
            raise ServerError(error.message, hint=error.hint) from None
        return Validators()
    if known is not None:
        discard_part(part)
        attempts = min(location.settings.attempts, _REFRESH_ATTEMPTS)
        location = replace(location, settings=replace(location.settings, attempts=attempts))
    return retry(
        lambda: _attempt(location, part, known=known, progress=progress, deadline=deadline),
        settings=location.settings,
        url=location.written or location.url,
        deadline=deadline,
    )


def _attempt(
    location: Location,
    part: Path,
    *,
    known: Validators | None,
    progress: Progress,
    deadline: Deadline,
) -> Validators | None:
    started = load_validators(part)
    done = part.stat().st_size if started and started.if_range and part.exists() else 0
    # An encoded body has neither a known length nor ranges.
    headers = {"Accept-Encoding": "identity"}
    if done and started and started.if_range:
        headers |= {"Range": f"bytes={done}-", "If-Range": started.if_range}
    elif known and known.etag:
        headers["If-None-Match"] = known.etag
    elif known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    with open_url(
        location.url,
        settings=location.settings,
        headers=headers,
        written=location.written,
        deadline=deadline,
    ) as response:
        if response.status_code == requests.codes.not_modified and known:
            return None
        validators = _read_validators(response)
        if response.status_code == requests.codes.ok:
            begin_part(part, validators)
            done = 0
        elif not _continues(response, done, started, validators):
            discard_part(part)
            raise TransientError("the server sends another part than the one asked for")
        append_chunks(
            part,
            response.iter_content(_CHUNK_BYTES),  # urllib3 raises if the body is cut short
            total=_read_total(response, done),
            shown=location.shown,
            progress=progress,
        )
    return validators


def _read_total(response: requests.Response, done: int) -> int | None:
    """Return the size of the whole file, None if the response does not state it."""
    length = response.headers.get("Content-Length", "").strip()
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    stated = re.fullmatch(r"[0-9]{1,18}", length)
    return done + int(length) if stated and not encoded else None


def _continues(
    response: requests.Response, done: int, started: Validators | None, now: Validators
) -> bool:
    """Return whether a partial response is the rest of the file that was begun."""
    if response.status_code != requests.codes.partial_content or started is None:
        return False
    start = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    same = now.etag is None or now.etag == started.etag
    return start is not None and int(start[1]) == done and same


def _read_validators(response: requests.Response) -> Validators:
    headers = response.headers
    return Validators(etag=headers.get("ETag"), last_modified=headers.get("Last-Modified"))
