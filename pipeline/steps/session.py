"""A session: what the jobs of one run share.

It starts the TensorFlow pool when the first job asks for it, and shuts it down.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.workers.pool import TensorFlowPool


# Used where the manifest says nothing.
TIMEOUT_SECONDS = 600.0
MEMORY_LIMIT_BYTES = 4 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the manifest lets a child process use; None where it says nothing.

    Attributes:
        timeout_seconds: Wall time.
        memory_limit_bytes: Resident memory of the process and its children.
    """

    timeout_seconds: float | None = None
    memory_limit_bytes: int | None = None


class Interrupted(KeyboardInterrupt):
    """Raised in a step's thread once the run was interrupted; it is nobody's failure."""


@dataclass(kw_only=True)
class Session:
    """State of one run.

    Attributes:
        cache: Folder of downloads.
        force: Whether results that still stand are made again (`doit -a`).
        refresh: Whether sources that may change are asked for again.
        closed: Whether the run is over; what still goes on is to leave no trace.
        bugs: Tasks that ended in an exception of ours rather than in a PipelineError.
    """

    cache: Path
    force: bool = False
    refresh: bool = False
    closed: bool = False
    bugs: list[str] = field(default_factory=list)
    _pool: "TensorFlowPool | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(  # noqa: PLR0913  # what a job is
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        name: str,
        log: Path,
        bounds: Bounds,
        expected_memory_bytes: int,
    ) -> Future[Any]:
        """Run a function of `pipeline.tf` in a child process."""
        from pipeline.workers.job import Limits  # noqa: PLC0415  # only a run that needs it pays
        from pipeline.workers.pool import TensorFlowPool  # noqa: PLC0415

        with self._lock:
            if self.closed:
                raise Interrupted
            if self._pool is None:
                self._pool = TensorFlowPool()
        # A model that is expected to need much gets a limit to match.
        limit = max(MEMORY_LIMIT_BYTES, 2 * expected_memory_bytes)
        limits = Limits(
            timeout_seconds=bounds.timeout_seconds or TIMEOUT_SECONDS,
            memory_limit_bytes=bounds.memory_limit_bytes or limit,
            expected_memory_bytes=expected_memory_bytes,
        )
        return self._pool.submit(function, arguments, limits=limits, name=name, log=log)

    def close(self) -> None:
        """End all child processes, whatever they are doing."""
        with self._lock:
            self.closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
