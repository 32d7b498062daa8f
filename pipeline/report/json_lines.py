"""The reporter for programs: `doit --reporter jsonl`, one JSON object a line.

Every object has `event`, and `at`: seconds since the run started. New keys and new values may
come; what is here keeps its meaning. Keys are sorted, absent values are null.

    {"event": "run-started", "at", "schema": 1, "root", "models": [names], "steps": number}
    {"event": "step", "at", "task", "model", "status", "reason", "hint", "log", "cause",
     "expected", "retry", "fault", "upstream", "seconds", "done", "total"}
    {"event": "error", "at", "task", "message"}
    {"event": "run-finished", "at", "seconds", "counts": {"ok", "failed", "expectedFailures",
     "skipped", "adopted", "remembered", "upToDate"}, "failedModels": [names],
     "exitStatus", "meaning"}

- The fields of `step` are those of `pipeline.engine.events.StepEvent`. `log` is relative to
  `root`, with forward slashes; `done` and `total` are bytes. A step tells `progress` at most
  twice a second. A step that doit finds up to date has no line, only its count at the end.
- `failed`, `remembered` and `skipped` of `counts` are numbers of steps, as are all of them;
  `expectedFailures` is how many of `failed` and `remembered` the manifest expects.
- `error` is a bug of ours or of the setup, with its traceback, never a model's failure.
- `exitStatus`: 0 all good, 1 a model failed, 2 a bug of tfjs-zoo, 130 interrupted.
"""

import dataclasses
import json
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TextIO

from pipeline.engine.events import StepEvent
from pipeline.report.progress import DoitTask
from pipeline.report.run_context import EXIT_MEANINGS
from pipeline.report.tally import Ending, Tally
from pipeline.report.terminal import write_text

SCHEMA = 1
PROGRESS_SECONDS = 0.5
COUNTED = ("ok", "failed", "skipped", "adopted", "remembered")


class JsonLinesReporter:
    """One JSON object a line, for programs."""

    desc: ClassVar[str] = "one JSON object per line, for programs"

    def __init__(self, outstream: TextIO, _options: Mapping[str, Any]) -> None:
        self._stream = outstream
        self._lock = threading.Lock()
        self._tally = Tally(self._record)
        self._told: dict[str, float] = {}

    def initialize(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Tell the totals, before the first task."""
        self._tally.begin(tasks, selected)
        self._write(
            "run-started",
            schema=SCHEMA,
            root=self._tally.context.root.as_posix(),
            models=list(self._tally.plan.models),
            steps=len(self._tally.plan.steps),
        )

    def get_status(self, task: DoitTask) -> None:
        """Say nothing: doit looks whether a task is up to date."""

    def execute_task(self, task: DoitTask) -> None:
        """Say nothing: the step tells itself that it starts."""

    def teardown_task(self, task: DoitTask) -> None:
        """Say nothing: we have no teardown."""

    def add_success(self, task: DoitTask) -> None:
        """Count a step whose task ended."""
        self._tally.finish(task)

    def skip_uptodate(self, task: DoitTask) -> None:
        """Count a step that has nothing to do."""
        self._tally.finish(task, up_to_date=True)

    def skip_ignore(self, task: DoitTask) -> None:
        """Count a step that the user told doit to ignore."""
        self._tally.finish(task)

    def add_failure(self, task: DoitTask, fail: Any) -> None:
        """Tell an error that is no failure of a model."""
        self._tally.finish(task, bug=True)
        if fail.report:
            self._write("error", task=task.name, message=fail.get_msg())

    def runtime_error(self, msg: str) -> None:
        """Tell an error of doit itself."""
        self._tally.add_bug()
        self._write("error", task=None, message=msg)

    def cleanup_error(self, exception: Any) -> None:
        """Tell an error of a teardown."""
        self.runtime_error(exception.get_msg())

    def complete_run(self) -> None:
        """Tell what the run came to."""
        ending = self._tally.end()
        log = ending.context.log
        self._write(
            "run-finished",
            seconds=round(ending.seconds, 3),
            counts=_counts(ending),
            failedModels=sorted({event.model for event in log.failures if event.model}),
            exitStatus=ending.exit_status,
            meaning=EXIT_MEANINGS[ending.exit_status],
            wall=ending.context.describe_walls(),
        )

    def _record(self, event: StepEvent) -> None:
        now = time.monotonic()
        if event.status == "progress":
            if now - self._told.get(event.task, 0.0) < PROGRESS_SECONDS:
                return
            self._told[event.task] = now
        fields = dataclasses.asdict(event)
        if event.log is not None:
            fields["log"] = self._tally.context.shorten(event.log)
        if event.seconds is not None:
            fields["seconds"] = round(event.seconds, 3)
        self._write("step", **fields)

    def _write(self, event: str, **fields: Any) -> None:
        at = round(time.monotonic() - self._tally.context.started, 3)
        text = json.dumps({"event": event, "at": at, **fields}, sort_keys=True, allow_nan=False)
        with self._lock:
            write_text(self._stream, text + "\n")


def _counts(ending: Ending) -> dict[str, int]:
    counts = ending.context.log.counts
    return {
        **{status: counts[status] for status in COUNTED},
        "expectedFailures": len(ending.context.log.expected_failures),
        "upToDate": ending.up_to_date,
    }
