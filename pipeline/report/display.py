"""The display: the only thread that writes to the screen.

Events come from worker threads. These must not wait for a slow terminal, or for one that the
user stopped with Ctrl-S, and their lines must not mix with the live view. So a queue takes all
lines to this thread. rich's own thread of a live view would only redraw; lines would still be
written by the workers.
"""

import atexit
import queue
import threading
from collections.abc import Sequence

from pipeline.report.terminal import PlainScreen
from pipeline.text.line import Line

CLOSE_SECONDS = 5.0


class Display:
    """Shows lines in the order in which they came, and the state of the run in between.

    Args:
        screen: Shows them; only the display's thread writes to it.
    """

    def __init__(self, screen: PlainScreen) -> None:
        self._screen = screen
        self._queue: queue.SimpleQueue[Sequence[Line]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()
        # A run that ends in an exception of doit's own must not leave the cursor hidden.
        atexit.register(self.close)

    @property
    def width(self) -> int | None:
        """Cells of a line of the screen; None where lines have no end."""
        return self._screen.width

    def show(self, lines: Sequence[Line]) -> None:
        """Show lines that stay, soon."""
        self._queue.put(lines)

    def close(self) -> None:
        """Show the lines that wait, and leave the terminal as it was; later lines are lost."""
        atexit.unregister(self.close)
        self._closing.set()
        self._queue.put(())
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._show_waiting(timeout_seconds=self._screen.interval)
                self._screen.refresh()
            self._show_waiting(timeout_seconds=0)
        finally:
            self._screen.close()

    def _show_waiting(self, *, timeout_seconds: float) -> None:
        """Show all lines that wait in one go; if none does, wait for some."""
        lines: list[Line] = []
        try:
            lines += self._queue.get(timeout=timeout_seconds)
            while True:
                lines += self._queue.get_nowait()
        except queue.Empty:
            pass
        if lines:
            self._screen.show(lines)
