"""The context of a run: what reporters know of the zoo, and the events that a run leaves.

doit builds a reporter as `cls(outstream, options)`. Everything else that a reporter needs lies
in a `RunContext`, which our `run` command makes current around the run:

    context = RunContext(root=layout.root, load_cards=load_cards, catalog="dist/models.json")
    with use_context(context):
        doit_status = super().execute(...)
    return exit_status(context.log.events, bugs=doit_status == 2)

A reporter without a context (under doit's own `run`) reports the same, less the table of models.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.catalog.types import CatalogModel
from pipeline.catalog.verdict_words import ModelVerdicts, judge_model
from pipeline.engine.events import StepEvent, subscribe

# A card takes some 100 KiB of memory.
_CARDS_AT_A_TIME = 100
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


class RunLog:
    """The events that ended steps of a run; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[StepEvent] = []

    def record(self, event: StepEvent) -> None:
        """Keep an event that ends a step; drop starts and progress."""
        if event.status not in ("started", "progress"):
            with self._lock:
                self._events.append(event)

    @property
    def events(self) -> tuple[StepEvent, ...]:
        """An event for each step that ended, in the order in which they ended."""
        with self._lock:
            return tuple(self._events)

    @property
    def counts(self) -> Counter[str]:
        """Number of steps by the status with which they ended; 0 for other statuses."""
        return Counter(event.status for event in self.events)

    @property
    def failures(self) -> tuple[StepEvent, ...]:
        """The failures, new and remembered, that the manifest does not expect."""
        return tuple(event for event in self.events if is_failure(event) and not event.expected)

    @property
    def expected_failures(self) -> tuple[StepEvent, ...]:
        """The failures of models that have `expect: failed` in the manifest."""
        return tuple(event for event in self.events if is_failure(event) and event.expected)


def is_failure(event: StepEvent) -> bool:
    """Say whether a step failed, in this run or in an earlier run with the same inputs."""
    return event.status in ("failed", "remembered")


def exit_status(
    events: Iterable[StepEvent], *, bugs: bool = False, interrupted: bool = False
) -> int:
    """Return the exit code of a run; `EXIT_MEANINGS` explains the codes.

    Args:
        events: Those that ended steps.
        bugs: Whether an exception was raised that is no failure of a model.
        interrupted: Whether the user ended the run.
    """
    if interrupted:
        return INTERRUPTED
    if bugs:
        return OUR_BUG
    unexpected = any(is_failure(event) and not event.expected for event in events)
    return MODEL_FAILED if unexpected else ALL_GOOD


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a reporter needs to know about the run.

    Attributes:
        root: Folder of models.yaml; paths of logs are shown relative to it.
        load_cards: Takes names of models and returns their catalog entries in the same order,
            without the models that have no entry. Called at the end, in doit's main thread.
        recall_verdicts: Returns how models were judged, by name, as far as that is known without a
            look at their cards.
        catalog: Path of the published catalog as the user knows it: "dist/models.json".
        describe_walls: Returns a sentence on the walls behind which models were opened:
            "Models were opened behind Landlock and seccomp"; None if no model was opened.
        describe_absence: Returns a sentence on the backends that were not tried: "webgl was not
            tried: there is no Chromium or Chrome on this machine"; None if all were.
        describe_store: Returns a sentence on the shared store: "34 results came from the store
            s3://bucket/zoo (1.2 GiB), 5 went there"; None if it had no part in the run.
        settle: Called before the run is summed up; it waits for the work in the background.
        sealed: Number of steps without a task of each model: those of models that are up to date.
        steps: Names of all other steps, for a run that gets their tasks in turn; None if doit has
            all tasks when the run starts.
        started: Value of `time.monotonic()` when the run started.
        log: The events of the run.
    """

    root: Path
    load_cards: Callable[[Collection[str]], Sequence[CatalogModel]] = lambda _names: ()
    recall_verdicts: Callable[[], Mapping[str, ModelVerdicts]] = dict
    catalog: str | None = None
    describe_walls: Callable[[], str | None] = lambda: None
    describe_absence: Callable[[], str | None] = lambda: None
    describe_store: Callable[[], str | None] = lambda: None
    settle: Callable[[], None] = lambda: None
    sealed: Mapping[str, int] = field(default_factory=dict)
    steps: Sequence[str] | None = None
    started: float = field(default_factory=time.monotonic)
    log: RunLog = field(default_factory=RunLog)

    def load_verdicts(self, names: Collection[str]) -> Mapping[str, ModelVerdicts]:
        """Return how models were judged, in their order; without those that have no entry."""
        known = self.recall_verdicts()
        unknown = [name for name in names if name not in known]
        loaded: dict[str, ModelVerdicts] = {}
        for start in range(0, len(unknown), _CARDS_AT_A_TIME):
            cards = self.load_cards(unknown[start : start + _CARDS_AT_A_TIME])
            loaded |= {card.name: judge_model(card) for card in cards}
        both = {**known, **loaded}
        return {name: both[name] for name in names if name in both}

    def shorten(self, path: Path) -> str:
        """Return a path below the root without the root: ".zoo/build/gear/convert/log.txt"."""
        is_below = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if is_below else path).as_posix()


_current: list[RunContext] = []


@contextlib.contextmanager
def use_context(context: RunContext) -> Iterator[RunContext]:
    """Make a context current for a block, and record the block's events in its log."""
    unsubscribe = subscribe(context.log.record)
    _current.append(context)
    try:
        yield context
    finally:
        _current.remove(context)
        unsubscribe()


def current_context() -> RunContext | None:
    """Return the context of the run; None outside our `run` command."""
    return _current[-1] if _current else None
