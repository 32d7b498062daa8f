"""The reporter for people: `doit --reporter zoo`.

It shows a line for each step that ends, on a terminal the running steps below, and at the end
the table of models and the failures. Steps emit events (`pipeline.engine.events`), because the
doit task of a step succeeds even if the step fails.
"""

import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TextIO

from pipeline.engine.events import StepEvent
from pipeline.report.display import Display
from pipeline.report.progress import DoitTask, Progress, is_step
from pipeline.report.run_summary import format_ending
from pipeline.report.step_line import format_step, task_title
from pipeline.report.tally import Ending, TallyReporter
from pipeline.report.terminal import PlainScreen, open_screen
from pipeline.text.line import Line, wrap_text


class ZooReporter(TallyReporter):
    """One line per finished step, a live view on a terminal, a table of models at the end."""

    desc: ClassVar[str] = "one line per finished step, a live view on terminals, a table of models"

    def __init__(self, outstream: TextIO, options: Mapping[str, Any]) -> None:
        super().__init__(outstream, options)
        self._progress = Progress()
        self._lock = threading.Lock()
        self._display: Display | None = None

    def initialize(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Note the totals, before the first task."""
        super().initialize(tasks, selected)
        self._progress.begin(self._plan)

    def skip_ignore(self, task: DoitTask) -> None:
        """Count and show a step that the user lets doit ignore."""
        super().skip_ignore(task)
        self._show([((f"– {task_title(task.name)}  ignored (`tfjs-zoo ignore`)", "dim"),)])  # noqa: RUF001  # a dash

    def _show_bug(self, task: DoitTask, fail: Any) -> None:
        if fail.get_name() == "UnmetDependency":
            return
        title = f" {task_title(task.name)}  stopped by an error that is not the model's"
        message = wrap_text(fail.get_msg(), "", indent="  ", width=None)
        self._show([(("✗", "bad"), (title, "bold")), *message])

    def _show_error(self, message: str) -> None:
        self._show(wrap_text(message, "bad", indent="", width=None))

    def _show_ending(self, ending: Ending) -> None:
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

    def _finish(self, task: DoitTask, *, bug: bool = False) -> None:
        super()._finish(task, bug=bug)
        if is_step(task):
            self._progress.finish(task.name)

    def _show(self, lines: Sequence[Line]) -> None:
        self._open_display().show(lines)

    def _open_display(self) -> Display:
        with self._lock:
            if self._display is None:
                screen = open_screen(self._stream, os.environ, self._progress.snapshot)
                self._display = Display(screen)
            return self._display
