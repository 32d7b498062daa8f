"""Outages: a store that failed is left alone for some minutes, and the user is told once."""

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 300.0


class Outage:
    """Whether one use of a store, reading or writing, is left alone for now.

    Args:
        consequence: What the user is told after the fault: "going on without it".
        clock: Returns seconds since any fixed moment.

    Attributes:
        notice: What the user is told of the first fault; None without one.
    """

    def __init__(self, consequence: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._consequence = consequence
        self._clock = clock
        self._lock = threading.Lock()
        self._end = 0.0
        self.notice: str | None = None

    @property
    def lasts(self) -> bool:
        """Whether the store failed within the last minutes."""
        return self._clock() < self._end

    def begin(self, fault: str) -> str | None:
        """Leave the store alone for some minutes; return what to tell the user, at first only."""
        with self._lock:
            self._end = self._clock() + PAUSE_SECONDS
            if self.notice is not None:
                return None
            self.notice = f"{fault}: {self._consequence}"
            return self.notice
