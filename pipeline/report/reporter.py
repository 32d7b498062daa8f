"""The reporter for people: `doit --reporter zoo`.

It shows a line for each step that ends, on a terminal the running steps below, and at the end
the table of models and the failures. doit calls its methods in the main thread, but
`execute_task` in a worker's. Steps emit events (`pipeline.engine.events`), because the doit task
of a step succeeds even if the step fails.
"""

import os
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TextIO

from pipeline.engine.events import StepEvent
from pipeline.report.display import Display
from pipeline.report.progress import DoitTask, Progress
from pipeline.report.run_summary import format_ending
from pipeline.report.step_line import format_step, task_title
from pipeline.report.tally import Tally
from pipeline.report.terminal import PlainScreen, open_screen
from pipeline.text.line import Line, wrap_text


class ZooReporter:
    """One line per finished step, a live view on a terminal, a table of models at the end."""

    desc: ClassVar[str] = "one line per finished step, a live view on terminals, a table of models"

    def __init__(self, outstream: TextIO, _options: Mapping[str, Any]) -> None:
        self._stream = outstream
        self._tally = Tally(self._record)
        self._progress = Progress()
        self._lock = threading.Lock()
        self._display: Display | None = None

    def initialize(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Note the totals, before the first task."""
        self._tally.begin(tasks, selected)
        self._progress.begin(self._tally.plan)

    def get_status(self, task: DoitTask) -> None:
        """Show nothing while doit checks whether a task is up to date."""

    def execute_task(self, task: DoitTask) -> None:
        """Show nothing: the step emits an event when it starts."""

    def teardown_task(self, task: DoitTask) -> None:
        """Show nothing: our tasks have no teardown."""

    def add_success(self, task: DoitTask) -> None:
        """Count a step whose task ended."""
        self._finish(task)

    def skip_uptodate(self, task: DoitTask) -> None:
        """Count a step that doit finds to be up to date."""
        self._finish(task, up_to_date=True)

    def skip_ignore(self, task: DoitTask) -> None:
        """Count and show a step that the user lets doit ignore."""
        self._finish(task)
        self._show([((f"– {task_title(task.name)}  ignored (doit ignore)", "dim"),)])  # noqa: RUF001

    def add_failure(self, task: DoitTask, fail: Any) -> None:
        """Show a bug of ours, with its traceback."""
        self._finish(task, bug=True)
        if fail.get_name() == "UnmetDependency" or not fail.report:
            return
        title = f" {task_title(task.name)}  stopped by an error that is not the model's"
        self._show(
            [
                (("✗", "bad"), (title, "bold")),
                *wrap_text(fail.get_msg(), "", indent="  ", width=None),
            ]
        )

    def runtime_error(self, msg: str) -> None:
        """Show an error of doit itself."""
        self._tally.add_bug()
        self._show([*wrap_text(msg, "bad", indent="", width=None)])

    def cleanup_error(self, exception: Any) -> None:
        """Show an error of a teardown."""
        self.runtime_error(exception.get_msg())

    def complete_run(self) -> None:
        """Show the summary, and leave the terminal as it was."""
        ending = self._tally.end()
        if self._display is None and ending.idle and not ending.context.log.failures:
            # The one line of a run with nothing to do waits for no import and no thread.
            PlainScreen(self._stream).show(format_ending(ending, width=None))
            return
        display = self._open_display()
        display.show(format_ending(ending, width=display.width))
        display.close()

    def _record(self, event: StepEvent) -> None:
        self._progress.record(event, time.monotonic())
        if event.status in ("adopted", "remembered"):
            return  # the step did nothing; the last line counts it
        display = self._open_display()
        line = format_step(event, width=display.width)
        if line is not None:
            display.show([line])

    def _finish(self, task: DoitTask, *, up_to_date: bool = False, bug: bool = False) -> None:
        if self._tally.finish(task, up_to_date=up_to_date, bug=bug):
            self._progress.finish(task.name)

    def _show(self, lines: list[Line]) -> None:
        self._open_display().show(lines)

    def _open_display(self) -> Display:
        with self._lock:
            if self._display is None:
                screen = open_screen(self._stream, os.environ, self._progress.snapshot)
                self._display = Display(screen)
            return self._display
