"""Downloads into the store: checked, and one download for all who ask at the same time."""

import base64
import binascii
import contextlib
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.files import digest_file
from pipeline.errors import DiskError, FetchError, NetworkError, ServerError, UntrustedSourceError
from pipeline.fetch.archive.content import check_whole
from pipeline.fetch.download_cache import Entry, Progress, Store
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.partial_file import Validators, discard_part
from pipeline.fetch.http.receive import Location, receive_file

# Digest algorithms, the strongest first.
ALGORITHMS = ("sha512", "sha384", "sha256", "git", "sha1", "md5")


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file in the store.

    Attributes:
        entry: Its index entry.
        path: Its blob.
        asked: Whether the server was asked, and not only the store.
        note: Why a kept copy is used although the server was asked, else None.
    """

    entry: Entry
    path: Path
    asked: bool
    note: str | None = None


def download(  # noqa: PLR0913  # a request, and the limits of its caller
    store: Store,
    key: str,
    locate: Callable[[], Location],
    *,
    progress: Progress,
    refresh: bool = False,
    deadline: Deadline | None = None,
) -> Download:
    """Return the file of a request, from the store if it is there.

    Args:
        store: The store that keeps the file.
        key: The request. If several callers ask for one key, the first of them downloads.
        locate: Finds the file; called only when the server has to be asked.
        progress: Called with bytes done, and bytes in all if they are known.
        refresh: Whether to ask the server if a kept file has changed.
        deadline: The end of the time for the file; None for as long as bytes keep coming.

    Raises:
        NetworkError: No server answers in time; with `refresh` a kept file is returned instead.
        ServerError: The server does not have the file, or sends another one.
        UntrustedSourceError: The file is larger than any model.
        DiskError: The cache has no room for the file.
    """
    deadline = deadline or Deadline()

    def bring(kept: Entry | None) -> Entry:
        location, part = locate(), store.part(key)
        receive = functools.partial(
            receive_file, location, part, progress=progress, deadline=deadline
        )
        return _bring(store, key, location, receive, kept=kept)

    note = None
    with store.lock(key):
        kept = store.find(key)
        asked = kept is None or refresh
        if kept is None:
            kept = bring(None)
        elif refresh:
            try:
                kept = bring(kept)
            except NetworkError as error:
                note = f"kept the copy fetched earlier: {error.message}"
    return Download(entry=kept, path=store.blob(kept.sha256), asked=asked, note=note)


def parse_integrity(text: str) -> dict[str, str]:
    """Return the digests of a subresource integrity text: "sha512-<base64> sha1-<base64>"."""
    digests = {}
    for item in text.split():
        algorithm, _, value = item.partition("?")[0].partition("-")
        with contextlib.suppress(binascii.Error):
            digests[algorithm] = base64.b64decode(value, validate=True).hex()
    return digests


def _bring(
    store: Store,
    key: str,
    location: Location,
    receive: Callable[[Validators | None], Validators | None],
    *,
    kept: Entry | None,
) -> Entry:
    """Receive a file, check it, and put it into the store; the kept entry if it is unchanged."""
    part = store.part(key)
    resumed = part.exists()
    try:
        known = Validators(etag=kept.etag, last_modified=kept.last_modified) if kept else None
        validators = receive(known)
        if validators is None:
            assert kept is not None
            return kept
        fault = _find_fault(part, location)
        if fault and resumed:
            # The part of an earlier run may be damaged although the whole file is sound.
            discard_part(part)
            validators = receive(None) or Validators()
            fault = _find_fault(part, location)
    except (UntrustedSourceError, DiskError, OSError):
        discard_part(part)  # it takes room that is needed
        raise
    if fault is None and not location.any_content:
        try:
            check_whole(part, shown=location.shown, may_be_empty=location.may_be_empty)
        except FetchError as error:
            fault = ServerError(error.message, hint=error.hint)
    if fault:
        discard_part(part)
        raise fault
    entry = Entry(key=key, sha256=digest_file(part), **vars(validators))
    store.land(entry, part)
    discard_part(part)
    return entry


def _find_fault(part: Path, location: Location) -> ServerError | None:
    """Return the error of a file whose digest is not the registry's, None for a sound file."""
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
    """Return a file's digest; Git digests the size and the content (git-hash-object)."""
    start = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        start.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: start).hexdigest()
