"""Steps: kinds of work, and the arguments of one piece of work.

A step is a function `run(work) -> None` that writes its results into `work.folder`, with the
class of its parameters, the steps before it and the tools that it may use. This module knows no
model: another project could bring steps of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipeline.disk.files import digest_file, find_special, link_or_copy, remember_digest
from pipeline.disk.versions import installed_version
from pipeline.engine.outcome import Outcome
from pipeline.engine.shared import S
from pipeline.errors import CrashError, UntrustedSourceError
from pipeline.records.record import Part
from pipeline.workers.limits import Budget

# The memory that a process with TensorFlow needs without a model, and for each byte of a model:
# several copies exist while a graph is frozen and optimized.
TENSORFLOW_BYTES = 1024**3
MEMORY_PER_INPUT_BYTE = 8

_TICK_SECONDS = 0.5


class StepSkipped(Exception):  # noqa: N818  # nothing went wrong
    """Raised by a step that has nothing to make; the message says why."""


P = TypeVar("P", bound=Part)
"""The parameters of a step, from the manifest."""


@dataclass(frozen=True, kw_only=True)
class Step(Generic[P]):
    """One kind of work.

    Attributes:
        name: Its prefix in task names: "convert" in `convert:handtrack`.
        version: Raised when the same ingredients make other results.
        parameters: Class of its parameters; no other part of the manifest can make its results out
            of date.
        run: Does the work. It imports its heavy modules itself, so that the graph loads instantly.
        needs: Steps of the same model that must have succeeded.
        accepts: Steps of the same model that it reads, with any outcome.
        tools: Distributions that it may use; another version makes its results out of date.
        stays: Whether it always runs on the machine of the run: it reads files there, or takes
            milliseconds, less than its way to another machine.
        shared: Whether a shared store keeps its results; not of a step that takes milliseconds.
    """

    name: str
    version: int
    parameters: type[P]
    run: Callable[["Work[P]"], None]
    needs: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    stays: bool = False
    shared: bool = True


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The last success of a job whose version and tools are still the same.

    A step of many parts takes the parts from it whose inputs have not changed.

    Attributes:
        folder: Its folder.
        digests: SHA-256 of each of its files, by its path there.
    """

    folder: Path
    digests: Mapping[str, str]

    def has(self, path: str) -> bool:
        """Return whether it has a file with the content that it was made with.

        Raises:
            OSError: The file cannot be read.
        """
        return path in self.digests and digest_file(self.folder / path) == self.digests[path]

    def keep(self, path: str, target: Path) -> None:
        """Make a file of it a file of the new result too, with the digest that it has."""
        link_or_copy(self.folder / path, target)
        remember_digest(target, self.digests[path])


class SubmitToTensorFlow(Protocol):
    """Runs a function of `pipeline.tf` in a child process that has TensorFlow."""

    def __call__(  # noqa: PLR0913  # as TensorFlowPool.submit
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        budget: Budget,
        expected_memory_bytes: int,
        name: str,
        log: Path,
        reads: Sequence[Path],
        trusted: bool,
        alone: bool,
    ) -> Future[Any]:
        """Start `function` ("module:name"), called `name` in messages; return its JobResult."""
        ...  # pragma: no cover


class ShareInRun(Protocol):
    """Returns the one object of a class that the jobs of a run share."""

    def __call__(self, kind: type[S]) -> S:
        """Return it; the first request makes it."""
        ...  # pragma: no cover


