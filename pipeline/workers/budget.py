"""Budget: the time, memory and disk of one step, which all that it starts share.

It has one clock, so that ten processes of a step cannot take ten times as long as one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.errors import WorkerError

GIB = 1024**3
TIMEOUT_SECONDS = 600.0
MEMORY_LIMIT_BYTES = 4 * GIB
DISK_LIMIT_BYTES = 16 * GIB


@dataclass(kw_only=True)
class Budget:
    """What a step may use.

    Attributes:
        seconds: Wall time from the making of this object on; waiting for a place does not count.
        memory_bytes: Resident memory of each process that it starts, with its children.
        disk_bytes: What each of them may write into its folder.
        clock: Returns seconds, from any moment on.
    """

    seconds: float = TIMEOUT_SECONDS
    memory_bytes: int = MEMORY_LIMIT_BYTES
    disk_bytes: int = DISK_LIMIT_BYTES
    clock: Callable[[], float] = time.monotonic
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock() + self.seconds

    def left(self) -> float:
        """Return the seconds that are left; 0 when none are."""
        return max(0.0, self._end - self.clock())

    def extend(self, seconds: float) -> None:
        """Give back time that was spent with waiting for a place."""
        self._end += seconds

    def check(self, name: str) -> None:
        """Raise when the time is over.

        Args:
            name: What the user calls the work, for the message.

        Raises:
            WorkerError: It is.
        """
        if not self.left():
            raise out_of_time(name, self.seconds)


def out_of_time(name: str, seconds: float) -> WorkerError:
    """Return the error of work that took longer than it may."""
    return WorkerError(
        f"{name} took more than {seconds:g} s",
        hint="raise `timeout_seconds` of this model in models.yaml",
    )
