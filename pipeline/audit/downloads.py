"""The audit of the cache: each blob must have the digest in its name, each entry a blob."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.audit.damage import Content, Damage, Found
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.fetch.download_cache import Entry, Store

_SHA256 = re.compile(r"[0-9a-f]{64}")


def survey_cache(folder: Path) -> Found:
    """Check every file of a cache but downloads under way, which other zoos may be writing."""
    store = Store(folder)
    for path in _files(folder / "blobs"):
        if _SHA256.fullmatch(path.name) and path == store.blob(path.name):
            yield Content(
                part="cache",
                where=_show(folder, path),
                path=path,
                bytes=None,
                sha256=path.name,
                forget=(path,),
            )
        else:
            yield _damage(folder, path, "is named by no content")
    for path in _files(folder / "index"):
        if (fault := _find_fault(path, store)) is not None:
            yield _damage(folder, path, fault)
    for path in _files(folder / "lists"):
        if _parse(Any, path) is None:
            yield _damage(folder, path, "is no JSON")


def find_dangling(folder: Path, *, gone: Iterable[Path] = ()) -> Iterator[Path]:
    """Find entries of a cache whose blob is missing, or is about to be removed.

    Args:
        folder: The cache.
        gone: Files that are about to be removed.
    """
    store, removed = Store(folder), set(gone)
    for path in _files(folder / "index"):
        entry = _parse(Entry, path)
        if entry is not None and path not in removed:
            blob = store.blob(entry.sha256)
            if blob in removed or not blob.exists():
                yield path


def _find_fault(path: Path, store: Store) -> str | None:
    entry = _parse(Entry, path)
    if entry is None or not _SHA256.fullmatch(entry.sha256):
        return "is no entry of a cache"
    if hashlib.sha256(entry.key.encode(errors="replace")).hexdigest() != path.stem:
        return "is the entry of another request"
    if not store.blob(entry.sha256).exists():
        return "leads to a download that is missing"
    return None


def _parse(kind: Any, path: Path) -> Any:
    """Read an entry; None for a file that is no entry."""
    try:
        return parse_json(kind, path.read_bytes())
    except (OSError, WrongJsonError):
        return None


def _files(folder: Path) -> Iterator[Path]:
    """Find the files below a folder, in order."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(where, name) for name in sorted(names))


def _damage(folder: Path, path: Path, found: str) -> Damage:
    return Damage(part="cache", where=_show(folder, path), found=found, forget=(path,))


def _show(folder: Path, path: Path) -> str:
    return f"cache: {path.relative_to(folder).as_posix()}"
