"""Downloads into the store: resumed, checked, and one for all who ask at the same time.

A half download lies as `.part` with the ETag of its file. The next attempt, of this process
or a later one, asks for the rest with Range and If-Range, so that a server whose file has
changed, or that knows no ranges, sends the whole file and it starts over.
"""

import base64
import binascii
import contextlib
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from pipeline.disk.files import digest_file
from pipeline.errors import DiskError, FetchError, NetworkError, ServerError, UntrustedSourceError
from pipeline.fetch.archive.folder_files import copy_file
from pipeline.fetch.download_cache import Entry, Progress, Store
from pipeline.fetch.http.content import check_whole
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.disk_room import Room
from pipeline.fetch.http.fetch_faults import TransientError
from pipeline.fetch.http.http_session import HttpSettings, open_url, retry
from pipeline.fetch.http.partial_file import (
    Receive,
    Validators,
    begin_part,
    discard_part,
    load_validators,
)

# With a copy at hand it is not worth waiting for long.
_REFRESH_ATTEMPTS = 2
ALGORITHMS = ("sha512", "sha384", "sha256", "git", "sha1", "md5")
# What has not filled a chunk is lost when the connection breaks.
_CHUNK_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where a file is, and what is known of it before it comes.

    Attributes:
        url: http(s): or file: URL, with credentials.
        shown: What the user knows it as.
        settings: How its server is reached.
        digests: Hexadecimal digests by hashlib's name of the algorithm, as the registry
            gives them, or "git" for that of a file in Git; the strongest is checked.
        may_be_empty: Whether nothing is a possible content (a shard of no weights).
        any_content: Whether any is: of a file among others, which is looked at where it is used.
        written: The URL as it may be shown, with `${NAME}` for what nobody may see; None for
            the URL less its credentials.
        receive: Brings the file in place of HTTP, from where the URL says.
    """

    url: str
    shown: str
    settings: HttpSettings = field(default_factory=HttpSettings)
    digests: Mapping[str, str] = field(default_factory=dict)
    may_be_empty: bool = False
    any_content: bool = False
    written: str | None = None
    receive: Receive | None = None


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file in the store.

    Attributes:
        entry: Its index entry.
        path: Its blob.
        asked: Whether its server was asked for it, and not only the store.
        note: Why a copy is used although the server was asked in vain, else None.
    """

    entry: Entry
    path: Path
    asked: bool
    note: str | None = None


def download(  # noqa: PLR0913  # a request, and the bounds of the one who asks
    store: Store,
    key: str,
    locate: Callable[[], Location],
    *,
    progress: Progress,
    refresh: bool = False,
    deadline: Deadline | None = None,
) -> Download:
    """Return a request's file, from the store where it is there.

    Args:
        store: Where it is kept.
        key: The request. Of those who ask for one key at a time, the first downloads.
        locate: Finds the file; called only when a server has to be asked.
        progress: Called with bytes done, and bytes in all where known.
        refresh: Ask the server whether a kept file has changed.
        deadline: When it has to be there; None for as long as bytes keep coming.

    Raises:
        NetworkError: No server answers in time; with `refresh` a kept file is returned instead.
        ServerError: The file is not there, or is not what it should be.
        UntrustedSourceError: It is larger than any model.
        DiskError: The cache has no room for it.
    """
    note = None
    bring = functools.partial(
        _download, store, key, progress=progress, deadline=deadline or Deadline()
    )
    with store.lock(key):
        kept = store.find(key)
        asked = kept is None or refresh
        if kept is None:
            kept = bring(locate(), kept=None)
        elif refresh:
            try:
                kept = bring(locate(), kept=kept)
            except NetworkError as error:
                note = f"kept the copy fetched earlier: {error.message}"
    return Download(entry=kept, path=store.blob(kept.sha256), asked=asked, note=note)


def parse_integrity(text: str) -> dict[str, str]:
    """Return the digests in a subresource integrity text: "sha512-<base64> sha1-<base64>"."""
    digests = {}
    for item in text.split():
        algorithm, _, value = item.partition("?")[0].partition("-")
        with contextlib.suppress(binascii.Error):
            digests[algorithm] = base64.b64decode(value, validate=True).hex()
    return digests


