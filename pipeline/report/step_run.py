"""A step that ran, as a report has it: its event with texts that can be published, its memory."""

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.entries import read_since
from pipeline.disk.json_file import load_json
from pipeline.engine.events import StepEvent
from pipeline.engine.job import Job
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.report.run_context import RunContext, is_failure
from pipeline.report.step_line import describe_cause
from pipeline.text.line import crop_text

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
# A catalog may have as many causes as it has models.
MAX_CAUSE = 200
_MEMORY_KEYS = {"peakRssBytes", "rssBytes"}


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """A step that ran, or that failed earlier and would fail again.

    Attributes:
        event: How it ended; its texts can be published.
        since: When it first failed, in UTC; None if it is ok, or if the time is not known.
        peak_bytes: Largest peak memory of a process that it started; None if it started none.
    """

    event: StepEvent
    since: str | None
    peak_bytes: int | None


def describe_step(event: StepEvent, jobs: Mapping[str, Job], context: RunContext) -> StepRun:
    """Return how a step ended, as a report has it."""
    job = jobs.get(event.task)
    failed = is_failure(event)
    # Measurements that came from the store are those of another run.
    ran = event.seconds is not None and not event.from_store
    measured = _load_measured(job, failed=failed) if job and ran else None
    since = read_since(job.since_file) if job and failed else None
    cause = _publishable(describe_cause(event) or event.cause, context)
    published = dataclasses.replace(
        event,
        cause=None if cause is None else crop_text(cause, MAX_CAUSE),
        reason=_publishable(event.reason, context),
        hint=_publishable(event.hint, context),
    )
    return StepRun(
        event=published, since=since, peak_bytes=max(_find_memory(measured), default=None)
    )


def _load_measured(job: Job, *, failed: bool) -> Any:
    """Return the measurements of a step, the JSON value of its run.json; None if it is lost."""
    measured = load_json((job.failed_folder if failed else job.folder) / "run.json")
    return None if measured is None else measured.value


def _find_memory(measured: Any) -> Iterator[int]:
    """Yield the peak memory of each process, in bytes, wherever the measurements have one."""
    if isinstance(measured, Mapping):
        for key, value in measured.items():
            if key in _MEMORY_KEYS:
                if type(value) is int:
                    yield value
            else:
                yield from _find_memory(value)


def _publishable(text: str | None, context: RunContext) -> str | None:
    """Return a text without credentials and without the path of the zoo's folder.

    "/home/me/zoo/models/a.h5: no such file" is "models/a.h5: no such file".
    """
    return text and _URL.sub(_strip, text).replace(f"{context.root}/", "")


def _strip(match: re.Match[str]) -> str:
    try:
        return strip_credentials(match[0])
    except ValueError:
        return "…"


def sort_failures(failures: Collection[StepRun]) -> list[StepRun]:
    """Return failures, the newest first: people know the others."""
    return sorted(failures, key=lambda step: (step.since or "", step.event.task), reverse=True)
