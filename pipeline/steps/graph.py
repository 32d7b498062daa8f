"""The graph of a zoo: its jobs, the jobs that each reads, and their folders.

Loading it imports neither TensorFlow nor numpy.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.disk.layout import Layout, cache_folder
from pipeline.engine.job import Job
from pipeline.engine.session import Session
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.load import load_manifest
from pipeline.manifest.model import Model
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps import catalog, fetch, site, texts
from pipeline.steps.table import MODEL_STEPS, ModelStep
from pipeline.workers.limits import ResourceLimits

MANIFEST = "models.yaml"


class Graph:
    """The jobs of a zoo.

    zoo: The manifest.
    layout: The paths of the zoo.
    session: The state that the jobs of a run share.
    jobs: All jobs by their task's name, each after those that it reads.
    refreshable: The fetches whose source may change at its address.
    """

    def __init__(self, zoo: Zoo, layout: Layout, session: Session) -> None:
        self.zoo = zoo
        self.layout = layout
        self.session = session
        self.jobs: dict[str, Job] = {}
        self.refreshable: set[str] = set()
        for model in zoo.models:
            for each in MODEL_STEPS:
                self._add_step(each, model)
            if parse_source(model.source).refreshable and model.sha256 is None:
                self.refreshable.add(f"{fetch.STEP.name}:{model.name}")
            if texts.is_refreshable(model):
                self.refreshable.add(f"{texts.STEP.name}:{model.name}")
        self._add_catalog()
        self._add_site()

    def of_step(self, step: str) -> Iterator[Job]:
        """Iterate over the jobs of one step, in the manifest's order."""
        return (job for job in self.jobs.values() if job.step.name == step)

    def jobs_of_models(self) -> dict[str, list[Job]]:
        """Return the jobs of each model, each after those that it reads."""
        jobs: dict[str, list[Job]] = {model.name: [] for model in self.zoo.models}
        for job in self.jobs.values():
            if job.model is not None:
                jobs[job.model].append(job)
        return jobs

    def _add_step(self, each: ModelStep, model: Model) -> None:
        """Add the job of a model's step, or a job for each variant."""
        read = each.parameters(model)
        if isinstance(read, Part):
            self._add_job(each, model, read)
        else:
            for variant, parameters in read.items():
                self._add_job(each, model, parameters, variant=variant)

    def _add_job(
        self, each: ModelStep, model: Model, parameters: Part, *, variant: str | None = None
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
            reads=self._find_reads(each, model, needs),
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
        self.jobs[job.task] = job

    def _keeps_source(self, model: Model) -> bool:
        """Return whether the shared store keeps a source, which must never change."""
        final = model.sha256 is not None or parse_source(model.source).final
        is_local = parse_source(model.source).kind == "path"
        return self.zoo.store is not None and self.zoo.store.sources and final and not is_local

    def _find_reads(self, each: ModelStep, model: Model, needs: Sequence[str]) -> Mapping[str, Job]:
        """Return the jobs that a step of a model reads, by key: "fetch", "variant:float16"."""
        keys = [
            *needs,
            *(f"{key}:{other.name}" for key in each.step.accepts for other in model.variants),
        ]
        return {key: self.jobs[_task(key, model.name)] for key in keys}

    def _add_catalog(self) -> None:
        cards = [f"card:{model.name}" for model in self.zoo.models]
        self.jobs["catalog"] = Job(
            task="catalog",
            step=catalog.STEP,
            model=None,
            parameters=catalog.parameters(self.zoo),
            folder=self.layout.state / "catalog",
            reads={card: self.jobs[card] for card in cards},
            needs=frozenset(),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )

    def _add_site(self) -> None:
        self.jobs["site"] = Job(
            task="site",
            step=site.STEP,
            model=None,
            parameters=site.parameters(self.zoo),
            folder=self.layout.state / "site",
            reads={"catalog": self.jobs["catalog"]},
            needs=frozenset(site.STEP.needs),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )


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
