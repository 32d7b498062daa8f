"""Uploads: results go into the shared store in the background, while the next steps run.

A bounded queue feeds some threads. A step waits only if the queue is full, so that no more results
are behind than the end of the run can wait for. An upload that fails or is dropped costs time only:
another machine makes that result again. It writes nothing here.
"""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from pipeline.engine.receipt import Receipt
from pipeline.engine.shared_results import ResultStore, put_receipt

MAX_WAITING = 64
NUM_THREADS = 4
_TICK_SECONDS = 0.1

Progress = Callable[[int, int], None]
"""Takes the number of results that are through, and of all."""


class Uploads:
    """The results of a run on their way into a store. Any thread may add to them.

    Args:
        store: The store. It has a limit of time for each call, and raises nothing.
    """

    def __init__(self, store: ResultStore) -> None:
        self._store = store
        self._waiting: queue.Queue[tuple[Receipt, Path]] = queue.Queue(MAX_WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self._added = self._through = 0
        self.faults: list[str] = []
        self._threads: list[threading.Thread] = []

    def add(self, receipt: Receipt, folder: Path) -> None:
        """Let the files of a folder follow; wait while too many are behind."""
        with self._changed:
            self._added += 1
            if len(self._threads) < NUM_THREADS:
                self._start_thread()
        while not self._closed:
            try:
                self._waiting.put((receipt, folder), timeout=_TICK_SECONDS)
            except queue.Full:
                continue
            return

    def finish(self, progress: Progress) -> None:
        """Wait until all results are through; a signal may end the wait."""
        told = -1
        with self._changed:
            while self._through < self._added and not self._closed:
                if told != self._through:
                    told = self._through
                    progress(self._through, self._added)
                self._changed.wait(_TICK_SECONDS)

    def close(self) -> None:
        """Drop what waits. What is under way ends with the store."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def num_left(self) -> int:
        """Number of results that are not through."""
        return self._added - self._through

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name="uploads", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while not self._closed:
            try:
                receipt, folder = self._waiting.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            self._put(receipt, folder)
            with self._changed:
                self._through += 1
                self._changed.notify_all()

    def _put(self, receipt: Receipt, folder: Path) -> None:
        try:
            put_receipt(self._store, receipt, folder)
        except Exception as error:  # noqa: BLE001  # a result that stays here costs time only
            self.faults.append(f"a result was not put into the store ({type(error).__name__})")
