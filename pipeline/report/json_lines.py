"""The reporter for programs: `doit --reporter jsonl`, one JSON object a line.

Every object has `event`, and `at`: seconds since the run started. Later versions may add keys
and values; those below keep their meaning. Keys are sorted, absent values are null.

    {"event": "run-started", "at", "schema": 1, "root", "models": [names], "steps": number}
    {"event": "step", "at", "task", "model", "status", "reason", "hint", "log", "cause",
     "expected", "retry", "fault", "upstream", "seconds", "from_store", "done", "total",
      "unit", "usual"}
    {"event": "error", "at", "task", "message"}
    {"event": "run-finished", "at", "seconds", "counts": {"ok", "failed", "expectedFailures",
     "skipped", "adopted", "remembered", "upToDate"}, "failedModels": [names],
     "exitStatus", "meaning", "wall", "store", "variants": {"equal", "close", "withheld"},
     "provisional": [names]}

- The fields of `step` are those of `pipeline.engine.events.StepEvent`. `log` is relative to
  `root`, with forward slashes; `done` and `total` are bytes, or
  numbers of `unit`; `usual` is the time of the last run in seconds. A step has at most two lines
  with `progress` a second. A step that doit finds to be up to date has no line; `upToDate` counts
  it.
- All `counts` are numbers of steps; `expectedFailures` is the number of steps among `failed`
  and `remembered` whose failure the manifest expects.
- `error` is a bug of ours or of the setup, with its traceback, never a model's failure.
- `exitStatus`: 0 all good, 1 a model failed, 2 a bug of tfjs-zoo, 130 interrupted.
- `store` is a sentence on the shared store; null without one.
- `wall` is a sentence on what confined the models that were opened; null if none was.
- `variants` has their numbers by verdict, `provisional` the models whose verdicts are.
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
from pipeline.report.tally import Ending, TallyReporter
from pipeline.report.terminal import write_text

SCHEMA = 1
PROGRESS_SECONDS = 0.5
COUNTED = ("ok", "failed", "skipped", "adopted", "remembered")


class JsonLinesReporter(TallyReporter):
    """One JSON object a line, for programs."""

    desc: ClassVar[str] = "one JSON object per line, for programs"

    def __init__(self, outstream: TextIO, options: Mapping[str, Any]) -> None:
        super().__init__(outstream, options)
        self._lock = threading.Lock()
        self._last_progress: dict[str, float] = {}

    def initialize(self, tasks: Mapping[str, DoitTask], selected: Collection[str]) -> None:
        """Write the totals, before the first task."""
        super().initialize(tasks, selected)
        self._write(
            "run-started",
            schema=SCHEMA,
            root=self._context.root.as_posix(),
            models=list(self._plan.models),
            steps=self._plan.num_steps,
        )

    def _show_bug(self, task: DoitTask, fail: Any) -> None:
        self._write("error", task=task.name, message=fail.get_msg())

    def _show_error(self, message: str) -> None:
        self._write("error", task=None, message=message)

    def _show_ending(self, ending: Ending) -> None:
        log = ending.context.log
        verdicts = ending.count_verdicts()
        self._write(
            "run-finished",
            seconds=round(ending.seconds, 3),
            counts=_counts(ending),
            failedModels=sorted({event.model for event in log.failures if event.model}),
            exitStatus=ending.exit_status,
            meaning=EXIT_MEANINGS[ending.exit_status],
            wall=ending.context.describe_walls(),
            store=ending.context.describe_store(),
            untried=ending.context.describe_absence(),
            variants=dict(verdicts.variants),
            provisional=list(verdicts.provisional),
        )

    def _record(self, event: StepEvent) -> None:
        now = time.monotonic()
        if event.status == "progress":
            if now - self._last_progress.get(event.task, 0.0) < PROGRESS_SECONDS:
                return
            self._last_progress[event.task] = now
        fields = dataclasses.asdict(event)
        if event.log is not None:
            fields["log"] = self._context.shorten(event.log)
        if event.seconds is not None:
            fields["seconds"] = round(event.seconds, 3)
        self._write("step", **fields)

    def _write(self, event: str, **fields: Any) -> None:
        at = round(time.monotonic() - self._context.started, 3)
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