def _download(  # noqa: PLR0913  # all of download, once the lock is held
    store: Store,
    key: str,
    location: Location,
    *,
    kept: Entry | None,
    progress: Progress,
    deadline: Deadline,
) -> Entry:
    part = store.part(key)
    known = Validators(etag=kept.etag, last_modified=kept.last_modified) if kept else None
    resumed = part.exists()
    receive = functools.partial(_receive, location, part, progress=progress, deadline=deadline)
    try:
        validators = receive(known)
        if validators is None:
            assert kept is not None
            return kept
        fault = _find_fault(part, location)
        if fault and resumed:
            # A part of an earlier run may be damaged; the whole file may not.
            discard_part(part)
            validators = receive(None) or Validators()
            fault = _find_fault(part, location)
    except (UntrustedSourceError, DiskError, OSError):
        discard_part(part)  # it takes the room that is wanted
        raise
    if fault is None and not location.any_content:
        try:
            check_whole(part, shown=location.shown, may_be_empty=location.may_be_empty)
        except FetchError as error:
            fault = ServerError(error.message, hint=error.hint)
    if fault:
        discard_part(part)
        raise fault
    entry = Entry(
        key=key,
        sha256=digest_file(part),
        etag=validators.etag,
        last_modified=validators.last_modified,
    )
    store.land(entry, part)
    discard_part(part)
    return entry


def _find_fault(part: Path, location: Location) -> ServerError | None:
    algorithm = next((name for name in ALGORITHMS if name in location.digests), None)
    if algorithm is None:
        return None
    found = _digest(part, algorithm)
    expected = location.digests[algorithm].lower()
    if found == expected:
        return None
    return ServerError(
        f"{location.shown}: {algorithm} of the download is {found}; "
        f"expected {expected}, as its registry says",
        hint="something on the way changes files; check your proxy or mirror",
    )


def _digest(path: Path, algorithm: str) -> str:
    """Return a file's digest; Git's is of its size and content (git-hash-object)."""
    start = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        start.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: start).hexdigest()


def _receive(
    location: Location,
    part: Path,
    known: Validators | None,
    *,
    progress: Progress,
    deadline: Deadline,
) -> Validators | None:
    """Bring a file to `part`; None when the server says that the known one is the same."""
    if location.receive:
        return location.receive(part, known, progress)
    parts = urlsplit(location.url)
    if parts.scheme == "file":
        discard_part(part)
        try:
            copy_file(Path(unquote(parts.path)), part, shown=location.shown)
        except FetchError as error:  # nobody watches the files of an index
            raise ServerError(error.message, hint=error.hint) from None
        return Validators()
    settings = location.settings
    if known is not None:
        discard_part(part)
        settings = replace(settings, attempts=min(settings.attempts, _REFRESH_ATTEMPTS))
    return retry(
        lambda: _attempt(
            replace(location, settings=settings),
            part,
            known=known,
            progress=progress,
            deadline=deadline,
        ),
        settings=settings,
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
    # Encoded bodies have neither a known length nor ranges.
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
        _append(response, part, done=done, shown=location.shown, progress=progress)
    return validators


def _append(
    response: requests.Response, part: Path, *, done: int, shown: str, progress: Progress
) -> None:
    """Write a body at the end of a part; urllib3 raises when it ends before its stated length."""
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    stated = re.fullmatch(r"[0-9]{1,18}", length.strip())
    total = done + int(length) if stated and not encoded else None
    progress(done, total)
    room = Room(part.parent, shown=shown, place="the cache")
    with part.open("ab", buffering=0) as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            room.check(max(total or 0, done + len(chunk)), written=done)
            file.write(chunk)
            done += len(chunk)
            progress(done, total)


def _continues(
    response: requests.Response, done: int, started: Validators | None, now: Validators
) -> bool:
    """Whether a partial answer is the rest of the file that was begun."""
    if response.status_code != requests.codes.partial_content or started is None:
        return False
    start = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    same = now.etag is None or now.etag == started.etag
    return start is not None and int(start[1]) == done and same


def _read_validators(response: requests.Response) -> Validators:
    headers = response.headers
    return Validators(etag=headers.get("ETag"), last_modified=headers.get("Last-Modified"))
