"""Disk room: the part of a disk that one source may fill, so that the disk is never full."""

import shutil
from pathlib import Path

from pipeline.errors import DiskError, UntrustedSourceError
from pipeline.fetch.download_cache import HINT_DISK

GIB = 1024**3
MIB = 1024**2

MAX_TOTAL_BYTES = 32 * GIB
# Room that stays free for everybody else: this part of a small disk, this much of a large one.
RESERVE_BYTES = GIB
RESERVE_PART = 0.02
# The disk is looked at again after so many bytes.
_LOOK_BYTES = 16 * MIB


class Room:
    """The room for one file or archive; it is checked before and while the file is written.

    Args:
        folder: The folder that the file is written to; it exists.
        shown: The file as messages name it.
        disk: The disk as messages name it: "the cache".
    """

    def __init__(self, folder: Path, *, shown: str, disk: str) -> None:
        self.folder = folder
        self.shown = shown
        self.disk = disk
        self._next_look = 0

    def check(self, total: int, *, written: int = 0) -> None:
        """Refuse a file that does not fit.

        Args:
            total: Bytes of the whole file, as far as they are known.
            written: Bytes that are on the disk.

        Raises:
            UntrustedSourceError: The file is larger than any model.
            DiskError: The disk has no room for the rest.
        """
        if total > MAX_TOTAL_BYTES:
            limit = MAX_TOTAL_BYTES // GIB
            raise UntrustedSourceError(f"{self.shown}: larger than {limit} GiB; refused")
        if written < self._next_look:
            return
        self._next_look = written + _LOOK_BYTES
        usage = shutil.disk_usage(self.folder)
        reserve = min(RESERVE_BYTES, int(RESERVE_PART * usage.total))
        if total - written > max(0, usage.free - reserve):
            needed, free = (total - written) / MIB, usage.free / MIB
            raise DiskError(
                f"{self.shown}: {needed:,.0f} MiB more do not fit into {self.disk}: "
                f"{free:,.0f} MiB are free, and {reserve / MIB:,.0f} MiB stay so",
                hint=HINT_DISK,
            )
