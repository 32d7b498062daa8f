"""Fetching a source: the model's own files in a folder, whatever kind it is.

It loads no HTTP library until a source needs one, because the state of local sources is asked
for in every run.
"""

import contextlib
import errno
import importlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pipeline.canonical import digest_json
from pipeline.errors import FetchError
from pipeline.fetch.folder import walk
from pipeline.fetch.request import Delivery, Request
from pipeline.fetch.source import Kind, Source
from pipeline.fetch.store import Progress, Store
from pipeline.files import digest_file

# A new kind of source is one module and one line.
_KINDS: Mapping[Kind, str] = {
    "path": "pipeline.fetch.local:fetch_path",
    "http": "pipeline.fetch.web:fetch_http",
    "npm": "pipeline.fetch.npm:fetch_npm",
    "pypi": "pipeline.fetch.pypi:fetch_pypi",
}
# What the user's disk may say; any other OSError is a bug of ours.
_DISK_FAULTS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
}
# "paths" of weightsManifest, without parsing the topology: a string in JSON holds no bare quote.
_PATHS = re.compile(rb'"paths"\s*:\s*(\[(?:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\])')


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a source brought.

    Attributes:
        entry: Path that the model is opened by, relative to the folder: "model.json", "m.h5",
            "." for the folder.
        uri: The source as written, without credentials and absolute folders.
        sha256: Digest of the file; of several files that of the listing {path: sha256} in
            canonical JSON.
        final: Whether the same source can never bring other files: an exact version, a pin.
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

    Raises:
        NetworkError: A server or the network failed for now.
        FetchError: The source is not there, or is not what it should be.
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
    )
    try:
        delivery, digest = _deliver(request)
        if pin and pin not in {digest, delivery.archive_sha256} and source.kind == "http":
            # The kept copy may be older than the pin.
            _empty(folder)
            delivery, digest = _deliver(replace(request, refresh=True))
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        raise FetchError(f"{request.shown}: cannot be stored here: {error.strerror}") from error
    if pin and pin not in {digest, delivery.archive_sha256}:
        raise _pin_fault(request, delivery, digest, pin)
    final = source.kind in {"npm", "pypi"} or (source.kind == "http" and pin is not None)
    return Fetched(
        entry=delivery.entry, uri=source.uri, sha256=digest, final=final, note=delivery.note
    )


def source_state(source: Source, *, root: Path) -> dict[str, list[int]] | None:
    """Return a cheap fingerprint of a local source, None for any other.

    Returns:
        [size, mtime in ns] by relative path of every file concerned; empty when it is not there.
    """
    if source.kind != "path":
        return None
    path = root / source.location
    if path.is_dir():
        found = ((file.relative_to(path).as_posix(), _state_of(file)) for file in walk(path))
        return {name: state for name, state in sorted(found) if state is not None}
    state = _state_of(path)
    if state is None:
        return {}
    states = {path.name: state}
    if path.suffix == ".json":
        for name in _find_shards(path.read_bytes()):
            states[name] = _state_of(path.parent / name) or [-1, -1]
    return states


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
    return FetchError(
        f"{request.source.uri}: sha256 is {found}; expected {pin}, as pinned",
        hint="the source has changed since it was pinned; look at it, then pin what you trust",
    )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _state_of(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _find_shards(content: bytes) -> list[str]:
    paths: list[str] = []
    for match in _PATHS.finditer(content):
        with contextlib.suppress(ValueError):
            paths += json.loads(match[1])
    return paths
