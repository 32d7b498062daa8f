"""The graph of a zoo: its jobs, the jobs that each reads, and their folders.

Loading it imports neither TensorFlow nor numpy.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pipeline.disk.layout import Layout, cache_folder
from pipeline.engine.database import model_of
from pipeline.engine.job import Job, Result
from pipeline.engine.session import Session
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.load import load_manifest
from pipeline.manifest.model import Model
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps import card, catalog, fetch, site, texts
from pipeline.steps.table import MODEL_STEPS, ModelStep
from pipeline.workers.limits import ResourceLimits

MANIFEST = "models.yaml"


class Graph:
    """The jobs of a zoo. Those of a model are made when one of them is asked for.

    zoo: The manifest.
    layout: The paths of the zoo.
    session: The state that the jobs of a run share.
    models: The models by name, in the manifest's order.
    jobs: All jobs by their task's name, each after those that it reads.
    wanted: The models that the command at work needs.
    loaded: Those of them of which doit gets the tasks at once.
    most_kept: Number of models whose jobs are kept for the next request; None for all.
    sealed: The models that are left out because they are up to date, with their numbers of jobs.
    """

    def __init__(self, zoo: Zoo, layout: Layout, session: Session) -> None:
        self.zoo = zoo
        self.layout = layout
        self.session = session
        self.models = {model.name: model for model in zoo.models}
        self.jobs: Mapping[str, Job] = _Jobs(self)
        self.wanted: Sequence[str] = list(self.models)
        self.loaded: Sequence[str] = self.wanted
        self.most_kept: int | None = None
        self.sealed: Mapping[str, int] = {}
        self._made: dict[str, dict[str, Job]] = {}
        self._num_jobs: dict[str, int] = {}

    def of_step(self, step: str) -> Iterator[Job]:
        """Iterate over the jobs of one step, in the manifest's order."""
        return (job for job in self.jobs.values() if job.step.name == step)

    def jobs_of_models(self) -> Mapping[str, list[Job]]:
        """Return the jobs of each model, each after those that it reads."""
        return _JobsOfModels(self)

    def jobs_of(self, model: str) -> Mapping[str, Job]:
        """Return the jobs of a model by task, each after those that it reads."""
        if model not in self._made:
            jobs: dict[str, Job] = {}
            for each in MODEL_STEPS:
                self._add_step(each, self.models[model], jobs)
            if self.most_kept is not None and len(self._made) >= self.most_kept:
                del self._made[next(iter(self._made))]
            self._made[model] = jobs
            self._num_jobs[model] = len(jobs)
        return self._made[model]

    def count_wanted(self) -> int:
        """Return the number of jobs that the command at work needs."""
        models = (self._num_jobs.get(name) or len(self.jobs_of(name)) for name in self.wanted)
        return sum(models) + len(self.of_zoo)

    def each_wanted(self) -> Iterator[Job]:
        """Iterate over the jobs that the command at work needs, each after those that it reads."""
        for model in self.wanted:
            yield from self.jobs_of(model).values()
        yield from self.of_zoo.values()

    @cached_property
    def of_zoo(self) -> Mapping[str, Job]:
        """The jobs of the zoo as a whole by task: the catalog and the site."""
        made = self._make_catalog()
        return {"catalog": made, "site": self._make_site(made)}

    @cached_property
    def refreshable(self) -> set[str]:
        """The fetches whose source may change at its address."""
        found = {
            f"{fetch.STEP.name}:{model.name}"
            for model in self.zoo.models
            if parse_source(model.source).refreshable and model.sha256 is None
        }
        return found | {
            f"{texts.STEP.name}:{model.name}"
            for model in self.zoo.models
            if texts.is_refreshable(model)
        }

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
        cards = {f"{name}:{model}": build / model / name for model in self.models}
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


class _Jobs(Mapping[str, Job]):
    """All jobs of a graph by task: model by model, then those of the zoo."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getitem__(self, task: str) -> Job:
        graph = self._graph
        model = model_of(task)
        jobs = graph.jobs_of(model) if model in graph.models else graph.of_zoo
        return jobs[task]

    def __iter__(self) -> Iterator[str]:
        for model in self._graph.models:
            yield from self._graph.jobs_of(model)
        yield from self._graph.of_zoo

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _JobsOfModels(Mapping[str, list[Job]]):
    """The jobs of a graph by model."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getitem__(self, model: str) -> list[Job]:
        if model not in self._graph.models:
            raise KeyError(model)
        return list(self._graph.jobs_of(model).values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.models)

    def __len__(self) -> int:
        return len(self._graph.models)


def _find_reads(
    each: ModelStep, model: Model, needs: Sequence[str], jobs: Mapping[str, Job]
) -> Mapping[str, Job]:
    """Return the jobs that a step of a model reads, by key: "fetch", "variant:float16"."""
    keys = [
        *needs,
        *(f"{key}:{other.name}" for key in each.step.accepts for other in model.variants),
    ]
    return {key: jobs[_task(key, model.name)] for key in keys}


def load_graph(root: Path) -> Graph:
    """Read the manifest in a folder and make its graph.

    Raises:
        ManifestError: The manifest has faults.
    """
    root = root.resolve()
    zoo = load_manifest(root / MANIFEST)
    layout = Layout(root=root, output=zoo.output)
    return Graph(zoo, layout, Session(cache=cache_folder(os.environ)))


def _task(key: str, model: str) -> str:
    """Return the task of a step of a model: ("variant:base", "m") is "variant:m:base"."""
    step, _, variant = key.partition(":")
    return f"{step}:{model}:{variant}" if variant else f"{step}:{model}"
