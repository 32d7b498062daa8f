"""Expiry of the cache: downloads that nobody uses any more, and files of killed processes."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PART_SECONDS = 24 * 3600


def find_expired(cache: Path, *, unused_seconds: float) -> Iterator[Path]:
    """Find files of the cache that may be removed; removing any of them is safe.

    Args:
        cache: Folder of downloads.
        unused_seconds: Age since the last use at which a download expires. A partial download
            expires after a day. If the file system keeps no times of access, the time of the
            download counts.
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
    """Remove files that killed processes left in a cache, and locks that nobody holds.

    A partial download stays for a day, because it can go on. A file in use is locked, and stays.
    Nothing happens if the cache cannot be written.
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
    """Remove files if nobody holds a lock; errors of the disk are ignored."""
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
