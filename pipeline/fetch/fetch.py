"""Fetching a source: the model's own files in a folder, whatever kind it is.

It loads no HTTP library until a source needs one, because the state of local sources is asked
for in every run.
"""

import contextlib
import functools
import importlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pipeline.disk.canonical import digest_json
from pipeline.disk.files import digest_file
from pipeline.errors import DiskError, FetchError, ServerError, UntrustedSourceError
from pipeline.fetch.address.source import Kind, Source
from pipeline.fetch.archive.folder_files import Borders, reading, stat_file, walk
from pipeline.fetch.archive.tree import MAX_JSON_BYTES, is_inner_path, name_file
from pipeline.fetch.download_cache import HINT_DISK, Progress, Store
from pipeline.fetch.expiry import sweep
from pipeline.fetch.http.credentials import hide_values
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.request import Delivery, Request

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
# "paths" of weightsManifest, without parsing the topology: a string in JSON holds no bare quote.
_PATHS = re.compile(rb'"paths"\s*+:\s*+(\[\s*+(?:"(?:[^"\\]|\\.)*+"\s*+,?\s*+)*+\])')


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a source brought.

    Attributes:
        entry: Path that the model is opened by, relative to the folder: "model.json", "m.h5",
            "." for the folder.
        uri: The source as written, without credentials and absolute folders.
        sha256: Digest of the file; of several files that of the listing {path: sha256} in
            canonical JSON.
        final: Whether the same source can never bring other files: an exact version, a commit,
            a pin.
        note: What the user should know of how it was fetched, else None.
    """

    entry: str
    uri: str
    sha256: str
    final: bool
    note: str | None


def fetch_source(  # noqa: PLR0913  # the one door: a step's parameters, by name
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

    What is pinned by `sha256`: an archive or package, or a single file, by its own digest as
    `sha256sum` prints it. A model.json with shards, or a folder, by the digest that `Fetched`
    and the catalog have: then every file of the model is pinned. That digest is also taken for
    a model in an archive.

    Args:
        source: Where they come from.
        root: The folder of models.yaml.
        folder: Empty; afterwards holds the files, some of them links into the cache.
        cache: The folder of downloads, shared by threads and processes.
        sha256: The pin: 64 hexadecimal digits, or None.
        progress: Called with bytes done, and bytes in all where known.
        refresh: Ask servers whether files have changed that may change.
        timeout_seconds: Longest time for all of it, as the manifest states it; None for as long
            as bytes keep coming.

    Raises:
        NetworkError: A server or the network failed for now, or took too long.
        ServerError: A server has no such source, or not what it should be; it may be mended.
        DiskError: It cannot be written here.
        SetupError: A client library or an environment variable that it needs is not there.
        FetchError: The source is not there, or is not what it should be, and stays so.
        UntrustedSourceError: It is refused for what it would do to this machine.
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
        note=delivery.note and hide_values(delivery.note, source.location, os.environ),
    )


def source_state(source: Source, *, root: Path) -> dict[str, list[int]] | None:
    """Return a cheap fingerprint of a local source, None for any other.

    Returns:
        [size, mtime in ns] by relative path of every file concerned; empty when it is not there.

    Raises:
        FetchError: The system does not let it be looked at, or it is neither file nor folder.
        UntrustedSourceError: A link leads out of its folder.
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
    if path.suffix == ".json" and state[0] <= MAX_JSON_BYTES:
        with reading(path, shown=shown):
            content = path.read_bytes()
        for name in filter(is_inner_path, _find_shards(content)):
            found_shard = _state_of(path.parent / name, shown=name_file(shown, name))
            states[name] = found_shard or [-1, -1]
            borders.check(path.parent / name)
    return states


@functools.cache
def _sweep_once(cache: Path) -> None:
    """Remove what killed processes left in a cache, once in each of ours."""
    sweep(cache)


def _deliver_current(request: Request) -> tuple[Delivery, str]:
    """Bring the files; kept ones that are not what is wanted may be older than it."""
    try:
        return _deliver_pinned(request)
    except FetchError as error:
        if error.retry or not request.unasked:
            raise
    _empty(request.folder)
    return _deliver_pinned(replace(request, refresh=True, unasked=set()))


def _deliver_pinned(request: Request) -> tuple[Delivery, str]:
    """Bring the files and check the pin, where there is one."""
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
    note = f"; {delivery.note}" if delivery.note else ""
    return FetchError(
        f"{request.source.uri}: sha256 is {found}; expected {pin}, as pinned{note}",
        hint="the source has changed since it was pinned; look at it, then pin what you trust",
    )


def _finish_fault(source: Source, error: FetchError) -> FetchError:
    """Return an error as the user may see it; what a server has wrong may be mended there."""
    mendable = source.refreshable and not isinstance(error, UntrustedSourceError)
    kind = ServerError if mendable and not error.retry else type(error)
    message, hint = error.message, error.hint
    if "${" in source.location:
        message = hide_values(message, source.location, os.environ)
        hint = hint and hide_values(hint, source.location, os.environ)
    return kind(message, hint=hint)


def _disk_fault(request: Request, error: OSError) -> DiskError:
    """Return our error for one of the disk; those of the user's own files are FetchErrors."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
    place = "this disk"
    for folder, name in ((request.store.folder, "the cache"), (request.folder, "the build")):
        if any(Path(found).is_relative_to(folder) for found in names):
            place = name
    return DiskError(
        f"{request.shown}: cannot be written to {place}: {error.strerror}", hint=HINT_DISK
    )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


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
