"""Progress: how far a run is. Filled by doit's callbacks and by events, from any thread.

It counts steps: doit tasks that have actions. Groups such as `model:handtrack` have none.
It draws nothing.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.engine.events import StepEvent
from pipeline.report.estimate import Estimate


class DoitTask(Protocol):
    """What we read of a doit task."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def actions(self) -> Sequence[Any]: ...  # noqa: D102
    @property
    def task_dep(self) -> Collection[str]: ...  # noqa: D102
    @property
    def setup_tasks(self) -> Collection[str]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run has to look at.

    Attributes:
        steps: Names of the tasks that have actions.
        models: Names of the models that they belong to, in the order of the tasks.
    """

    steps: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Running:
    """A step at work: for how long, and the bytes that it transferred of a total."""

    task: str
    seconds: float
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at one moment."""

    done: int
    total: int
    failed: int
    running: tuple[Running, ...]
    seconds_left: float | None


def plan_run(tasks: Mapping[str, DoitTask], selected: Collection[str]) -> Plan:
    """Return all that the selected tasks need, themselves included."""
    reached: set[str] = set()
    pending = list(selected)
    while pending:
        name = pending.pop()
        if name in reached or name not in tasks:
            continue
        reached.add(name)
        pending += [*tasks[name].task_dep, *tasks[name].setup_tasks]
    steps = [name for name, task in tasks.items() if name in reached and is_step(task)]
    models = dict.fromkeys(model for model in map(model_of, steps) if model is not None)
    return Plan(steps=frozenset(steps), models=tuple(models))


def is_step(task: DoitTask) -> bool:
    """Say whether a task is a step; groups have no actions, private tasks a leading `_`."""
    return bool(task.actions) and not task.name.startswith("_")


def kind_of(task: str) -> str:
    """Return the kind of a step: the first part of its task's name."""
    return task.partition(":")[0]


def model_of(task: str) -> str | None:
    """Return the model of a step: the second part of its task's name; None where it has none."""
    parts = task.split(":")
    return parts[1] if len(parts) > 1 else None


class Progress:
    """Counts what is over, and remembers what runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remaining: Counter[str] = Counter()
        self._running: dict[str, tuple[float, StepEvent]] = {}
        self._estimate = Estimate()
        self._total = 0
        self._done = 0
        self._failed = 0
        self._first_start: float | None = None

    def begin(self, plan: Plan) -> None:
        """Take over the totals."""
        with self._lock:
            self._total = len(plan.steps)
            self._remaining.update(map(kind_of, plan.steps))

    def finish(self, task: str) -> None:
        """Count a step that doit is done with, whatever became of it."""
        with self._lock:
            self._done += 1
            self._remaining[kind_of(task)] -= 1
            self._estimate.add_finished(kind_of(task))
            self._running.pop(task, None)

    def record(self, event: StepEvent, now: float) -> None:
        """Take over an event; `now` is of any clock that goes steadily, in seconds."""
        with self._lock:
            if event.status in ("started", "progress"):
                self._first_start = now if self._first_start is None else self._first_start
                start, _ = self._running.get(event.task, (now, event))
                self._running[event.task] = (start, event)
                return
            start, _ = self._running.pop(event.task, (now, event))
            if event.status in ("ok", "failed"):
                seconds = now - start if event.seconds is None else event.seconds
                self._estimate.add_cost(kind_of(event.task), seconds)
                self._failed += event.status == "failed" and not event.expected

    def snapshot(self, now: float) -> Snapshot:
        """Return the run at this moment; what runs longest comes first."""
        with self._lock:
            running = tuple(
                Running(task=task, seconds=now - start, done=event.done, total=event.total)
                for task, (start, event) in self._running.items()
            )
            spent: defaultdict[str, float] = defaultdict(float)
            for step in running:
                spent[kind_of(step.task)] += step.seconds
            elapsed = 0.0 if self._first_start is None else now - self._first_start
            seconds_left = self._estimate.seconds_left(
                +self._remaining, elapsed=elapsed, running=spent
            )
            return Snapshot(
                done=self._done,
                total=self._total,
                failed=self._failed,
                running=running,
                seconds_left=seconds_left,
            )
