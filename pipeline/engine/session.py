"""A session: the state that the jobs of one run share.

It starts the TensorFlow pool at the first request of a job, and shuts it down.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline.engine.job import Job
from pipeline.engine.receipt import Failure, Ingredients, Receipt
from pipeline.engine.shared import S, Shared
from pipeline.engine.shared_results import ResultStore
from pipeline.engine.step import Work
from pipeline.engine.uploads import Progress, Uploads
from pipeline.workers.limits import Budget

if TYPE_CHECKING:
    from pipeline.workers.pool import TensorFlowPool


class Interrupted(KeyboardInterrupt):
    """Raised in a step's thread after an interruption of the run; it is no failure."""


class Elsewhere(Protocol):
    """Runs the steps of a run on other machines, and some of them on this one."""

    def run(self, job: Job, work: Work[Any], ingredients: Ingredients) -> Failure | None:
        """Run a step, here or there, and leave its results in `work`; return why it failed.

        Raises:
            CancelledError: `close` was called meanwhile.
        """
        ...  # pragma: no cover

    def has_put(self, job: Job) -> bool:
        """Return whether the shared store got the result of a job from the other machine."""
        ...  # pragma: no cover

    def close(self) -> None:
        """End all steps at once."""
        ...  # pragma: no cover


@dataclass(kw_only=True)
class Session:
    """State of one run.

    Attributes:
        cache: Folder of downloads.
        force: Whether results that still stand are made again (`doit -a`).
        store: The store that other machines share; None without one.
        refresh: Whether sources that may change are fetched again.
        closed: Whether the run is over; a step that still runs must leave no trace.
        bugs: Tasks that ended in another exception than a PipelineError: in a bug of ours.
        elsewhere: Runs steps on other machines; None if all run on this one, at once.
    """

    cache: Path
    store: ResultStore | None = None
    force: bool = False
    refresh: bool = False
    closed: bool = False
    bugs: list[str] = field(default_factory=list)
    elsewhere: Elsewhere | None = None
    _pool: "TensorFlowPool | None" = None
    _uploads: Uploads | None = None
    _shared: dict[type[Shared], Shared] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def share(self, kind: type[S]) -> S:
        """Return the one object of a class in this run; the first request makes it."""
        with self._lock:
            if self.closed:
                raise Interrupted
            if kind not in self._shared:
                self._shared[kind] = kind()
            return cast("S", self._shared[kind])

    def upload(self, receipt: Receipt, folder: Path) -> None:
        """Let a result go into the shared store in the background."""
        with self._lock:
            if self.closed or self.store is None:
                return
            if self._uploads is None:
                self._uploads = Uploads(self.store)
        self._uploads.add(receipt, folder)

    def finish_uploads(self, progress: Progress) -> list[str]:
        """Wait until all results are in the shared store; return what the user has to be told."""
        if self._uploads is None or self.store is None:
            return []
        self._uploads.finish(progress)
        return [*self._uploads.faults[:1], *self.store.take_notices()]

    def submit(  # noqa: PLR0913  # the fields of a job
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        budget: Budget,
        expected_memory_bytes: int,
        name: str,
        log: Path,
        reads: Sequence[Path],
        trusted: bool,
        alone: bool,
    ) -> Future[Any]:
        """Run a function of `pipeline.tf` in a child process; see `TensorFlowPool.submit`."""
        from pipeline.workers.pool import TensorFlowPool  # noqa: PLC0415  # only who needs it pays

        with self._lock:
            if self.closed:
                raise Interrupted
            if self._pool is None:
                self._pool = TensorFlowPool()
        return self._pool.submit(
            function,
            arguments,
            budget=budget,
            expected_memory_bytes=expected_memory_bytes,
            name=name,
            log=log,
            reads=reads,
            trusted=trusted,
            alone=alone,
        )

    def close(self) -> None:
        """End all child processes at once."""
        with self._lock:
            self.closed = True
            pool, self._pool = self._pool, None
            shared, self._shared = list(self._shared.values()), {}
        if self._uploads is not None:
            self._uploads.close()
        if self.elsewhere is not None:
            self.elsewhere.close()
        for one in shared:
            one.close()
        if self.store is not None:
            self.store.close()
        if pool is not None:
            pool.shutdown()
