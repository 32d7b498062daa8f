"""The browser of a run: one for all models, started at the first request.

One model uses it at a time. If it dies in the run of a model, that model runs once more in a new
browser. A death says nothing of a model or a backend.
"""

import contextlib
import threading
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


class Browser:
    """The one browser of a run."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._numbers = count()
        self._process: BrowserProcess | None = None
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
        """Run a model, after those that wait already.

        Args:
            job: The model.
            folder: Folder for its outputs, which are read from it on demand.
            budget: Time, memory and disk; the time of waiting does not count.
            tick: Called often; an exception of it ends the run.
            note: Takes the log of the page, and the ends of browsers that died.

        Returns:
            Its result; `died` if the browser died of it twice, or went beyond a limit.

        Raises:
            NoWallError: No wall of this machine holds a browser, and the model is not trusted.
            WorkerError: The browser does not start, or the time is over.
        """
        with self._take_turn(budget, tick):
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
        if self._process is not None:
            self._process.close()

    def _open(self, job: BrowserJob) -> BrowserProcess:
        if self._process is None or not self._process.is_open:
            wall = require_wall(trusted=job.trusted, children=True)
            self._process = BrowserProcess(
                job.program, wall=wall, packages=job.packages.folder.parent
            )
            if self._closed:  # in the meantime, and nobody else will end it
                self._process.close()
        return self._process

    @contextlib.contextmanager
    def _take_turn(self, budget: Budget, tick: Callable[[], None]) -> Iterator[None]:
        while not self._turn.acquire(timeout=_WAIT_SECONDS):
            budget.extend(_WAIT_SECONDS)
            tick()
        try:
            yield
        finally:
            self._turn.release()


def _read_log(folder: Path, number: int) -> str:
    """Return the log of a page; refuse what is no plain file."""
    if (special := find_special(folder)) is not None:
        raise UntrustedSourceError(f"the browser left a link or a pipe: {special.name}")
    try:
        with (folder / f"{number}.log").open("rb") as file:
            return file.read(_LOG_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return "the page left no log"
