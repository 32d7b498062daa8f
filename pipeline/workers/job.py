"""Jobs: what one child process is asked to do, within which limits, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.workers.budget import DISK_LIMIT_BYTES, GIB, MEMORY_LIMIT_BYTES, TIMEOUT_SECONDS

OUTCOME = "outcome.json"
"""Name of the file in a job's scratch folder that it leaves its outcome in."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one job may use.

    Attributes:
        timeout_seconds: Wall time of all the work that it is a part of.
        left_seconds: Those left for it from its start (waiting for a place does not count);
            None for all of them.
        memory_limit_bytes: Resident memory of its process and all their children together.
            A process forked from the server begins at a few hundred MiB, which is TensorFlow.
        expected_memory_bytes: What it will probably need; jobs run side by side as long as
            the sum of their expectations fits into the machine.
        disk_limit_bytes: What it may write into its folder, all files together.
    """

    timeout_seconds: float = TIMEOUT_SECONDS
    left_seconds: float | None = None
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    expected_memory_bytes: int = GIB
    disk_limit_bytes: int = DISK_LIMIT_BYTES


@dataclass(frozen=True, kw_only=True)
class Request:
    """A job on its way to a child process.

    Attributes:
        function: "package.module:name", imported in the child.
        arguments: Its keyword arguments; plain values.
        log: File that gets, appended, all that the job prints. The job may write its folder.
        scratch: Empty folder for temporary files and the outcome, below the log's folder.
    """

    function: str
    arguments: Mapping[str, Any]
    log: Path
    scratch: Path


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a job returned, and what it took.

    Attributes:
        value: Return value of the function.
        seconds: Wall time from the start of its process to its end.
        waited_seconds: Time before that, until there was a place and memory for it.
        peak_rss_bytes: Most resident memory of its process tree, seen at intervals, or of
            its main process as the kernel kept it, whichever is more.
    """

    value: Any
    seconds: float
    peak_rss_bytes: int
    waited_seconds: float = 0.0


class UnexpectedJobError(RuntimeError):
    """An exception in a child that is no PipelineError: a bug of ours, with its traceback.

    Attributes:
        traceback_text: The child's traceback, as Python prints it.
    """

    def __init__(self, summary: str, traceback_text: str) -> None:
        super().__init__(f"{summary}\n\nIn the child process:\n{traceback_text}")
        self.summary = summary
        self.traceback_text = traceback_text

    def __reduce__(self) -> tuple[object, ...]:
        """Keep both texts when the error crosses from a child process."""
        return (type(self), (self.summary, self.traceback_text))
