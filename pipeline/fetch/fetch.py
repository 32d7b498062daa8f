"""Fetching a source of any kind: the model's own files come into a folder.

It loads an HTTP library only if a source needs one, because every run asks for the state of local
sources.
"""

import contextlib
import functools
import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pipeline.disk.canonical import digest_json
from pipeline.disk.files import digest_file, empty_folder
from pipeline.errors import DiskError, FetchError, ServerError, UntrustedSourceError
from pipeline.fetch.address.source_type import Kind, Source
from pipeline.fetch.archive.folder_files import Borders, reading, stat_file, walk
from pipeline.fetch.archive.inner_paths import is_inner_path, name_file
from pipeline.fetch.archive.tree import MAX_JSON_BYTES, is_shard_path
from pipeline.fetch.download_cache import HINT_DISK, Progress, Store
from pipeline.fetch.expiry import sweep
from pipeline.fetch.http.credentials import hide_values
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.request import Delivery, Request
from pipeline.formats.data_files import list_data_files

# A new kind of source is one module and one line.
_KINDS: Mapping[Kind, str] = {
    "path": "pipeline.fetch.local:fetch_path",
    "http": "pipeline.fetch.web:fetch_http",
    "npm": "pipeline.fetch.npm:fetch_npm",
    "pypi": "pipeline.fetch.pypi:fetch_pypi",
    "hf": "pipeline.fetch.hf:fetch_hf",
    "kaggle": "pipeline.fetch.kaggle:fetch_kaggle",
    "filesystem": "pipeline.fetch.filesystem:fetch_filesystem",
}
# "paths" of weightsManifest. No string in JSON holds a bare quote, so that this needs no parser.
_PATHS = re.compile(rb'"paths"\s*+:\s*+(\[\s*+(?:"(?:[^"\\]|\\.)*+"\s*+,?\s*+)*+\])')


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The files that a source brought.

    Attributes:
        entry: Path that the model is opened by, relative to the folder: "model.json", "m.h5",
            "model/model.json" for a model.json with shards above it, "." for the folder.
        uri: The source as written, without credentials and absolute folders.
        sha256: Digest of the only file; for several files the digest of the listing
            {path: sha256} in canonical JSON.
        final: Whether the source can never bring other files: an exact version, a commit, a pin.
        note: What the user should know about the way the files came, else None.
    """

    entry: str
    uri: str
    sha256: str
    final: bool
    note: str | None


def fetch_source(  # noqa: PLR0913  # the only entrance: the parameters of a step, by name
    source: Source,
    *,
    root: Path,
    folder: Path,
    cache: Path,
    sha256: str | None,
    progress: Progress,
    refresh: bool = False,
    timeout_seconds: float | None = None,
) -> Fetched:
    """Bring a model's files into a folder.

    `sha256` pins an archive, a package or a single file by its own digest, as `sha256sum` prints
    it. It pins a folder, or a model.json with shards, by the digest that `Fetched` and the catalog
    have, which covers every file of the model. A model in an archive may have either digest.

    Args:
        source: The source in the manifest.
        root: The folder of models.yaml.
        folder: An empty folder; the files come into it, some as links into the cache.
        cache: The folder of downloads, which threads and processes share.
        sha256: The pin: 64 hexadecimal digits, or None.
        progress: Called with bytes done, and bytes in all if they are known.
        refresh: Whether to ask servers if files have changed that may change.
        timeout_seconds: Longest time for all files, as in the manifest; None for as long as
            bytes keep coming.

    Raises:
        NetworkError: A server or the network failed for now, or took too long.
        ServerError: A server does not have the source, or sends something else; its owner may
            mend that.
        DiskError: This disk cannot hold the files.
        SetupError: A client library or an environment variable is missing.
        FetchError: The source does not exist, or is no model, and that stays so.
        UntrustedSourceError: The source could harm this machine, and is refused.
    """
    pin = sha256.lower() if sha256 else None
    request = Request(
        source=source,
        root=root,
        folder=folder,
        store=Store(cache),
        sha256=pin,
        progress=progress,
        refresh=refresh and pin is None,
        deadline=Deadline(timeout_seconds),
    )
    _sweep_once(cache)
    try:
        delivery, digest = _deliver_current(request)
    except FetchError as error:
        raise _finish_fault(source, error) from None
    except OSError as error:
        if error.errno is None:
            raise
        raise _disk_fault(request, error) from error
    return Fetched(
        entry=delivery.entry,
        uri=source.uri,
        sha256=digest,
        final=source.final or (source.kind != "path" and pin is not None),
        note=hide_values(request.notes[0], source.location, os.environ) if request.notes else None,
    )


def source_state(source: Source, *, root: Path) -> dict[str, list[int]] | None:
    """Return a cheap fingerprint of a local source, None for any other source.

    Returns:
        [size, mtime in ns] by relative path of every file; empty if the source does not exist.

    Raises:
        FetchError: The source cannot be read, or is neither file nor folder.
        UntrustedSourceError: A link leads out of the folder.
    """
    if source.kind != "path":
        return None
    path, shown = root / source.location, source.uri.partition("#")[0]
    with reading(path, shown=shown):
        borders = Borders(path, shown=shown)
        names = _list_folder(path, borders) if path.is_dir() else None
    if names is not None:
        found = {name: _state_of(path / name, shown=name_file(shown, name)) for name in names}
        return {name: state for name, state in found.items() if state is not None}
    state = _state_of(path, shown=shown)
    if state is None:
        return {}
    states = {path.name: state}
    with reading(path, shown=shown):
        is_json = path.suffix == ".json" and state[0] <= MAX_JSON_BYTES
        named = _find_shards(path.read_bytes()) if is_json else list_data_files(path)
    for name in filter(is_shard_path if is_json else is_inner_path, named):
        found_beside = _state_of(path.parent / name, shown=name_file(shown, name))
        states[name] = found_beside or [-1, -1]
        borders.check(path.parent / name)
    return states


@functools.cache
def _sweep_once(cache: Path) -> None:
    """Remove files that killed processes left in a cache, once per process."""
    sweep(cache)


def _deliver_current(request: Request) -> tuple[Delivery, str]:
    """Bring the files; ask the servers again if kept files were used and do not fit."""
    try:
        return _deliver_pinned(request)
    except FetchError as error:
        if error.retry or not request.unasked:
            raise
    empty_folder(request.folder)
    request.unasked.clear()
    request.notes.clear()
    return _deliver_pinned(replace(request, refresh=True))


def _deliver_pinned(request: Request) -> tuple[Delivery, str]:
    """Bring the files and check the pin, if there is one."""
    delivery, digest = _deliver(request)
    if request.sha256 and request.sha256 not in {digest, delivery.archive_sha256}:
        raise _pin_fault(request, delivery, digest, request.sha256)
    return delivery, digest


def _deliver(request: Request) -> tuple[Delivery, str]:
    """Bring the files and digest them."""
    module, _, name = _KINDS[request.source.kind].partition(":")
    fetch_kind = cast(
        "Callable[[Request], Delivery]", getattr(importlib.import_module(module), name)
    )
    delivery = fetch_kind(request)
    folder = request.folder
    digests = {path.relative_to(folder).as_posix(): digest_file(path) for path in walk(folder)}
    if set(digests) == {delivery.entry}:
        return delivery, digests[delivery.entry]
    return delivery, digest_json(digests)


def _pin_fault(request: Request, delivery: Delivery, digest: str, pin: str) -> FetchError:
    if delivery.archive_sha256:
        found = f"{delivery.archive_sha256} of the archive, {digest} of the model's files in it"
    else:
        found = digest
    note = f"; {request.notes[0]}" if request.notes else ""
    return FetchError(
        f"{request.source.uri}: sha256 is {found}; expected {pin}, as pinned{note}",
        hint="the source has changed since it was pinned; look at it, then pin what you trust",
    )


def _finish_fault(source: Source, error: FetchError) -> FetchError:
    """Return an error without secrets; the owner of a server may mend what is wrong there."""
    mendable = source.refreshable and not isinstance(error, UntrustedSourceError)
    kind = ServerError if mendable and not error.retry else type(error)
    message, hint = error.message, error.hint
    if "${" in source.location:
        message = hide_values(message, source.location, os.environ)
        hint = hint and hide_values(hint, source.location, os.environ)
    return kind(message, hint=hint)


def _disk_fault(request: Request, error: OSError) -> DiskError:
    """Return our error for an error of the disk; the user's own files raise FetchErrors."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
    disk = "this disk"
    for folder, name in ((request.store.folder, "the cache"), (request.folder, "the build")):
        if any(Path(found).is_relative_to(folder) for found in names):
            disk = name
    return DiskError(
        f"{request.shown}: cannot be written to {disk}: {error.strerror}", hint=HINT_DISK
    )


def _list_folder(folder: Path, borders: Borders) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in walk(folder, borders=borders))


def _state_of(path: Path, *, shown: str) -> list[int] | None:
    status = stat_file(path, shown=shown)
    return None if status is None else [status.st_size, status.st_mtime_ns]


def _find_shards(content: bytes) -> list[str]:
    paths: list[str] = []
    for match in _PATHS.finditer(content):
        with contextlib.suppress(ValueError):
            paths += json.loads(match[1])
    return paths
