"""Files and folders in buckets and on servers that fsspec reaches.

Kept files are used without asking; `doit refresh` compares what tells their state (an ETag, a
generation, a checksum, a date) and brings what has changed.
"""

import functools
import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NotFoundError
from pipeline.fetch.archive.tree import find_near
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.filesystem_client import Filesystem
from pipeline.fetch.filesystem_file import receive_file
from pipeline.fetch.http.credentials import mask_credentials
from pipeline.fetch.http.download import Download, download
from pipeline.fetch.http.http_session import HttpSettings, retry
from pipeline.fetch.http.partial_file import Validators
from pipeline.fetch.http.receive import Location
from pipeline.fetch.listed_files import ListedTree, ListingLimits
from pipeline.fetch.one_file import deliver_file
from pipeline.fetch.package import deliver_package
from pipeline.fetch.recall import recall
from pipeline.fetch.request import Delivery, Request, deliver_tree

_SETTINGS = HttpSettings(attempts=3)  # the clients themselves try again, too

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file at the place, below it, or beside it.

    Attributes:
        key: What it is kept under.
        shown: What the user knows it as.
        find_path: Returns its path as the client writes it, from that of the place.
        state: What the listing tells of it; None where it was not listed.
        may_be_empty: Whether nothing is a possible content.
    """

    key: str
    shown: str
    find_path: Callable[[str], str]
    state: str | None = None
    may_be_empty: bool = False


def fetch_filesystem(request: Request) -> Delivery:
    """Bring a file, a model.json with its shards, a folder, or the model in an archive.

    Raises:
        NotFoundError: Nothing is there.
        SetupError: The file system's client is not installed, or a variable is not set.
    """
    place = _Place(request)
    if request.source.archive:
        file = place.download(place.itself())
        delivery = deliver_package(
            request,
            file.path,
            file.entry.sha256,
            key=file.entry.key,
            name=request.shown,
            top="either",
        )
        return replace(delivery, note=file.note)
    found, note = recall(
        request, f"files of {place.key}", lambda: {"files": place.list_files()}, _parse_listing
    )
    listed = found["files"]
    if listed is None:
        name = posixpath.basename(request.source.location.partition("?")[0])
        main = place.download(place.itself())
        return deliver_file(request, name, main, lambda path: place.download(place.beside(path)))
    tree = ListedTree(listed, lambda path: place.download(place.below(path, listed[path])).path)
    return Delivery(entry=deliver_tree(request, tree, ""), note=note)


def _parse_listing(value: JsonValue) -> dict[str, dict[str, str] | None]:
    if [key for key, _ in value.fields()] != ["files"]:
        value.refuse("files")
    files = value.get("files")
    if files.is_absent:
        return {"files": None}
    return {"files": {path: state.text() for path, state in files.fields()}}


class _Place:
    """One place in a file system; its client is made when it is first needed."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.key = mask_credentials(request.source.location).rstrip("/")
        self.shown = request.shown.rstrip("/")

    @functools.cached_property
    def filesystem(self) -> Filesystem:
        """Its file system."""
        return Filesystem(self.request.source, os.environ, deadline=self.request.deadline)

    def itself(self) -> _File:
        """Return the file at the place."""
        return _File(key=self.key, shown=self.shown, find_path=str)

    def beside(self, path: str) -> _File:
        """Return a file in the folder of the place."""
        return _File(
            key=posixpath.join(posixpath.dirname(self.key), path),
            shown=posixpath.join(posixpath.dirname(self.shown), path),
            find_path=lambda root: posixpath.join(posixpath.dirname(root), path),
            may_be_empty=True,
        )

    def below(self, path: str, state: str) -> _File:
        """Return a file below the place, which is a folder, as it was listed."""
        return _File(
            key=f"{self.key}/{path}",
            shown=f"{self.shown}/{path}",
            find_path=lambda root: f"{root}/{path}",
            state=state,
        )

    def list_files(self) -> dict[str, str] | None:
        """Return the state of each file by its path; None where the place is a file.

        Raises:
            NotFoundError: Nothing is there; the message has names like it.
        """
        return self._retry(self._list, shown=self.shown)

    def download(self, file: _File) -> Download:
        """Bring a file; of one that was listed what was listed, and no other state."""
        request = self.request
        if file.state is not None and not self._is_current(file, file.state):
            request.store.forget(file.key)  # files of two states are no model
        location = Location(
            url=file.key,
            shown=file.shown,
            may_be_empty=file.may_be_empty,
            any_content=file.state is not None,
            receive=functools.partial(self._receive, file),
        )
        found = download(
            request.store,
            file.key,
            lambda: location,
            progress=request.progress,
            deadline=request.deadline,
            refresh=request.refresh and file.state is None,
        )
        if not found.asked:
            request.unasked.add(file.key)
        return found

    def _is_current(self, file: _File, state: str) -> bool:
        kept = self.request.store.find(file.key)
        if kept is None:
            return True
        # Of what some servers have, only bringing it again tells whether it is the same.
        return kept.etag == state if state else not self.request.refresh

    def _receive(
        self, file: _File, part: Path, known: Validators | None, progress: Progress
    ) -> Validators | None:
        path = file.find_path(self.filesystem.root)
        return self._retry(
            lambda: receive_file(
                self.filesystem, path, part, shown=file.shown, known=known, progress=progress
            ),
            shown=file.shown,
        )

    def _retry(self, attempt: Callable[[], T], *, shown: str) -> T:
        return retry(attempt, settings=_SETTINGS, url=shown, deadline=self.request.deadline)

    def _list(self) -> dict[str, str] | None:
        filesystem = self.filesystem
        root = filesystem.root
        try:
            if filesystem.find(root, shown=self.shown) is not None:
                return None
        except NotFoundError as error:
            near = find_near(root, filesystem.list_names(posixpath.dirname(root)))
            names = " or ".join(repr(posixpath.basename(name)) for name in near)
            meant = f"; did you mean {names}?" if near else ""
            raise NotFoundError(f"{error.message}{meant}", hint=error.hint) from None
        limits = ListingLimits(shown=self.shown)
        states = {}
        for found in filesystem.walk(root):
            path = found.path[len(root) + 1 :]
            limits.check(path, found.size)
            states[path] = found.state or ""
        return states
