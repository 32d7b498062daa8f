"""The jobs of one model, and those of the zoo as a whole, as the table of steps makes them.

It imports neither TensorFlow nor numpy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.disk.layout import Layout
from pipeline.engine.job import Job, Result
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.model import Model
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps import card, catalog, fetch, site, texts
from pipeline.steps.table import MODEL_STEPS, ModelStep
from pipeline.workers.limits import ResourceLimits


@dataclass(frozen=True, kw_only=True)
class JobMaker:
    """Makes the jobs of a zoo.

    Attributes:
        zoo: The manifest.
        layout: The paths of the zoo.
    """

    zoo: Zoo
    layout: Layout

    def make_jobs(self, model: Model) -> dict[str, Job]:
        """Return the jobs of a model by task, each after those that it reads."""
        jobs: dict[str, Job] = {}
        for each in MODEL_STEPS:
            self._add_step(each, model, jobs)
        return jobs

    def make_zoo_jobs(self) -> dict[str, Job]:
        """Return the jobs of the zoo as a whole by task: the catalog and the site."""
        made = self._make_catalog()
        return {"catalog": made, "site": self._make_site(made)}

    def _add_step(self, each: ModelStep, model: Model, jobs: dict[str, Job]) -> None:
        """Add the job of a model's step, or a job for each variant."""
        read = each.parameters(model)
        if isinstance(read, Part):
            self._add_job(each, model, read, jobs)
        else:
            for variant, parameters in read.items():
                self._add_job(each, model, parameters, jobs, variant=variant)

    def _add_job(
        self,
        each: ModelStep,
        model: Model,
        parameters: Part,
        jobs: dict[str, Job],
        *,
        variant: str | None = None,
    ) -> None:
        step = each.step
        folder = self.layout.build / model.name / step.name
        needs = (*step.needs, *each.more_needs(model, variant))
        job = Job(
            task=_task(f"{step.name}:{variant}" if variant else step.name, model.name),
            step=step,
            model=model.name,
            parameters=parameters,
            folder=folder / variant if variant else folder,
            reads=_find_reads(each, model, needs, jobs),
            needs=frozenset(needs),
            root=self.layout.root,
            temporary=self.layout.temporary,
            limits=ResourceLimits(
                timeout_seconds=model.timeout_seconds, memory_bytes=model.memory_limit_bytes
            ),
            trusted=model.trust,
            local=each.local_files(model, self.layout.root),
            expected_failure=model.expect == "failed",
            shared=step.shared and (step.name != fetch.STEP.name or self._keeps_source(model)),
        )
        jobs[job.task] = job

    def _keeps_source(self, model: Model) -> bool:
        """Return whether the shared store keeps a source, which must never change."""
        final = model.sha256 is not None or parse_source(model.source).final
        is_local = parse_source(model.source).kind == "path"
        return self.zoo.store is not None and self.zoo.store.sources and final and not is_local

    def _make_catalog(self) -> Job:
        build, name = self.layout.build, card.STEP.name
        cards = {f"{name}:{model.name}": build / model.name / name for model in self.zoo.models}
        return Job(
            task="catalog",
            step=catalog.STEP,
            model=None,
            parameters=catalog.parameters(self.zoo),
            folder=self.layout.state / "catalog",
            reads={task: Result(task=task, folder=folder) for task, folder in cards.items()},
            needs=frozenset(),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )

    def _make_site(self, made: Job) -> Job:
        return Job(
            task="site",
            step=site.STEP,
            model=None,
            parameters=site.parameters(self.zoo),
            folder=self.layout.state / "site",
            reads={"catalog": made},
            needs=frozenset(site.STEP.needs),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )


def find_refreshable(models: Iterable[Model]) -> set[str]:
    """Return the tasks whose sources may change at their addresses: {"fetch:m"}."""
    found: set[str] = set()
    for model in models:
        if parse_source(model.source).refreshable and model.sha256 is None:
            found.add(_task(fetch.STEP.name, model.name))
        if texts.is_refreshable(model):
            found.add(_task(texts.STEP.name, model.name))
    return found


def _find_reads(
    each: ModelStep, model: Model, needs: Sequence[str], jobs: Mapping[str, Job]
) -> Mapping[str, Job]:
    """Return the jobs that a step of a model reads, by key: "fetch", "variant:float16"."""
    keys = [
        *needs,
        *(f"{key}:{other.name}" for key in each.step.accepts for other in model.variants),
    ]
    return {key: jobs[_task(key, model.name)] for key in keys}


def _task(key: str, model: str) -> str:
    """Return the task of a step of a model: ("variant:base", "m") is "variant:m:base"."""
    step, _, variant = key.partition(":")
    return f"{step}:{model}:{variant}" if variant else f"{step}:{model}"
