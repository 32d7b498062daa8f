"""The account of a run: what its report says of steps and models.

It is gathered when the run is over, from the run's events and the measurements of its steps.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.entries import read_since
from pipeline.catalog.types import CatalogModel
from pipeline.catalog.verdict_words import ModelVerdicts, VerdictCounts, add_verdicts
from pipeline.disk.json_file import load_json
from pipeline.engine.events import StepEvent
from pipeline.engine.job import Job
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.report.run_context import ALL_GOOD, MODEL_FAILED, RunContext, is_failure
from pipeline.report.step_line import describe_cause
from pipeline.report.withheld import WithheldVariant, describe_withheld
from pipeline.text.line import crop_text

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
# A catalog may have as many causes as it has models.
MAX_CAUSE = 200
NUM_SLOWEST = 5
# Cards of so many models are read for what is withheld or provisional.
MAX_DOUBTED = 200
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


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """A model of which steps ran.

    Attributes:
        name: Its name.
        status: Its status in the catalog.
        stale_since: When it became stale, in UTC; None if it is not stale.
        steps: Number of its steps that ran.
        seconds: How long these steps took together.
        peak_bytes: Largest peak memory of these steps; None if it was not measured.
        cause: Why the first of these steps ran; the others follow from it.
    """

    name: str
    status: str
    stale_since: str | None
    steps: int
    seconds: float
    peak_bytes: int | None
    cause: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a run did.

    Attributes:
        zoo: Name of the zoo.
        finished: When the run ended, in UTC.
        seconds: How long the run took.
        exit_status: Its exit code.
        selected: The tasks that the user named; empty for everything.
        ran: The steps that ran, in the order in which they ended.
        failures: The steps that failed in this run or an earlier one, without the expected.
        expected: The failures that the manifest expects.
        skipped: Number of steps that were skipped because another step failed.
        up_to_date: Number of steps with nothing to do; None if the run did not look at them all.
        models: The models of which steps ran.
        statuses: Number of models of the zoo by their status.
        verdicts: How the variants of the zoo were judged.
        withheld: The variants of the zoo that are withheld; in a large zoo those of some models.
        provisional: Why the verdicts on models say little, by model, of the same models.
        sizes: Bytes of the published bases, and of the smallest variants of the same models.
    """

    zoo: str
    finished: str
    seconds: float
    exit_status: int
    selected: Sequence[str]
    ran: Sequence[StepRun]
    failures: Sequence[StepRun]
    expected: Sequence[StepRun]
    skipped: int
    up_to_date: int | None
    models: Sequence[ModelRun]
    statuses: Mapping[str, int]
    verdicts: VerdictCounts
    withheld: Sequence[WithheldVariant]
    provisional: Mapping[str, str]
    sizes: tuple[int, int]

    @property
    def slowest(self) -> Sequence[StepRun]:
        """The steps that took longest, the longest first."""
        timed = [step for step in self.ran if step.event.seconds is not None]
        timed.sort(key=lambda step: -(step.event.seconds or 0.0))
        return timed[:NUM_SLOWEST]

    @property
    def peak_bytes(self) -> int | None:
        """Largest peak memory of a step; None if it was not measured."""
        return max((step.peak_bytes for step in self.ran if step.peak_bytes), default=None)


def gather_account(  # noqa: PLR0913  # the facts of a run that its events do not have
    context: RunContext,
    jobs: Mapping[str, Job],
    *,
    zoo: str,
    selected: Sequence[str],
    finished: str,
    seconds: float,
    exit_status: int,
) -> Account:
    """Return the account of a run.

    Args:
        context: The run.
        jobs: All steps that have a task by its name, each after those that it reads.
        zoo: Name of the zoo.
        selected: The tasks that the user named; empty for everything.
        finished: When the run ended, in UTC.
        seconds: How long the run took.
        exit_status: Its exit code.
    """
    log = context.log
    ended = (event for event in log.events if event.status == "ok" or is_failure(event))
    steps = {event.task: _step(event, jobs, context) for event in ended}
    skipped = {event.task for event in log.events if event.status == "skipped" and event.upstream}
    ran = [steps[event.task] for event in log.events if event.status in {"ok", "failed"}]
    models = dict.fromkeys(job.model for job in jobs.values() if job.model is not None)
    verdicts = context.load_verdicts(list(context.sealed) or list(models))
    worked = {step.event.model for step in ran if step.event.model is not None}
    cards = {card.name: card for card in context.load_cards(sorted(worked))}
    doubted = _load_doubted(context, verdicts)
    # A run that was cut short did not look at the other steps.
    num_steps = len(jobs) + sum(context.sealed.values()) + 1
    whole = not selected and exit_status in {ALL_GOOD, MODEL_FAILED}
    return Account(
        zoo=zoo,
        finished=finished,
        seconds=seconds,
        exit_status=exit_status,
        selected=selected,
        ran=ran,
        failures=[steps[event.task] for event in log.failures],
        expected=[steps[event.task] for event in log.expected_failures],
        skipped=len(skipped),
        up_to_date=num_steps - len(steps.keys() | skipped) if whole else None,
        models=list(_models(ran, jobs, cards)),
        statuses=Counter(model.status for model in verdicts.values()),
        verdicts=add_verdicts(verdicts),
        withheld=describe_withheld(doubted),
        provisional={
            card.name: card.provisional for card in doubted if card.provisional and card.variants
        },
        sizes=_sum_sizes(verdicts.values()),
    )


def _load_doubted(
    context: RunContext, verdicts: Mapping[str, ModelVerdicts]
) -> Sequence[CatalogModel]:
    """Load the cards of models of which something is withheld or provisional, of many the first."""
    names = [
        name
        for name, model in verdicts.items()
        if model.variants.get("withheld") or model.provisional
    ]
    return context.load_cards(names[:MAX_DOUBTED])


def _sum_sizes(models: Iterable[ModelVerdicts]) -> tuple[int, int]:
    known = [model.sizes for model in models if model.sizes is not None]
    return sum(base for base, _ in known), sum(least for _, least in known)


def _step(event: StepEvent, jobs: Mapping[str, Job], context: RunContext) -> StepRun:
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


def _models(
    ran: Iterable[StepRun], jobs: Mapping[str, Job], cards: Mapping[str, CatalogModel]
) -> Iterator[ModelRun]:
    """Yield the models of which steps ran, in the order of the manifest."""
    order = {task: number for number, task in enumerate(jobs)}
    by_model: defaultdict[str, list[StepRun]] = defaultdict(list)
    for step in sorted(ran, key=lambda step: order.get(step.event.task, len(order))):
        if step.event.model is not None:
            by_model[step.event.model].append(step)
    for name, steps in by_model.items():
        card = cards.get(name)
        yield ModelRun(
            name=name,
            status=card.status if card else "failed",
            stale_since=card.stale_since if card else None,
            steps=len(steps),
            seconds=sum(step.event.seconds or 0.0 for step in steps),
            peak_bytes=max((step.peak_bytes for step in steps if step.peak_bytes), default=None),
            cause=steps[0].event.cause or "",
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
