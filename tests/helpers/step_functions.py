"""Steps of their own, for tests of the engine, which knows no model.

Their functions do what a step can do to the engine that runs it.
"""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipeline.engine.events import StepEvent
from pipeline.engine.job import Job
from pipeline.engine.outcome import Outcome
from pipeline.engine.run_job import run_job
from pipeline.engine.session import Session
from pipeline.engine.step import Step, StepSkipped, Work
from pipeline.errors import ConversionError, NetworkError
from pipeline.records.record import Part, Record


class Note(Record):
    """A record of these steps."""

    FILE: ClassVar[str] = "note.json"

    text: str


class Text(Part):
    """What these steps read of a manifest."""

    text: str = ""


Run = Callable[[Work[Text]], None]

calls: list[str] = []
"""Tasks whose functions were called."""


def step_of(name: str, run: Run, *, version: int = 1) -> Step[Text]:
    """Return a step of some name that may use numpy."""
    return Step(name=name, version=version, parameters=Text, run=run, tools=frozenset({"numpy"}))


def write(work: Work[Text]) -> None:
    """Write one file that says what was read."""
    calls.append(work.task)
    read = [(folder / "out.txt").read_text() for folder in work.inputs.values()]
    (work.folder / "out.txt").write_text(" ".join([*read, work.parameters.text]))
    work.uses("numpy")


def write_for_here(work: Work[Text]) -> None:
    """Write what this machine can make, and no more."""
    write(work)
    work.keep_here("there is no browser that a wall holds")


def fail(work: Work[Text]) -> None:
    """Fail as the same ingredients always will, leaving half a result."""
    calls.append(work.task)
    (work.folder / "half.bin").write_bytes(b"half")
    raise ConversionError("unsupported op Foo", hint="leave Foo out")


def fail_for_now(work: Work[Text]) -> None:
    """Fail as a network does."""
    calls.append(work.task)
    raise NetworkError("no route to host")


def crash(work: Work[Text]) -> None:
    """Raise what is a bug of ours."""
    calls.append(work.task)
    raise KeyError("missing")


def skip(work: Work[Text]) -> None:
    """Have nothing to make."""
    calls.append(work.task)
    raise StepSkipped("not smaller")


def crash_in_foreign_words(work: Work[Text]) -> None:
    """Raise what names a thing of somebody else's making."""
    calls.append(work.task)
    raise ConversionError("unknown layer \ud800\x1b[2J " + "x" * 10_000 + "; expected one of ours")


class UnspeakableError(Exception):
    """An exception that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("\ud800")


def crash_unspeakably(work: Work[Text]) -> None:
    """Raise what raises again when it is asked what it is."""
    calls.append(work.task)
    raise UnspeakableError


def find_a_bad_sector(work: Work[Text]) -> None:
    """Fail as a disk does that cannot be read any more."""
    calls.append(work.task)
    raise OSError(errno.EIO, os.strerror(errno.EIO), str(work.folder / "weights.bin"))


def run_out_of_memory(work: Work[Text]) -> None:
    """Fail as a machine does whose memory is used up."""
    calls.append(work.task)
    raise MemoryError


def import_from_a_bad_disk(work: Work[Text]) -> None:
    """Fail as a package does whose files cannot be read: its ImportError hides the disk's."""
    calls.append(work.task)
    message = "IMPORTANT: PLEASE READ THIS"
    disk = OSError(errno.EIO, os.strerror(errno.EIO))
    raise ImportError(message, name="numpy") from disk


def make_a_folder_in_the_way(work: Work[Text]) -> None:
    """Succeed, where the receipt cannot be written any more."""
    calls.append(work.task)
    (work.folder / "receipt.json").mkdir()


def read_what_is_damaged(work: Work[Text]) -> None:
    """Read what is no longer as it was made."""
    calls.append(work.task)
    (work.folder / "out.txt").write_text(str(int((work.inputs["one"] / "out.txt").read_text())))


def write_a_foreign_record(work: Work[Text]) -> None:
    """Write a record as another version might."""
    calls.append(work.task)
    (work.folder / Note.FILE).write_text('{"text": "hello", "more": 1}')


def write_a_record(work: Work[Text]) -> None:
    """Write a record as this version does."""
    calls.append(work.task)
    Note(text="hello").save(work.folder)


def read_a_record(work: Work[Text]) -> None:
    """Read the record of the step `one`."""
    calls.append(work.task)
    (work.folder / "out.txt").write_text(Note.load(work.inputs["one"]).text)


def use_what_it_does_not_declare(work: Work[Text]) -> None:
    """Use a tool of which nobody but the receipt would know."""
    calls.append(work.task)
    work.uses("numpy", "rich")


class Build:
    """A folder in which jobs run, and what they told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.session = Session(cache=root / "cache")
        self.events: list[StepEvent] = []

    def job(  # noqa: PLR0913  # a job
        self,
        name: str,
        run: Run = write,
        *,
        text: str = "",
        version: int = 1,
        reads: Mapping[str, Job] | None = None,
        accepts: bool = False,
        **others: Any,
    ) -> Job:
        """Return a job that calls one of these functions."""
        reads = reads or {}
        return Job(
            task=f"{name}:m",
            step=step_of(name, run, version=version),
            model="m",
            parameters=Text(text=text),
            folder=self.root / "build" / name,
            reads=reads,
            needs=frozenset() if accepts else frozenset(reads),
            root=self.root,
            temporary=self.root / "temporary",
            **others,
        )

    def run(self, job: Job) -> Outcome:
        """Run a job."""
        outcome = run_job(job, self.session)
        self.session.finish_uploads(lambda _done, _total: None)
        return outcome
