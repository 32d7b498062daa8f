"""The display: the one thread that writes to the screen.

Events come from worker threads and must not wait for a slow terminal; lines and redraws must
not run through each other. So all that is to be shown goes through a queue to this thread.
"""

import atexit
import queue
import threading
import time
from collections.abc import Callable, Sequence

from pipeline.report.progress import Snapshot
from pipeline.report.terminal import Screen
from pipeline.text.line import Line

CLOSE_SECONDS = 5.0


class Display:
    """Shows lines in the order in which they came, and the run's state in between.

    Args:
        screen: Where to; only the display's thread writes to it.
        snapshot: Returns the run's state at a time of `time.monotonic()`.
    """

    def __init__(self, screen: Screen, snapshot: Callable[[float], Snapshot]) -> None:
        self._screen = screen
        self._snapshot = snapshot
        self._queue: queue.SimpleQueue[Sequence[Line]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()
        # A run that ends in an exception of doit's own must not leave the cursor hidden.
        atexit.register(self.close)

    @property
    def width(self) -> int | None:
        """Characters of a row of the screen; None where rows have no end."""
        return self._screen.width

    def show(self, lines: Sequence[Line]) -> None:
        """Show lines for good, soon."""
        self._queue.put(lines)

    def close(self) -> None:
        """Show what is waiting and leave the terminal as it was; later lines are lost."""
        atexit.unregister(self.close)
        self._closing.set()
        self._queue.put(())
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._show_waiting(timeout_seconds=self._screen.interval)
                self._screen.refresh(self._snapshot(time.monotonic()))
            self._show_waiting(timeout_seconds=0)
        finally:
            self._screen.close()

    def _show_waiting(self, *, timeout_seconds: float) -> None:
        """Show all that is waiting in one go; when nothing is, wait for it."""
        lines: list[Line] = []
        try:
            lines += self._queue.get(timeout=timeout_seconds)
            while True:
                lines += self._queue.get_nowait()
        except queue.Empty:
            pass
        if lines:
            self._screen.show(lines, self._snapshot(time.monotonic()))
