"""Deadlines: the longest time for a source, whatever its servers do."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from pipeline.errors import NetworkError

# Without a time in the manifest: so long for answers and waits, and one more second for so many
# bytes. A large model comes on a slow line, and a server that sends a byte a second is given up.
GRACE_SECONDS = 600.0
LEAST_BYTES_PER_SECOND = 16 * 1024

T = TypeVar("T")


class Deadline:
    """The end of the time for one source.

    Args:
        seconds: Longest time for the source; None for as long as bytes keep coming:
            `GRACE_SECONDS`, and one more second for each `LEAST_BYTES_PER_SECOND` that came.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._start = time.monotonic()
        self._end = self._start + (GRACE_SECONDS if seconds is None else seconds)

    def left(self) -> float:
        """Return the seconds that are left, 0 after the deadline."""
        return max(0.0, self._end - time.monotonic())

    def extend(self, num_bytes: int) -> None:
        """Count bytes that came; they extend the time unless the manifest states it."""
        if self.seconds is None:
            self._end += num_bytes / LEAST_BYTES_PER_SECOND

    def run(self, call: Callable[[], T], *, shown: str) -> T:
        """Return the result of a call that has no deadline of its own, as in the client of a hub.

        The call runs in its own thread. A call that does not return in time goes on there until
        it returns or the process ends; nobody waits for it.

        Raises:
            NetworkError: The call has not returned in time.
            Exception: Any error of the call.
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
        """Refuse to go on after the deadline.

        Args:
            shown: The file or the source as messages name it.

        Raises:
            NetworkError: The time has passed.
        """
        if self.left() == 0:
            raise self.fault(shown)

    def fault(self, shown: str) -> NetworkError:
        """Return the error for the end of the time."""
        if self.seconds is not None:
            hint = "raise `timeout_seconds` of this model in models.yaml; what has arrived is kept"
            return NetworkError(f"{shown}: fetching took more than {self.seconds:g} s", hint=hint)
        took = time.monotonic() - self._start
        speed = LEAST_BYTES_PER_SECOND // 1024
        return NetworkError(
            f"{shown}: not there after {took:.0f} s, at less than {speed} KiB/s",
            hint="run the same command again; what has arrived is kept",
        )
