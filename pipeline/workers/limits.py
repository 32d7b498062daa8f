"""Limits: the time, memory and disk that a step and its processes may use, and the time left.

`ResourceLimits` are the manifest's, and never change. A `Budget` is the one clock of a step: ten
processes that the step starts one after another share it, and cannot take ten times as long.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import WorkerError

GIB = 1024**3
_TIMEOUT_SECONDS = 600.0
_MEMORY_BYTES = 4 * GIB
_DISK_BYTES = 16 * GIB


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """What a step may use.

    Attributes:
        timeout_seconds: Wall time of the whole step, as the manifest states it; None for 600 s
            of computing. (A download without a stated time has its own rule.)
        memory_bytes: Resident memory of each process together with its children, as the
            manifest states it; None for 4 GiB, or more if the model is large.
        disk_bytes: Size of all files that a process may write into its folder.
    """

    timeout_seconds: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int = _DISK_BYTES

    @property
    def seconds(self) -> float:
        """Wall time of all the computing of a step."""
        return _TIMEOUT_SECONDS if self.timeout_seconds is None else self.timeout_seconds

    def memory_limit(self, *, expected_bytes: int = 0) -> int:
        """Return the most memory of a process that will probably need `expected_bytes`."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        return max(_MEMORY_BYTES, 2 * expected_bytes)


class Budget:
    """The limits of a step whose time runs, from the making of this object on.

    Args:
        limits: What the step may use.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        limits: ResourceLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or ResourceLimits()
        self._clock = clock
        self._end = clock() + self.limits.seconds

    def left(self) -> float:
        """Return the seconds that are left, never less than 0."""
        return max(0.0, self._end - self._clock())

    def extend(self, seconds: float) -> None:
        """Give back time in which the step only waited for its turn."""
        self._end += seconds

    def end(self) -> None:
        """Leave no time, so that whatever runs under this budget is killed at its next check."""
        self._end = -math.inf

    def check(self, name: str) -> None:
        """Raise if no time is left.

        Args:
            name: The user's name for the work, for the message: "convert:mobilenet".

        Raises:
            WorkerError: "convert:mobilenet took more than 600 s".
        """
        if not self.left():
            raise WorkerError(
                f"{name} took more than {self.limits.seconds:g} s",
                hint="raise `timeout_seconds` of this model in models.yaml",
            )
