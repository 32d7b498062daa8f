"""Deadlines: how long a source may take in all, whatever its servers do."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from pipeline.errors import NetworkError

# Without a stated time: so long for answers and waits, and a second more for so many bytes. A
# large model on a slow line comes; a server that lets bytes drip does not keep a run for days.
GRACE_SECONDS = 600.0
LEAST_BYTES_PER_SECOND = 16 * 1024

T = TypeVar("T")


class Deadline:
    """The end of the time for one source.

    Args:
        seconds: Longest time for all of it; None for as long as its bytes keep coming:
            `GRACE_SECONDS`, and a second more for each `LEAST_BYTES_PER_SECOND` that came.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._start = time.monotonic()
        self._end = self._start + (GRACE_SECONDS if seconds is None else seconds)

    def left(self) -> float:
        """Return the seconds that are left; 0 once it has passed."""
        return max(0.0, self._end - time.monotonic())

    def extend(self, num_bytes: int) -> None:
        """Count bytes that came; they extend a time that nobody stated."""
        if self.seconds is None:
            self._end += num_bytes / LEAST_BYTES_PER_SECOND

    def run(self, call: Callable[[], T], *, shown: str) -> T:
        """Return what a call returns that knows no time: of the client of a store or hub.

        It is made in a thread of its own. One that has not returned in time goes on there, until
        it returns or the process ends; nobody waits for it.

        Raises:
            NetworkError: It has not returned in time.
            Exception: What the call raises.
        """
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  # it is raised below
                future.set_exception(error)

        threading.Thread(target=work, name=f"fetch {shown}", daemon=True).start()
        wait([future], timeout=self.left())
        if not future.done():
            raise self.fault(shown)
        return future.result()

    def check(self, shown: str) -> None:
        """Raise the error of a time that has passed.

        Args:
            shown: What the user knows the file or the source as.

        Raises:
            NetworkError: It has.
        """
        if self.left() == 0:
            raise self.fault(shown)

    def fault(self, shown: str) -> NetworkError:
        """Return the error of a time that has passed."""
        if self.seconds is not None:
            hint = "raise `timeout_seconds` of this model in models.yaml; what has arrived is kept"
            return NetworkError(f"{shown}: fetching took more than {self.seconds:g} s", hint=hint)
        took = time.monotonic() - self._start
        speed = LEAST_BYTES_PER_SECOND // 1024
        return NetworkError(
            f"{shown}: not there after {took:.0f} s, at less than {speed} KiB/s",
            hint="run the same command again; what has arrived is kept",
        )
