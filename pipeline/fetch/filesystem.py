"""Files and folders in buckets and on servers that fsspec reaches.

Kept files are used without asking. `doit refresh` compares the states of the files (an ETag, a
generation, a checksum, a date) and brings the files that have changed.

The bytes come in ranges through `cat_file`, and not through fsspec's `get_file`. For 200 MiB,
s3fs 2026.9 needs 5 s and 264 MiB of memory, ours 9 s and 32 MiB; but s3fs empties the target
before it writes, so that every broken download starts over, and it joins ranges of two states if
the object changes meanwhile. It knows neither our deadline nor our disk's limit.
"""

import functools
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NotFoundError, ServerError
from pipeline.fetch.archive.inner_paths import find_near
from pipeline.fetch.archive.tree import NamedTree
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.filesystem_client import Filesystem
from pipeline.fetch.http.credentials import mask_credentials
from pipeline.fetch.http.download import Download
from pipeline.fetch.http.http_faults import TransientError
from pipeline.fetch.http.http_session import HttpSettings, retry
from pipeline.fetch.http.partial_file import (
    Validators,
    append_chunks,
    begin_part,
    discard_part,
    load_validators,
)
from pipeline.fetch.http.receive import Location
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request, deliver_tree
from pipeline.fetch.server_files import ListingLimits, deliver_file, join_beside
from pipeline.text.suggest import did_you_mean

CHUNK_BYTES = 8 * 1024 * 1024
_SETTINGS = HttpSettings(attempts=3)  # the clients themselves make several attempts, too

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a source.

    Attributes:
        files: State of each file by its path, "" without a state; None if the source is a file.
    """

    files: Mapping[str, str] | None


def fetch_filesystem(request: Request) -> Delivery:
    """Bring a file, a model.json with its shards, a folder, or the model in an archive.

    Raises:
        NotFoundError: The source does not exist.
        SetupError: The file system's client is not installed, or a variable is not set.
    """
    source = _SourceFiles(request)
    if request.source.archive:
        return deliver_package(request, source.download(), name=request.shown, top="either")
    listing = request.recall(
        f"files of {source.key}", source.list_files, _parse_listing, encode=vars
    )
    files = listing.files
    if files is None:
        name = posixpath.basename(request.source.location.partition("?")[0])
        return deliver_file(request, name, source.download(), source.download_beside)
    tree = NamedTree.of_stored(files, lambda path: source.download_below(path, files[path]).path)
    return deliver_tree(request, tree, "")


def _parse_listing(value: JsonValue) -> Listing:
    if [key for key, _ in value.fields()] != ["files"]:
        value.refuse("files")
    files = value.get("files")
    if files.is_absent:
        return Listing(files=None)
    return Listing(files={path: state.text() for path, state in files.fields()})


class _SourceFiles:
    """The files of a source in its file system, to which it connects when that is needed.

    Attributes:
        key: The key of the source in the store.
        shown: The source as messages name it.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.key = mask_credentials(request.source.location).rstrip("/")
        self.shown = request.shown.rstrip("/")

    @functools.cached_property
    def filesystem(self) -> Filesystem:
        """The file system."""
        return Filesystem(self.request.source, os.environ, deadline=self.request.deadline)

    def list_files(self) -> Listing:
        """Return the files of the source.

        Raises:
            NotFoundError: The source does not exist; the message suggests similar names.
        """
        return self._retry(self._list, shown=self.shown)

    def download(self) -> Download:
        """Return the source as a file."""
        return self._download(str)

    def download_beside(self, path: str) -> Download:
        """Return a file in the folder of the source, which is a file."""
        return self._download(
            lambda source: join_beside(source, path, shown=self.shown), may_be_empty=True
        )

    def download_below(self, path: str, state: str) -> Download:
        """Return a listed file of the source, which is a folder, in its listed state."""
        key, request = f"{self.key}/{path}", self.request
        kept = request.store.find(key)
        # Without a state, only another download tells if the file is the same.
        if kept and (kept.etag != state if state else request.refresh):
            request.store.forget(key)  # files of two states are no model
        return self._download(lambda source: f"{source}/{path}", listed=True)

    def _download(
        self, find_file: Callable[[str], str], *, may_be_empty: bool = False, listed: bool = False
    ) -> Download:
        """Return a file.

        Args:
            find_file: Returns the file's key, name and path from those of the source.
            may_be_empty: Whether the file may have no bytes.
            listed: Whether a listing has asked for the state of the file.
        """
        key, shown = find_file(self.key), find_file(self.shown)

        def receive(part: Path, known: Validators | None, progress: Progress) -> Validators | None:
            system = self.filesystem
            path = find_file(system.root)
            return self._retry(
                lambda: _receive_file(
                    system, path, part, shown=shown, known=known, progress=progress
                ),
                shown=shown,
            )

        location = Location(
            url=key, shown=shown, may_be_empty=may_be_empty, any_content=listed, receive=receive
        )
        request = replace(self.request, refresh=False) if listed else self.request
        return request.download(key, lambda: location, may_change=True)

    def _retry(self, attempt: Callable[[], T], *, shown: str) -> T:
        return retry(attempt, settings=_SETTINGS, url=shown, deadline=self.request.deadline)

    def _list(self) -> Listing:
        filesystem = self.filesystem
        root = filesystem.root
        try:
            if filesystem.find(root, shown=self.shown) is not None:
                return Listing(files=None)
        except NotFoundError as error:
            near = find_near(root, filesystem.list_names(posixpath.dirname(root)))
            meant = did_you_mean(map(posixpath.basename, near))
            raise NotFoundError(f"{error.message}{meant}", hint=error.hint) from None
        limits = ListingLimits(shown=self.shown)
        states = {}
        for found in filesystem.walk(root):
            path = found.path[len(root) + 1 :]
            limits.check(path, found.size)
            states[path] = found.state or ""
        return Listing(files=states)


def _receive_file(  # noqa: PLR0913  # a file, and what is known of it
    filesystem: Filesystem,
    path: str,
    part: Path,
    *,
    shown: str,
    known: Validators | None,
    progress: Progress,
) -> Validators | None:
    """Bring a file to a part; return None if it is still in the known state.

    Raises:
        TransientError: The server failed, or the file changed while it came.
        ServerError: The path is a folder or does not exist, or the server refuses.
    """
    found = filesystem.find(path, shown=shown)
    if found is None:
        raise ServerError(f"{shown}: a folder; expected a file")
    state = Validators(etag=found.state)
    if found.state and known and known.etag == found.state:
        return None
    started = load_validators(part)
    if not (found.state and started and started.etag == found.state and part.exists()):
        begin_part(part, state)

    def read_rest(done: int) -> Iterator[bytes]:
        while done < found.size:
            end = min(done + CHUNK_BYTES, found.size)
            content = filesystem.read(path, done, end, shown=shown)
            if not content:
                raise TransientError("it ends before its stated size")
            yield content
            done += len(content)

    done = part.stat().st_size if part.exists() else 0
    append_chunks(part, read_rest(done), total=found.size, shown=shown, progress=progress)
    if filesystem.find(path, shown=shown) != found:
        discard_part(part)
        raise TransientError("it changed while it came")
    return state
