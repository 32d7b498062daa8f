"""Writes the files of a folder into a store: small ones for its document, the others as blobs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.disk.files import digest_file, find_special
from pipeline.store.store_files import FoundFile, StoreFiles
from pipeline.store.stored_result import MAX_FILES, StoredFile, blob_path

# A writer relies on a blob that is younger than this; eviction removes no blob that is younger
# than twice as much.
REUSE_SECONDS = 12 * 3600.0
_INLINE_BYTES = 16 * 1024
_INLINE_TOTAL_BYTES = 1024**2


class UnfitError(Exception):
    """A folder holds what a store does not take."""


class BlobWriter:
    """Writes blobs that a store does not have yet.

    Args:
        files: The files of the store.
        count: Called with the size of each blob that was written.
    """

    def __init__(self, files: StoreFiles, *, count: Callable[[int], None]) -> None:
        self._files = files
        self._count = count
        self._damaged: set[str] = set()
        self._clock_ahead: float | None = None

    def replace(self, sha256: str) -> None:
        """Write a blob anew the next time, because the one in the store is damaged."""
        self._damaged.add(sha256)

    def write_files(self, folder: Path) -> Iterator[StoredFile]:
        """Write the blobs of a folder; yield its files, sorted by path.

        Raises:
            UnfitError: The folder holds what a store does not take.
            StoreError: The store fails.
            OSError: A file of the folder cannot be read.
        """
        special = find_special(folder)
        if special is not None:
            raise UnfitError(f"{special.name} is a link or a pipe; expected plain files")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if len(paths) > MAX_FILES:
            raise UnfitError(f"it has {len(paths):,} files; a store takes {MAX_FILES:,}")
        room = _INLINE_TOTAL_BYTES
        for path in paths:
            name, size = path.relative_to(folder).as_posix(), path.stat().st_size
            file = StoredFile(path=name, size=size, sha256=digest_file(path))
            # A part of an empty file cannot be asked for.
            if size == 0 or size <= min(_INLINE_BYTES, room):
                room -= size
                file = file.model_copy(update={"content": path.read_bytes()})
            else:
                self._write_blob(file, path)
            yield file

    def _write_blob(self, file: StoredFile, path: Path) -> None:
        """Write a blob, unless the store has it and will keep it."""
        location = blob_path(file.sha256)
        found = None if file.sha256 in self._damaged else self._files.find(location)
        if found is not None and found.size == file.size and self._is_young(found):
            return
        self._files.write(location, path)
        self._damaged.discard(file.sha256)
        self._count(file.size)

    def _is_young(self, blob: FoundFile) -> bool:
        """Return whether eviction will spare a blob; the clock of this machine may be wrong."""
        if self._clock_ahead is None:
            self._clock_ahead = self._files.measure_clock() or 0.0
        now = time.time() + self._clock_ahead
        return blob.modified is not None and now - blob.modified < REUSE_SECONDS
