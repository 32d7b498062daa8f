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


class Interrupted(BaseException):
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

    def submit(
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        log: Path,
        limits: Mapping[str, int],
        expected_memory_bytes: int,
    ) -> Future[Any]:
        """Run a function of `pipeline.tf` in a child process."""
        from pipeline.workers.pool import Limits, TensorFlowPool  # noqa: PLC0415  # when needed

        with self._lock:
            if self.closed:
                raise Interrupted
            if self._pool is None:
                self._pool = TensorFlowPool()
        all_limits = Limits(**limits, expected_memory_bytes=expected_memory_bytes)
        return self._pool.submit(function, arguments, limits=all_limits, log=log)

    def close(self) -> None:
        """End all child processes, whatever they are doing."""
        with self._lock:
            self.closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
