"""The tally: the part that all reporters share. It counts tasks and listens to events.

It draws nothing. doit calls a reporter's public methods, most of them in its main thread.
"""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from pipeline.catalog.verdict_words import ModelVerdicts, VerdictCounts, add_verdicts
from pipeline.engine.events import StepEvent, subscribe
from pipeline.report.progress import DoitTask, Plan, find_steps, is_step, make_plan
from pipeline.report.run_context import RunContext, current_context, exit_status


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A run that is over.

    Attributes:
        plan: The steps and models of the run.
        context: The zoo, and the run's events in `context.log`.
        up_to_date: Number of steps that doit itself found to be up to date.
        finished: Number of steps that ended, without those that a bug stopped.
        bugs: Whether an exception was raised that is no failure of a model.
        interrupted: Whether the user ended the run.
        seconds: How long the run took.
    """

    plan: Plan
    context: RunContext
    up_to_date: int
    finished: int
    bugs: bool
    interrupted: bool
    seconds: float

    @property
    def unchanged(self) -> int:
        """Number of steps whose earlier result is still right."""
        return self.up_to_date + self.context.log.counts["adopted"]

    @property
    def idle(self) -> bool:
        """Whether the run had nothing to do."""
        worked = any(
            event.status in ("ok", "failed") or (event.status == "skipped" and not event.upstream)
            for event in self.context.log.events
        )
        return not (worked or self.bugs or self.interrupted)

    @cached_property
    def verdicts(self) -> Mapping[str, ModelVerdicts]:
        """How the variants of the run's models were judged, by the model's name."""
        return self.context.load_verdicts(self.plan.models)

    def count_verdicts(self) -> VerdictCounts:
        """Return how the variants of the run's models were judged; of none if cards are damaged."""
        try:
            return add_verdicts(self.verdicts)
        except Exception:  # noqa: BLE001  # cards lie in files that anything may have changed
            return add_verdicts({})

    @property
    def exit_status(self) -> int:
        """The exit code that our `run` command gives such a run."""
        return exit_status(self.context.log.events, bugs=self.bugs, interrupted=self.interrupted)


class TallyReporter(ABC):
    """A reporter of doit that counts tasks, and leaves it to its subclass to show them."""

    def __init__(self, outstream: TextIO, _options: Mapping[str, Any]) -> None:
        self._stream = outstream
        self._unsubscribe: list[Callable[[], None]] = []
        current = current_context()
        self._context = current or RunContext(root=Path.cwd())
        self._owns_context = current is None
        self._plan = Plan()
        self._finished = 0
        self._up_to_date = 0
        self._bugs = False

    @abstractmethod
    def _record(self, event: StepEvent) -> None:
        """Take an event of a step; called from any thread, after the log has the event."""

    @abstractmethod
    def _show_bug(self, task: DoitTask, fail: Any) -> None:
        """Show an exception that a task raised; `fail` is doit's own description of it."""

    @abstractmethod
    def _show_error(self, message: str) -> None:
        """Show an error of doit itself."""

    @abstractmethod
    def _show_ending(self, ending: Ending) -> None:
        """Show the summary of the run."""

    def initialize(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Note the totals, before the first task, and begin to listen."""
        steps = self._context.steps
        steps = find_steps(tasks, selected) if steps is None else steps
        self._plan = make_plan(steps, sealed=self._context.sealed)
        self._up_to_date = self._finished = self._plan.num_sealed
        if self._owns_context:
            self._unsubscribe.append(subscribe(self._context.log.record))
        self._unsubscribe.append(subscribe(self._record))

    def get_status(self, task: DoitTask) -> None:  # noqa: B027  # doit calls it
        """Show nothing while doit checks whether a task is up to date."""

    def execute_task(self, task: DoitTask) -> None:  # noqa: B027  # doit calls it
        """Show nothing: the step emits an event when it starts."""

    def teardown_task(self, task: DoitTask) -> None:  # noqa: B027  # doit calls it
        """Show nothing: our tasks have no teardown."""

    def add_success(self, task: DoitTask) -> None:
        """Count a step whose task ended."""
        self._finish(task)

    def skip_uptodate(self, task: DoitTask) -> None:
        """Count a step that doit finds to be up to date."""
        self._up_to_date += is_step(task)
        self._finish(task)

    def skip_ignore(self, task: DoitTask) -> None:
        """Count a step that the user lets doit ignore."""
        self._finish(task)

    def add_failure(self, task: DoitTask, fail: Any) -> None:
        """Count and show a bug of ours: a step that fails because of its model raises nothing."""
        self._bugs = True
        self._finish(task, bug=True)
        if fail.report:
            self._show_bug(task, fail)

    def runtime_error(self, msg: str) -> None:
        """Show an error of doit itself."""
        self._bugs = True
        self._show_error(msg)

    def cleanup_error(self, exception: Any) -> None:
        """Show an error of a teardown."""
        self.runtime_error(exception.get_msg())

    def complete_run(self) -> None:
        """Stop listening and show the summary.

        doit calls it in a `finally`, so the exception that ended the run is in flight.
        """
        error = sys.exception()
        interrupted = isinstance(error, KeyboardInterrupt)
        ends_now = False
        if error is None:
            try:
                self._context.settle()
            except KeyboardInterrupt:
                interrupted = ends_now = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        ending = Ending(
            plan=self._plan,
            context=self._context,
            up_to_date=self._up_to_date,
            finished=self._finished,
            bugs=self._bugs or (error is not None and not interrupted),
            interrupted=interrupted,
            seconds=time.monotonic() - self._context.started,
        )
        self._show_ending(ending)
        if ends_now:
            raise KeyboardInterrupt

    def _finish(self, task: DoitTask, *, bug: bool = False) -> None:
        """Count a task that ended, if it is a step and no bug stopped it."""
        self._finished += is_step(task) and not bug
