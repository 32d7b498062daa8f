"""The browsers of a run, for all its models, each started when the others are busy.

One model uses a browser at a time. If it dies in the run of a model, that model runs once more in a
new browser. A death says nothing of a model or a backend.

Software WebGL compiles its shaders on one core, which is most of its time: for the models of a zoo
one after the other, with the other cores idle.
"""

import contextlib
import os
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pipeline.disk.browser_program import BrowserProgram
from pipeline.disk.files import find_special
from pipeline.errors import UntrustedSourceError
from pipeline.runtime.browser.browser_process import BrowserProcess, BrowserRun
from pipeline.runtime.node_results import ModelRun, load_run
from pipeline.runtime.tfjs_packages import Packages
from pipeline.wall.wall import require_wall
from pipeline.workers.limits import Budget

_WAIT_SECONDS = 0.1
_TRIES = 2
_MOST = 4
"""Most browsers at a time; a process of one takes about 300 MiB beside its model."""
_LOG_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class BrowserJob:
    """A model to run in a browser.

    Attributes:
        program: The browser.
        backend: "webgl" or "webgpu".
        model: Folder of its model.json.
        vectors: Folder of vectors.json and its other file.
        packages: The release of TensorFlow.js.
        trusted: Whether the model may run on a machine without a wall.
    """

    program: BrowserProgram
    backend: str
    model: Path
    vectors: Path
    packages: Packages
    trusted: bool


class Browsers:
    """The browsers of a run: one for each processor, at most four.

    Args:
        most: Most browsers at a time; None for the usual number.
    """

    def __init__(self, most: int | None = None) -> None:
        self._all = [Browser() for _ in range(most or min(os.cpu_count() or 1, _MOST))]
        # The one used last is taken first, so that no more start than are needed.
        self._idle: queue.LifoQueue[Browser] = queue.LifoQueue()
        for browser in reversed(self._all):
            self._idle.put(browser)

    def run(
        self,
        job: BrowserJob,
        *,
        folder: Path,
        budget: Budget,
        tick: Callable[[], None],
        note: Callable[[str], None],
    ) -> ModelRun:
        """Run a model in an idle browser, after those that wait already; see `Browser.run`.

        The time of waiting does not count.
        """
        with self._take_one(budget, tick) as browser:
            return browser.run(job, folder=folder, budget=budget, tick=tick, note=note)

    def close(self) -> None:
        """End all browsers at once."""
        for browser in self._all:
            browser.close()

    @contextlib.contextmanager
    def _take_one(self, budget: Budget, tick: Callable[[], None]) -> "Iterator[Browser]":
        while True:
            with contextlib.suppress(queue.Empty):
                browser = self._idle.get(timeout=_WAIT_SECONDS)
                break
            budget.extend(_WAIT_SECONDS)
            tick()
        try:
            yield browser
        finally:
            self._idle.put(browser)


class Browser:
    """One browser, which runs one model at a time; it has a process for each backend asked for."""

    def __init__(self) -> None:
        self._numbers = count()
        self._processes: dict[str, BrowserProcess] = {}
        self._closed = False

    def run(
        self,
        job: BrowserJob,
        *,
        folder: Path,
        budget: Budget,
        tick: Callable[[], None],
        note: Callable[[str], None],
    ) -> ModelRun:
        """Run a model.

        Args:
            job: The model.
            folder: Folder for its outputs, which are read from it on demand.
            budget: Time, memory and disk.
            tick: Called often; an exception of it ends the run.
            note: Takes the log of the page, and the ends of browsers that died.

        Returns:
            Its result; `died` if the browser died of it twice, or went beyond a limit.

        Raises:
            NoWallError: No wall of this machine holds a browser, and the model is not trusted.
            WorkerError: The browser does not start, or the time is over.
        """
        fault = ""
        for _ in range(_TRIES):
            number = next(self._numbers)
            run = BrowserRun(
                id=number,
                backend=job.backend,
                model=job.model,
                vectors=job.vectors,
                packages=job.packages.folder,
            )
            process = self._open(job)
            ended = process.run(run, folder=folder, budget=budget, tick=tick)
            note(_read_log(folder, number))
            if ended is None:
                return load_run(folder / str(number), backend=job.backend)
            fault = ended
            note(f"{job.program.version}: {fault}")
        return ModelRun(status="failed", error=f"twice, {fault}", died=True)

    def close(self) -> None:
        """End the browser at once."""
        self._closed = True
        for process in list(self._processes.values()):
            process.close()

    def _open(self, job: BrowserJob) -> BrowserProcess:
        process = self._processes.get(job.backend)
        if process is None or not process.is_open:
            wall = require_wall(trusted=job.trusted, children=True)
            packages = job.packages.folder.parent
            process = BrowserProcess(job.program, backend=job.backend, wall=wall, packages=packages)
            self._processes[job.backend] = process
            if self._closed:  # in the meantime, and nobody else will end it
                process.close()
        return process


def _read_log(folder: Path, number: int) -> str:
    """Return the log of a page; refuse what is no plain file."""
    if (special := find_special(folder)) is not None:
        raise UntrustedSourceError(f"the browser left a link or a pipe: {special.name}")
    try:
        with (folder / f"{number}.log").open("rb") as file:
            return file.read(_LOG_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return "the page left no log"
