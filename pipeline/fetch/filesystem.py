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
from pipeline.fetch.server_files import ListingLimits, deliver_file
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


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file of the source: the source itself, or a file below or beside it.

    Attributes:
        key: Its key in the store.
        shown: The file as messages name it.
        find_path: Returns its path, as the client writes it, from the path of the source.
        state: Its state in the listing, "" if the listing has none; None for an unlisted file.
        may_be_empty: Whether the file may have no bytes.
    """

    key: str
    shown: str
    find_path: Callable[[str], str]
    state: str | None = None
    may_be_empty: bool = False


def fetch_filesystem(request: Request) -> Delivery:
    """Bring a file, a model.json with its shards, a folder, or the model in an archive.

    Raises:
        NotFoundError: The source does not exist.
        SetupError: The file system's client is not installed, or a variable is not set.
    """
    client = _Client(request)
    if request.source.archive:
        file = client.download(client.itself())
        return deliver_package(request, file, name=request.shown, top="either")
    listing = request.recall(
        f"files of {client.key}",
        client.list_files,
        _parse_listing,
        encode=vars,
    )
    files = listing.files
    if files is None:
        name = posixpath.basename(request.source.location.partition("?")[0])
        main = client.download(client.itself())
        return deliver_file(request, name, main, lambda path: client.download(client.beside(path)))
    tree = NamedTree.of_stored(
        files, lambda path: client.download(client.below(path, files[path])).path
    )
    return deliver_tree(request, tree, "")


def _parse_listing(value: JsonValue) -> Listing:
    if [key for key, _ in value.fields()] != ["files"]:
        value.refuse("files")
    files = value.get("files")
    if files.is_absent:
        return Listing(files=None)
    return Listing(files={path: state.text() for path, state in files.fields()})


class _Client:
    """The source in its file system; the connection is made when it is first needed."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.key = mask_credentials(request.source.location).rstrip("/")
        self.shown = request.shown.rstrip("/")

    @functools.cached_property
    def filesystem(self) -> Filesystem:
        """The file system."""
        return Filesystem(self.request.source, os.environ, deadline=self.request.deadline)

    def itself(self) -> _File:
        """Return the source as a file."""
        return _File(key=self.key, shown=self.shown, find_path=str)

    def beside(self, path: str) -> _File:
        """Return a file in the folder of the source, which is a file."""
        return _File(
            key=posixpath.join(posixpath.dirname(self.key), path),
            shown=posixpath.join(posixpath.dirname(self.shown), path),
            find_path=lambda root: posixpath.join(posixpath.dirname(root), path),
            may_be_empty=True,
        )

    def below(self, path: str, state: str) -> _File:
        """Return a listed file below the source, which is a folder."""
        return _File(
            key=f"{self.key}/{path}",
            shown=f"{self.shown}/{path}",
            find_path=lambda root: f"{root}/{path}",
            state=state,
        )

    def list_files(self) -> Listing:
        """Return the files of the source.

        Raises:
            NotFoundError: The source does not exist; the message suggests similar names.
        """
        return self._retry(self._list, shown=self.shown)

    def download(self, file: _File) -> Download:
        """Return a file; of a listed file only the listed state."""
        request = self.request
        if file.state is not None:
            if not self._is_current(file, file.state):
                request.store.forget(file.key)  # files of two states are no model
            request = replace(request, refresh=False)  # the listing has asked for the state
        location = Location(
            url=file.key,
            shown=file.shown,
            may_be_empty=file.may_be_empty,
            any_content=file.state is not None,
            receive=functools.partial(self._receive, file),
        )
        return request.download(file.key, lambda: location, may_change=True)

    def _is_current(self, file: _File, state: str) -> bool:
        kept = self.request.store.find(file.key)
        if kept is None:
            return True
        # Without a state, only another download tells if the file is the same.
        return kept.etag == state if state else not self.request.refresh

    def _receive(
        self, file: _File, part: Path, known: Validators | None, progress: Progress
    ) -> Validators | None:
        return self._retry(
            lambda: _receive_file(self.filesystem, file, part, known, progress), shown=file.shown
        )

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


def _receive_file(
    filesystem: Filesystem,
    file: _File,
    part: Path,
    known: Validators | None,
    progress: Progress,
) -> Validators | None:
    """Bring a file to a part; return None if it is still in the known state.

    Raises:
        TransientError: The server failed, or the file changed while it came.
        ServerError: The path is a folder or does not exist, or the server refuses.
    """
    path = file.find_path(filesystem.root)
    found = filesystem.find(path, shown=file.shown)
    if found is None:
        raise ServerError(f"{file.shown}: a folder; expected a file")
    state = Validators(etag=found.state)
    if found.state and known and known.etag == found.state:
        return None
    started = load_validators(part)
    if not (found.state and started and started.etag == found.state and part.exists()):
        begin_part(part, state)

    def read_rest(done: int) -> Iterator[bytes]:
        while done < found.size:
            end = min(done + CHUNK_BYTES, found.size)
            content = filesystem.read(path, done, end, shown=file.shown)
            if not content:
                raise TransientError("it ends before its stated size")
            yield content
            done += len(content)

    done = part.stat().st_size if part.exists() else 0
    append_chunks(part, read_rest(done), total=found.size, shown=file.shown, progress=progress)
    if filesystem.find(path, shown=file.shown) != found:
        discard_part(part)
        raise TransientError("it changed while it came")
    return state
