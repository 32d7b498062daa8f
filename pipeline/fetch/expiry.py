"""Expiry of the cache: downloads that nobody has used for long, and what killed processes left."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PART_SECONDS = 24 * 3600


def find_expired(cache: Path, *, unused_seconds: float) -> Iterator[Path]:
    """Find files of the cache that may go; removing any of them is safe.

    Args:
        cache: Folder of downloads.
        unused_seconds: How long nobody must have read a download; downloads left half-way
            may go after a day. Where the file system keeps no times of access, the time
            of the download counts.
    """
    now = time.time()
    for path in sorted(cache.rglob("*")):
        if path.is_file():
            kind = path.relative_to(cache).parts[0]
            stat = path.stat()
            age = now - max(stat.st_atime, stat.st_mtime)
            if (kind == "parts" and age > PART_SECONDS) or (
                kind in {"blobs", "index", "lists"} and age > unused_seconds
            ):
                yield path


def sweep(cache: Path) -> None:
    """Remove what killed processes left in a cache, and locks that nobody holds.

    A half download stays for a day, because it can be gone on with. What a process is at work on
    is locked, and stays. It does nothing where the cache cannot be written.
    """
    locks, parts = cache / "locks", cache / "parts"
    for path in _list(parts, "*.tmp"):
        _remove_unlocked(path, [path])
    keys = {path.name.partition(".")[0] for path in (*_list(locks, "*"), *_list(parts, "*.part*"))}
    for key in keys:
        left = [parts / f"{key}.part", parts / f"{key}.part.json", locks / key]
        if old := list(filter(_is_old, left)):
            _remove_unlocked(locks / key, old)
    for kind in ("index", "lists"):
        for path in filter(_is_old, _list(cache / kind, ".*.tmp")):
            _remove_unlocked(path, [path])


def _remove_unlocked(lock: Path, paths: Iterable[Path]) -> None:
    """Remove files if nobody holds a lock, as far as the disk lets us."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        stack.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in paths:
            path.unlink(missing_ok=True)


def _list(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > PART_SECONDS
    except OSError:
        return False
