"""The account of a run: what its report says of steps and models.

It is gathered when the run is over, from the run's events and the measurements of its steps.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.catalog.types import CatalogModel
from pipeline.catalog.verdict_words import ModelVerdicts, VerdictCounts, add_verdicts
from pipeline.engine.events import StepEvent
from pipeline.engine.job import Job
from pipeline.report.run_context import ALL_GOOD, MODEL_FAILED, RunContext, is_failure
from pipeline.report.step_run import StepRun, describe_step
from pipeline.report.withheld import WithheldVariant, describe_withheld
from pipeline.steps.table import STEPS

NUM_SLOWEST = 5
# Cards of so many models are read for what is withheld or provisional.
MAX_DOUBTED = 200
# Steps that a report lists; the summary of a job on GitHub holds 1 MiB.
MAX_STEPS = 1000
_ORDER = {step.name: number for number, step in enumerate(STEPS)}


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
        ran: The steps that ran, in the order in which they ended; of many the first.
        num_ran: Number of all steps that ran.
        num_stored: Number of those whose results came from the store.
        slowest: The steps that took longest, the longest first.
        peak_bytes: Largest peak memory of a step; None if it was not measured.
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
    num_ran: int
    num_stored: int
    slowest: Sequence[StepRun]
    peak_bytes: int | None
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


def gather_account(  # noqa: PLR0913  # the facts of a run that its events do not have
    context: RunContext,
    jobs: Mapping[str, Job],
    *,
    num_jobs: int,
    zoo: str,
    selected: Sequence[str],
    finished: str,
    seconds: float,
    exit_status: int,
) -> Account:
    """Return the account of a run.

    Args:
        context: The run.
        jobs: All steps that have a task by its name.
        num_jobs: Number of the steps that the run was to look at.
        zoo: Name of the zoo.
        selected: The tasks that the user named; empty for everything.
        finished: When the run ended, in UTC.
        seconds: How long the run took.
        exit_status: Its exit code.
    """
    log = context.log
    events = log.events
    skipped = {event.task for event in events if event.status == "skipped" and event.upstream}
    looked_at = {event.task for event in events if event.status == "ok" or is_failure(event)}
    ran = _Ran(events, jobs, context)
    verdicts = context.load_verdicts(list(context.sealed) or list(ran.models))
    doubted = _load_doubted(context, verdicts)
    # A run that was cut short did not look at the other steps.
    num_steps = num_jobs + sum(context.sealed.values()) + 1
    whole = not selected and exit_status in {ALL_GOOD, MODEL_FAILED}
    return Account(
        zoo=zoo,
        finished=finished,
        seconds=seconds,
        exit_status=exit_status,
        selected=selected,
        ran=ran.first,
        num_ran=ran.number,
        num_stored=ran.num_stored,
        slowest=ran.slowest,
        peak_bytes=ran.peak_bytes,
        failures=[describe_step(event, jobs, context) for event in log.failures],
        expected=[describe_step(event, jobs, context) for event in log.expected_failures],
        skipped=len(skipped),
        up_to_date=num_steps - len(looked_at | skipped) if whole else None,
        models=list(_models(ran, verdicts, context)),
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


@dataclass(kw_only=True)
class _Effort:
    """What the steps of a model took: their number, seconds, peak memory, and first cause."""

    steps: int = 0
    seconds: float = 0.0
    peak_bytes: int | None = None
    first: tuple[int, str] = (len(_ORDER), "")

    def add(self, step: StepRun) -> None:
        self.steps += 1
        self.seconds += step.event.seconds or 0.0
        self.peak_bytes = _larger(self.peak_bytes, step.peak_bytes)
        turn = _ORDER.get(step.event.task.partition(":")[0], len(_ORDER))
        if self.steps == 1 or turn < self.first[0]:
            self.first = (turn, step.event.cause or "")


class _Ran:
    """The steps that ran, of which only the first and the slowest are kept."""

    def __init__(
        self, events: Iterable[StepEvent], jobs: Mapping[str, Job], context: RunContext
    ) -> None:
        self.first: list[StepRun] = []
        self.slowest: list[StepRun] = []
        self.number = self.num_stored = 0
        self.peak_bytes: int | None = None
        self.models: defaultdict[str, _Effort] = defaultdict(_Effort)
        for event in events:
            if event.status in {"ok", "failed"}:
                self._add(describe_step(event, jobs, context))

    def _add(self, step: StepRun) -> None:
        self.number += 1
        self.num_stored += step.event.from_store
        self.peak_bytes = _larger(self.peak_bytes, step.peak_bytes)
        if len(self.first) < MAX_STEPS:
            self.first.append(step)
        if step.event.seconds is not None:
            self.slowest.append(step)
            self.slowest.sort(key=lambda one: -(one.event.seconds or 0.0))
            del self.slowest[NUM_SLOWEST:]
        if step.event.model is not None:
            self.models[step.event.model].add(step)


def _larger(one: int | None, other: int | None) -> int | None:
    return max(filter(None, (one, other)), default=None)


def _models(
    ran: _Ran, verdicts: Mapping[str, ModelVerdicts], context: RunContext
) -> Iterator[ModelRun]:
    """Yield the models of which steps ran, in the order of the manifest."""
    order = {name: number for number, name in enumerate(context.sealed)}
    worked = sorted(ran.models, key=lambda name: order.get(name, len(order)))
    stale = [name for name in worked if name in verdicts and verdicts[name].status == "stale"]
    since = {card.name: card.stale_since for card in context.load_cards(stale[:MAX_DOUBTED])}
    for name in worked:
        effort = ran.models[name]
        yield ModelRun(
            name=name,
            status=verdicts[name].status if name in verdicts else "failed",
            stale_since=since.get(name),
            steps=effort.steps,
            seconds=effort.seconds,
            peak_bytes=effort.peak_bytes,
            cause=effort.first[1],
        )
