"""Jobs: what a child process is asked to do, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.workers.limits import Budget

OUTCOME = "outcome.json"
"""Name of the file in a job's scratch folder that it leaves its outcome in."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A job on its way to a child process.

    Attributes:
        function: "package.module:name", imported in the child.
        arguments: Keyword arguments of the function; plain values.
        log: File to which all output of the job is appended. The job may write its folder.
        scratch: Empty folder for temporary files and the outcome, below the log's folder.
    """

    function: str
    arguments: Mapping[str, Any]
    log: Path
    scratch: Path


@dataclass(frozen=True, kw_only=True)
class PoolJob:
    """A job as the pool runs it: a request, and the other arguments of `TensorFlowPool.submit`."""

    name: str
    request: Request
    budget: Budget
    expected_memory_bytes: int
    reads: tuple[Path, ...]
    trusted: bool
    alone: bool

    @property
    def memory_limit_bytes(self) -> int:
        """Most resident memory of its process and all their children together.

        A process forked from the server begins at a few hundred MiB, which is TensorFlow.
        """
        return self.budget.limits.memory_limit(expected_bytes=self.expected_memory_bytes)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The result of a job, and its cost.

    Attributes:
        value: Return value of the function.
        seconds: Wall time from the start of the job's process to its end.
        peak_rss_bytes: Most resident memory, in bytes: of the process tree as seen at intervals,
            or of the main process as the kernel recorded it, whichever is more.
    """

    value: Any
    seconds: float
    peak_rss_bytes: int


class UnexpectedJobError(RuntimeError):
    """An exception in a child that is no PipelineError, and so a bug of ours.

    Attributes:
        traceback_text: The child's traceback, as Python prints it.
    """

    def __init__(self, summary: str, traceback_text: str) -> None:
        super().__init__(f"{summary}\n\nIn the child process:\n{traceback_text}")
        self.summary = summary
        self.traceback_text = traceback_text