@dataclass(frozen=True, kw_only=True)
class Work(Generic[P]):
    """One piece of work: the argument of a step's function.

    Attributes:
        task: Name of the task, e.g. "variant:handtrack:float16".
        model: Name of the model; None for the zoo as a whole.
        step: The kind of work.
        parameters: The step's parameters.
        inputs: Folder of each task that this task reads, by its key ("fetch", "variant:base").
        outcomes: Outcome of each of these tasks, by its key.
        folder: Empty folder for the results.
        log: Text file for details that people may want later.
        root: Folder of the manifest, for sources beside it.
        cache: Folder of downloads.
        refresh: Whether sources that may change are fetched again.
        progress: Called with bytes done and bytes in all (None where unknown).
        count_runs: Called with runs of a model done and runs in all (None where unknown).
        heartbeat: Called often by long work, so that the work ends with the run.
        trusted: Whether child processes may run on a machine without a wall.
        budget: Time, memory and disk for all processes that it starts.
        submit: Runs a function in a process that has TensorFlow.
        share: Returns the one object of a class that the jobs of the run share.
        digests: SHA-256 of each of these outcomes, by its key, and of files beside the manifest.
        earlier: The last success; None if there is none, or all of it is to be made anew.
        measured: Figures that vary from run to run, for run.json.
        tools: Versions of the tools used so far, for the receipt.
        peak_rss_bytes: Largest memory of its child processes, for run.json.
        remarks: Remarks to report when the step ends.
        kept_here: Why the result holds for this machine only.
    """

    task: str
    model: str | None
    step: Step[P]
    parameters: P
    inputs: Mapping[str, Path]
    outcomes: Mapping[str, Outcome]
    folder: Path
    log: Path
    root: Path
    cache: Path
    refresh: bool
    progress: Callable[[int, int | None], None]
    count_runs: Callable[[int, int | None], None]
    heartbeat: Callable[[int, int | None], None]
    trusted: bool
    budget: Budget
    submit: SubmitToTensorFlow
    share: ShareInRun
    digests: Mapping[str, str] = field(default_factory=dict)
    earlier: Earlier | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, str | None] = field(default_factory=dict)
    peak_rss_bytes: list[int] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    kept_here: list[str] = field(default_factory=list)

    def uses(self, *distributions: str) -> None:
        """Record the versions of tools; another version makes the result out of date."""
        unknown = set(distributions) - self.step.tools
        assert not unknown, f"step {self.step.name} does not declare {unknown}"
        for distribution in distributions:
            self.tools[distribution] = installed_version(distribution)

    def keep_here(self, reason: str) -> None:
        """Note that the result lacks something for this machine's sake: no other gets it."""
        self.note(reason)
        self.kept_here.append(reason)

    def remark(self, text: str) -> None:
        """Add a line to the log and to the report of the step's end."""
        self.note(text)
        self.remarks.append(text)

    def note(self, text: str) -> None:
        """Add a line to the log."""
        with self.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")

    @property
    def temporary(self) -> Path:
        """Folder for files that the end of the step removes, or the next run after a kill."""
        return self.folder.parent

    def run_in_tensorflow(
        self, function: str, *, tick: Callable[[], None] | None = None, **arguments: Any
    ) -> Any:
        """Run a function of `pipeline.tf` in a child process and return its result.

        The process may read the paths among the arguments and the folders of the steps before, and
        write this step's folder. If it dies, it runs once more, alone.

        Args:
            function: "module:name".
            tick: Called twice a second while it runs; None for no call.
            arguments: Arguments of the function.
        """
        before = set(self.folder.rglob("*"))
        try:
            return self._submit(function, arguments, alone=False, tick=tick)
        except CrashError as error:
            self.note(f"{error.describe()}\ntried again, alone")
            for path in sorted(set(self.folder.rglob("*")) - before - {self.log}, reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            return self._submit(function, arguments, alone=True, tick=tick)

    def _submit(
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        alone: bool,
        tick: Callable[[], None] | None,
    ) -> Any:
        folders = tuple(self.inputs.values())
        sizes = (path.stat().st_size for folder in folders for path in _files(folder))
        expected = TENSORFLOW_BYTES + MEMORY_PER_INPUT_BYTE * sum(sizes)
        future = self.submit(
            function,
            arguments,
            budget=self.budget,
            expected_memory_bytes=expected,
            name=self.task,
            log=self.log,
            reads=folders,
            trusted=self.trusted,
            alone=alone,
        )
        while tick and not wait([future], _TICK_SECONDS).done:
            tick()
        result = future.result()
        special = find_special(self.folder)
        if special is not None:
            name = special.relative_to(self.folder).as_posix()
            raise UntrustedSourceError(f"{name} was left as a link or a pipe; expected plain files")
        self.peak_rss_bytes.append(result.peak_rss_bytes)
        return result.value


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
