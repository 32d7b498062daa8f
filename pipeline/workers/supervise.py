"""Supervise: follow a job to its end, keep it within its limits, and return its outcome.

The job's process is not trusted: its outcome is read as foreign JSON, from a file of bounded size.
"""

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path

from pipeline import errors
from pipeline.disk.files import total_size
from pipeline.disk.json_value import JsonValue, decode_json
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import CrashError, FormatError, MachineError, PipelineError, WorkerError
from pipeline.text.printable import printable
from pipeline.text.quantity import format_limit
from pipeline.wall.rights import Rights
from pipeline.workers.child_process import Launched, describe_exit, last_lines
from pipeline.workers.memory import tree_memory
from pipeline.workers.pool_job import OUTCOME, JobResult, PoolJob, UnexpectedJobError

_INTERVAL_SECONDS = 0.2
_DISK_INTERVAL_SECONDS = 2.0
_OUTCOME_BYTES_MAX = 256 * 1024**2


def supervise(
    launched: Launched, job: PoolJob, *, rights: Rights | None, seen: Callable[[int], None]
) -> JobResult:
    """Give a process its job and wait for the outcome.

    Args:
        launched: Process that waits for a request.
        job: The request, and the limits beyond which the process and its children are killed.
        rights: What the process keeps before it reads the request; None to leave it as it is.
        seen: Called now and then with the resident bytes of the process tree.

    Raises:
        CrashError: The process died.
        WorkerError: The process passed a limit.
        PipelineError: The job raised it.
        OSError: The machine failed the job: its disk is full, for example.
        UnexpectedJobError: The job raised any other exception.
    """
    request = job.request
    start = time.monotonic()
    log_start = request.log.stat().st_size if request.log.exists() else 0
    with contextlib.suppress(OSError):  # the process died at once: its exit code says how
        launched.channel.send_bytes(json.dumps(rights and rights.to_json()).encode())
        launched.channel.send(request)
    peak = _follow(launched, job, seen)
    seconds = time.monotonic() - start
    code = launched.exit_code()
    try:
        outcome = _load_outcome(request.scratch / OUTCOME) if code == 0 else None
        if outcome is not None and outcome.get("error").is_absent:
            most = max(peak, outcome.get("peak").whole())
            value = outcome.value.get("value")
            return JobResult(value=value, seconds=seconds, peak_rss_bytes=most)
        error = None if outcome is None else _parse_error(outcome.get("error"))
    except FormatError:  # no outcome of ours
        error = None
    raise error or _crash(code, job.name, request.log, log_start)


def _follow(launched: Launched, job: PoolJob, seen: Callable[[int], None]) -> int:
    """Wait for the end of the process, and return its peak of memory in bytes.

    Raises:
        WorkerError: The process passed a limit, and was killed.
    """
    peak = 0
    look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
    while not wait([launched.status], min(_INTERVAL_SECONDS, job.budget.left())):
        used = tree_memory(launched.pid)
        seen(used)
        peak = max(peak, used)
        try:
            _check_memory(job, used)
            job.budget.check(job.name)
            if time.monotonic() >= look_at_disk:
                look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
                _check_disk(job)
        except WorkerError:
            launched.kill()
            launched.exit_code()
            raise
    return peak


def _check_memory(job: PoolJob, used_bytes: int) -> None:
    if used_bytes > job.memory_limit_bytes:
        raise WorkerError(
            f"{job.name} needed more than {format_limit(job.memory_limit_bytes)} of memory",
            hint="raise `memory_limit_bytes` of this model in models.yaml",
        )


def _check_disk(job: PoolJob) -> None:
    limit = job.budget.limits.disk_bytes
    if total_size(job.request.log.parent) > limit:
        raise WorkerError(f"{job.name} wrote more than {format_limit(limit)}")


def _load_outcome(path: Path) -> JsonValue | None:
    """Read the file that a job left; return None if it left none, or no plain file.

    Raises:
        FormatError: The file is not JSON.
    """
    try:
        # Links and pipes are refused: behind some walls a process can make both.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and found.st_size <= _OUTCOME_BYTES_MAX:
                return decode_json(file.read(_OUTCOME_BYTES_MAX), OUTCOME)
    except OSError:
        pass
    return None


def _parse_error(wire: JsonValue) -> Exception:
    """Return the error of an outcome.

    Raises:
        FormatError: It is none that `pipeline.workers.child` describes.
    """
    number = wire.get("number").value
    if type(number) is int and number in OF_NO_MODEL:
        return OSError(number, os.strerror(number), wire.get("file").text() or None)
    keys = ("message", "hint", "fault", "traceback")
    texts = {key: wire.get(key).text() for key in keys if not wire.get(key).is_absent}
    message, trace = texts.get("message", ""), texts.get("traceback")
    if trace is not None:
        return UnexpectedJobError(message, trace)
    kinds = (getattr(errors, name, None) for name in wire.get("kinds").texts())
    known = (k for k in kinds if isinstance(k, type) and issubclass(k, PipelineError))
    error = next(known, PipelineError)(message, hint=texts.get("hint"))
    if isinstance(error, MachineError):
        error.fault = printable(texts.get("fault", message))
    return error


def _crash(code: int, name: str, log: Path, log_start: int) -> CrashError:
    written = b""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(log_start)
        written = file.read()
    lines = last_lines(written)
    return CrashError(
        f"{name} died: {describe_exit(code)}",
        hint=f"its log ends with:\n{lines}" if lines else None,
    )
