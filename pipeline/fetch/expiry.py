"""Expiry of the cache: which downloads nobody has used for long."""

import time
from collections.abc import Iterator
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
