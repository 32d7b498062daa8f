"""The run: what reporters know of the zoo they report on, and what remains of its events.

doit builds a reporter as `cls(outstream, options)`, so what else it needs lies in a
`RunContext`, which our `run` command makes current around the run:

    context = RunContext(root=layout.root, load_cards=load_cards, catalog="dist/models.json")
    with use_context(context):
        doit_status = super().execute(...)
    return exit_status(context.log.events, bugs=doit_status == 2)

A reporter without one (stock `doit run`) reports the same, less the table of models.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engine.events import StepEvent, subscribe

ALL_GOOD = 0
MODEL_FAILED = 1
OUR_BUG = 2
NOT_STARTED = 3
INTERRUPTED = 130

EXIT_MEANINGS = {
    ALL_GOOD: "all good",
    MODEL_FAILED: "a model failed",
    OUR_BUG: "a bug of tfjs-zoo",
    NOT_STARTED: "nothing could start",
    INTERRUPTED: "interrupted",
}

# What a run leaves in dist/, beside what it builds.
REPORT_PAGE = "report.html"
REPORT_TEXT = "report.md"
REPORT_FILES = (REPORT_PAGE, REPORT_TEXT)

Card = Mapping[str, Any]


class RunLog:
    """The events of a run, less progress; filled from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[StepEvent] = []

    def record(self, event: StepEvent) -> None:
        """Keep an event, unless it only tells that a step goes on."""
        if event.status not in ("started", "progress"):
            with self._lock:
                self._events.append(event)

    @property
    def events(self) -> tuple[StepEvent, ...]:
        """The steps that came to an end, in the order in which they did."""
        with self._lock:
            return tuple(self._events)

    @property
    def counts(self) -> Counter[str]:
        """Number of steps that came to each status; 0 for the others."""
        return Counter(event.status for event in self.events)

    @property
    def failures(self) -> tuple[StepEvent, ...]:
        """Failures, new and remembered, that the manifest does not expect."""
        return tuple(event for event in self.events if is_failure(event) and not event.expected)

    @property
    def expected_failures(self) -> tuple[StepEvent, ...]:
        """Failures of models of which the manifest says `expect: failed`."""
        return tuple(event for event in self.events if is_failure(event) and event.expected)


def is_failure(event: StepEvent) -> bool:
    """Say whether a step failed, in this run or in an earlier one of the same inputs."""
    return event.status in ("failed", "remembered")


def exit_status(
    events: Iterable[StepEvent], *, bugs: bool = False, interrupted: bool = False
) -> int:
    """Return the exit code of a run: 130 interrupted, 2 our bug, 1 a model failed, 0 all good."""
    if interrupted:
        return INTERRUPTED
    if bugs:
        return OUR_BUG
    unexpected = any(is_failure(event) and not event.expected for event in events)
    return MODEL_FAILED if unexpected else ALL_GOOD


def _no_cards(_names: Collection[str]) -> Sequence[Card]:
    return ()


def _no_walls() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a reporter needs to know of the run.

    Attributes:
        root: Folder of models.yaml; logs are shown relative to it.
        load_cards: Returns the catalog entries of models by their names, in order, leaving
            out those that have none. Called once, at the end, from doit's main thread.
        catalog: The published catalog as the user knows it: "dist/models.json".
        describe_walls: Returns behind which walls models were opened; None where none was.
        started: Value of `time.monotonic()` from which the run's time is counted.
        log: The events of the run.
    """

    root: Path
    load_cards: Callable[[Collection[str]], Sequence[Card]] = _no_cards
    catalog: str | None = None
    describe_walls: Callable[[], str | None] = _no_walls
    started: float = field(default_factory=time.monotonic)
    log: RunLog = field(default_factory=RunLog)

    def shorten(self, path: Path) -> str:
        """Return a path relative to the root where it lies below it, with forward slashes."""
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path).as_posix()


_current: list[RunContext] = []


@contextlib.contextmanager
def use_context(context: RunContext) -> Iterator[RunContext]:
    """Make a context current, and let its log listen, until the block ends."""
    unsubscribe = subscribe(context.log.record)
    _current.append(context)
    try:
        yield context
    finally:
        _current.remove(context)
        unsubscribe()


def current_context() -> RunContext | None:
    """Return the context of the run, or None outside of our `run` command."""
    return _current[-1] if _current else None
