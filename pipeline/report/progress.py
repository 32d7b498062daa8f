"""Progress: how many steps of a run are over, and which run. It draws nothing.

doit's callbacks and events fill it, from any thread. A step is a doit task that has actions;
groups such as `model:handtrack` have none.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pipeline.engine.events import StepEvent
from pipeline.report.estimate import Estimate


class DoitTask(Protocol):
    """The attributes of a doit task that we read."""

    @property
    def name(self) -> str:
        """Its name: "convert:handtrack"."""

    @property
    def actions(self) -> Sequence[Any]:
        """What doit does for it; a group has none."""

    @property
    def task_dep(self) -> Collection[str]:
        """Names of the tasks that come before it."""

    @property
    def setup_tasks(self) -> Collection[str]:
        """Names of the tasks that come before it if it is out of date."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a run, without regard to whether they have something to do.

    Attributes:
        steps: Names of their tasks.
        models: Names of their models, in the order of the tasks.
        sealed: Numbers of the steps that have no tasks, by the name of their models, which are up
            to date.
    """

    steps: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    sealed: Mapping[str, int] = field(default_factory=dict)

    @property
    def num_sealed(self) -> int:
        """Number of the steps that have no tasks."""
        return sum(self.sealed.values())

    @property
    def num_steps(self) -> int:
        """Number of all steps."""
        return len(self.steps) + self.num_sealed

    def reaches(self, step: str, model: str) -> bool:
        """Return whether a step of a model is among the steps: ("card", "handtrack")."""
        return model in self.sealed or f"{step}:{model}" in self.steps


@dataclass(frozen=True, kw_only=True)
class Running:
    """A step that runs.

    Attributes:
        task: Name of its task.
        seconds: How long it has run.
        done: Bytes that it transferred, or number of `unit` done; None if it tells nothing.
        total: Bytes to transfer, or number of `unit` in all; None if that is not known.
        unit: What it counts: "run"; None for bytes.
        usual: Seconds that it took the last time; None for a new step.
    """

    task: str
    seconds: float
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    usual: float | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state of a run at one moment.

    Attributes:
        done: Number of steps that are over.
        total: Number of all steps.
        failed: Number of steps that failed without being expected to.
        running: The running steps, the longest first.
        seconds_left: How long the rest will take; None while that would be a guess.
    """

    done: int
    total: int
    failed: int
    running: tuple[Running, ...]
    seconds_left: float | None


def find_steps(tasks: Mapping[str, DoitTask], selected: Collection[str]) -> list[str]:
    """Return the names of the steps among the selected tasks and the tasks that they need.

    Args:
        tasks: All tasks by name.
        selected: Names of the selected tasks.
    """
    reached: set[str] = set()
    pending = list(selected)
    while pending:
        name = pending.pop()
        if name in reached or name not in tasks:
            continue
        reached.add(name)
        pending += [*tasks[name].task_dep, *tasks[name].setup_tasks]
    return [name for name, task in tasks.items() if name in reached and is_step(task)]


def make_plan(steps: Sequence[str], *, sealed: Mapping[str, int] | None = None) -> Plan:
    """Return the plan of a run.

    Args:
        steps: Names of its steps.
        sealed: Number of steps without tasks of each model, in the manifest's order; None for a
            run in which every step has a task.
    """
    models = dict.fromkeys(model for model in map(model_of, steps) if model is not None)
    known = sealed or {}
    ordered = [model for model, number in known.items() if number or model in models]
    return Plan(
        steps=frozenset(steps),
        models=tuple(dict.fromkeys([*ordered, *models])),
        sealed={model: number for model, number in known.items() if number},
    )


def is_step(task: DoitTask) -> bool:
    """Say whether a task is a step, not a group or a private task, which begins with `_`."""
    return bool(task.actions) and not task.name.startswith("_")


def kind_of(task: str) -> str:
    """Return the kind of a step: "variant" of "variant:handtrack:uint8"."""
    return task.partition(":")[0]


def model_of(task: str) -> str | None:
    """Return the model of a step: "handtrack" of "variant:handtrack:uint8"; None of "catalog"."""
    parts = task.split(":")
    return parts[1] if len(parts) > 1 else None


class Progress:
    """Counts the steps that are over, and remembers the steps that run."""

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
        """Note the totals."""
        with self._lock:
            self._total = plan.num_steps
            self._done = plan.num_sealed
            self._remaining.update(map(kind_of, plan.steps))

    def finish(self, task: str) -> None:
        """Count a step whose task ended, well or not."""
        with self._lock:
            self._done += 1
            self._remaining[kind_of(task)] -= 1
            self._estimate.add_finished(kind_of(task))
            self._running.pop(task, None)

    def record(self, event: StepEvent, now: float) -> None:
        """Take an event; `now` is the time of a monotonic clock, in seconds."""
        with self._lock:
            if event.status in ("started", "progress"):
                self._first_start = now if self._first_start is None else self._first_start
                start, before = self._running.get(event.task, (now, event))
                usual = before.usual if event.usual is None else event.usual
                self._running[event.task] = (start, replace(event, usual=usual))
                return
            start, _ = self._running.pop(event.task, (now, event))
            if event.status in ("ok", "failed"):
                seconds = now - start if event.seconds is None else event.seconds
                self._estimate.add_cost(kind_of(event.task), seconds)
                self._failed += event.status == "failed" and not event.expected

    def snapshot(self, now: float) -> Snapshot:
        """Return the state of the run at the time `now`."""
        with self._lock:
            running = tuple(
                Running(
                    task=task,
                    seconds=now - start,
                    done=event.done,
                    total=event.total,
                    unit=event.unit,
                    usual=event.usual,
                )
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
