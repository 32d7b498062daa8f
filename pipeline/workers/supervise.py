"""Supervise: follow one job to its end, within its limits, and say how it ended."""

import contextlib
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from pipeline.errors import WorkerError
from pipeline.workers.job import JobResult, Limits, Request
from pipeline.workers.memory import format_bytes, tree_memory
from pipeline.workers.process import Launched, describe_exit, last_lines

_INTERVAL_SECONDS = 0.2
_END_SECONDS = 10.0


def supervise(
    launched: Launched,
    request: Request,
    limits: Limits,
    *,
    name: str,
    seen: Callable[[int], None],
) -> JobResult:
    """Give a process its job and wait for the outcome.

    Args:
        launched: Process that waits for a request.
        request: What it shall do.
        limits: Time and memory; beyond them the process and its children are killed.
        name: What the user calls the job, for messages.
        seen: Called now and then with the resident bytes of the process tree.

    Raises:
        WorkerError: The limits were passed, or the process died.
        PipelineError: What the job itself raised.
        UnexpectedJobError: Any other exception in the job.
    """
    start = time.monotonic()
    log_start = request.log.stat().st_size if request.log.exists() else 0
    with contextlib.suppress(OSError):  # it died at once: the exit code says how
        launched.channel.send(request)
    peak, outcome = _follow(launched, limits, name=name, seen=seen, start=start)
    seconds = time.monotonic() - start
    code = _end(launched)
    if outcome is None:
        raise _crash(code, name, request.log, log_start)
    kind, result, own_peak = outcome
    if kind == "error":
        raise result
    return JobResult(value=result, seconds=seconds, peak_rss_bytes=max(peak, own_peak))


def _follow(
    launched: Launched, limits: Limits, *, name: str, seen: Callable[[int], None], start: float
) -> tuple[int, Any]:
    """Return the peak of memory and the outcome, None where the process ended without."""
    peak = 0
    while True:
        left = start + limits.timeout_seconds - time.monotonic()
        ready = wait([launched.channel, launched.status], max(0, min(_INTERVAL_SECONDS, left)))
        if launched.channel in ready:
            try:
                return peak, launched.channel.recv()
            except (OSError, EOFError):  # closed before the outcome was whole
                return peak, None
        if launched.status in ready:
            return peak, None
        used = tree_memory(launched.pid)
        seen(used)
        peak = max(peak, used)
        if used > limits.memory_limit_bytes:
            launched.kill()
            _end(launched)
            raise WorkerError(
                f"{name} needed more than {format_bytes(limits.memory_limit_bytes)} of memory",
                hint="raise `memory_limit_bytes` of this model in models.yaml",
            )
        if left <= 0:
            launched.kill()
            _end(launched)
            raise WorkerError(
                f"{name} took more than {limits.timeout_seconds:g} s",
                hint="raise `timeout_seconds` of this model in models.yaml",
            )


def _end(launched: Launched) -> int:
    """Return the exit code; a process that lingers after its outcome is killed."""
    if not wait([launched.status], _END_SECONDS):
        launched.kill()
    return launched.exit_code()


def _crash(code: int, name: str, log: Path, log_start: int) -> WorkerError:
    written = b""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(log_start)
        written = file.read()
    lines = last_lines(written)
    return WorkerError(
        f"{name} died: {describe_exit(code)}",
        hint=f"its log ends with:\n{lines}" if lines else None,
    )
