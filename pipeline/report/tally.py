"""The tally: what doit tells a reporter while it runs, and what a run came to.

It draws nothing; both reporters keep one.
"""

import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.events import Listener, subscribe
from pipeline.report.progress import DoitTask, Plan, is_step, plan_run
from pipeline.report.run_context import RunContext, current_context, exit_status


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a run came to.

    Attributes:
        plan: What it had to look at.
        context: The zoo, and the run's events in `context.log`.
        up_to_date: Number of steps that doit itself found to be up to date.
        finished: Number of steps that doit is done with, but for those that a bug stopped.
        bugs: Something raised that is no failure of a model.
        interrupted: The user ended the run.
        seconds: How long it took.
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
        """Nothing was there to do, and nothing was done."""
        worked = any(
            event.status in ("ok", "failed") or (event.status == "skipped" and not event.upstream)
            for event in self.context.log.events
        )
        return not (worked or self.bugs or self.interrupted)

    @property
    def exit_status(self) -> int:
        """The exit code that our `run` command gives such a run."""
        return exit_status(self.context.log.events, bugs=self.bugs, interrupted=self.interrupted)


class Tally:
    """Counts the tasks that doit is done with, and listens to events meanwhile.

    Args:
        listener: Called with each event from `begin` to `end`, after the log has it.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._unsubscribe: list[Callable[[], None]] = []
        current = current_context()
        self.context = current or RunContext(root=Path.cwd())
        self._owns_context = current is None
        self.plan = Plan()
        self._finished = 0
        self._up_to_date = 0
        self._bugs = False

    def begin(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Take over what the run has to look at, and begin to listen."""
        self.plan = plan_run(tasks, selected)
        if self._owns_context:
            self._unsubscribe.append(subscribe(self.context.log.record))
        self._unsubscribe.append(subscribe(self._listener))

    def finish(self, task: DoitTask, *, up_to_date: bool = False, bug: bool = False) -> bool:
        """Count a task that doit is done with; return whether it is a step."""
        self._bugs |= bug
        step = is_step(task)
        self._finished += step and not bug
        self._up_to_date += step and up_to_date
        return step

    def add_bug(self) -> None:
        """Note an error that belongs to no task."""
        self._bugs = True

    def end(self) -> Ending:
        """Stop listening and return what the run came to.

        Called by doit in a `finally`, so an exception that ends the run is in flight.
        """
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        error = sys.exception()
        interrupted = isinstance(error, KeyboardInterrupt)
        return Ending(
            plan=self.plan,
            context=self.context,
            up_to_date=self._up_to_date,
            finished=self._finished,
            bugs=self._bugs or (error is not None and not interrupted),
            interrupted=interrupted,
            seconds=time.monotonic() - self.context.started,
        )
