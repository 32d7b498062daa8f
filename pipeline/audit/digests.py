"""Digests of files, read from the disk whatever their times say, several files at a time.

A file with several names (hard links between the cache and a build) is read once.
"""

import hashlib
import os
import stat
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from pipeline.audit.damage import Content, Damage

Progress = Callable[[int, int | None], None]

_MAX_THREADS = 8
_CHUNK_BYTES = 1024**2


def find_damage(contents: Iterable[Content], progress: Progress) -> Iterator[Damage]:
    """Read files and yield the damage of those that have another content.

    Args:
        contents: The files.
        progress: Called with the number of bytes that were read, and of all bytes.
    """
    sizes: dict[tuple[int, int], int] = {}
    same: dict[tuple[int, int], list[Content]] = defaultdict(list)
    for content in contents:
        try:
            found = content.path.lstat()
        except OSError as error:
            yield content.damaged(_describe(error))
            continue
        if not stat.S_ISREG(found.st_mode):
            yield content.damaged("is no file")
        elif content.bytes is not None and found.st_size != content.bytes:
            yield content.damaged(f"has {found.st_size:,} bytes instead of {content.bytes:,}")
        else:
            key = (found.st_dev, found.st_ino)
            sizes[key] = found.st_size
            same[key].append(content)
    count = _Counter(sum(sizes.values()), progress)
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads)
    try:
        running = [pool.submit(_compare, group, count) for group in same.values()]
        for future in as_completed(running):
            yield from future.result()
    finally:
        count.over.set()
        pool.shutdown(cancel_futures=True)


class _Counter:
    """Counts the bytes that all threads read; setting `over` ends the threads."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.over = threading.Event()
        self._total = total
        self._done = 0
        self._progress = progress
        self._guard = threading.Lock()

    def add(self, num_bytes: int) -> None:
        with self._guard:
            self._done += num_bytes
            self._progress(self._done, self._total)


def _compare(group: Sequence[Content], count: _Counter) -> list[Damage]:
    """Compare a file with the digest of each of its names."""
    try:
        sha256 = _digest(group[0], count)
    except OSError as error:
        return [content.damaged(_describe(error)) for content in group]
    return [
        content.damaged("has another content than it was made with")
        for content in group
        if content.sha256 != sha256
    ]


def _digest(content: Content, count: _Counter) -> str:
    digest = hashlib.sha256()
    handle = os.open(content.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:
        while not count.over.is_set() and (chunk := file.read(_CHUNK_BYTES)):
            digest.update(chunk)
            count.add(len(chunk))
    return digest.hexdigest()


def _describe(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "is missing"
    return f"cannot be read: {error.strerror}"
