"""Room: what a source may fill of a disk, so that the disk is never full of it."""

import shutil
from pathlib import Path

from pipeline.errors import DiskError, UntrustedSourceError
from pipeline.fetch.download_cache import HINT_DISK

GIB = 1024**3
MIB = 1024**2

MAX_TOTAL_BYTES = 32 * GIB
# What stays free for everybody else: of a small disk a part, of a large one this much.
RESERVE_BYTES = GIB
RESERVE_PART = 0.02
# Between two looks at the disk.
_LOOK_BYTES = 16 * MIB


class Room:
    """The room for one file or archive, looked at before it is written and while it is.

    Args:
        folder: Where it is written; it is there.
        shown: What the user knows it as.
        place: What messages call the disk: "the cache".
    """

    def __init__(self, folder: Path, *, shown: str, place: str) -> None:
        self.folder = folder
        self.shown = shown
        self.place = place
        self._next_look = 0

    def check(self, total: int, *, written: int = 0) -> None:
        """Refuse what does not fit.

        Args:
            total: Bytes that it will have, as far as that is known.
            written: Bytes of it that are there.

        Raises:
            UntrustedSourceError: It is larger than any model.
            DiskError: The disk has no room for the rest.
        """
        if total > MAX_TOTAL_BYTES:
            limit = MAX_TOTAL_BYTES // GIB
            raise UntrustedSourceError(f"{self.shown}: larger than {limit} GiB; refused")
        if written < self._next_look:
            return
        self._next_look = written + _LOOK_BYTES
        disk = shutil.disk_usage(self.folder)
        reserve = min(RESERVE_BYTES, int(RESERVE_PART * disk.total))
        if total - written > max(0, disk.free - reserve):
            needed, free = (total - written) / MIB, disk.free / MIB
            raise DiskError(
                f"{self.shown}: {needed:,.0f} MiB more do not fit into {self.place}: "
                f"{free:,.0f} MiB are free, and {reserve / MIB:,.0f} MiB stay so",
                hint=HINT_DISK,
            )
