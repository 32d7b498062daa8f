"""The graph of a zoo: every job, what it reads, and where its results lie.

Loading it imports neither TensorFlow nor numpy.
"""

import gc
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.layout import Layout, cache_folder
from pipeline.engine.job import Job
from pipeline.engine.local_files import local_files
from pipeline.engine.session import Session
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.load import load_manifest
from pipeline.manifest.model import Model
from pipeline.manifest.zoo import Zoo
from pipeline.steps import parameters
from pipeline.steps.table import STEPS
from pipeline.workers.limits import ResourceLimits

MANIFEST = "models.yaml"


class Graph:
    """The jobs of a zoo.

    Attributes:
        zoo: The manifest.
        layout: Where everything lies.
        session: What the jobs of a run share.
        jobs: Every job by its task's name, each after those that it reads.
        refreshable: The fetches whose source may change where it is.
    """

    def __init__(self, zoo: Zoo, layout: Layout, session: Session) -> None:
        self.zoo = zoo
        self.layout = layout
        self.session = session
        self.jobs: dict[str, Job] = {}
        self.refreshable: set[str] = set()
        for model in zoo.models:
            self._add_model(model)
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

    def _add_model(self, model: Model) -> None:
        self._add("fetch", model, parameters.fetch_parameters(model))
        if parse_source(model.source).refreshable and model.sha256 is None:
            self.refreshable.add(f"fetch:{model.name}")
        self._add("convert", model, parameters.convert_parameters(model))
        self._add("signature", model, {})
        self._add("reference", model, parameters.reference_parameters(model))
        self._add("map", model, parameters.map_parameters(model))
        for variant in (None, *model.variants):
            read = parameters.variant_parameters(model, variant)
            self._add("variant", model, read, variant=variant.name if variant else "base")
        self._add("verify", model, parameters.verify_parameters(model))
        self._add("card", model, parameters.card_parameters(model))

    def _add(
        self, step_name: str, model: Model, read: Mapping[str, Any], *, variant: str | None = None
    ) -> None:
        step = STEPS[step_name]
        folder = self.layout.build / model.name / step_name
        reads = {key: self.jobs[_task(key, model.name)] for key in step.needs}
        for key in step.accepts:
            prefix = _task(key, model.name) + ":"
            for other in model.variants:
                reads[f"{key}:{other.name}"] = self.jobs[prefix + other.name]
        job = Job(
            task=_task(f"{step_name}:{variant}" if variant else step_name, model.name),
            step=step,
            model=model.name,
            parameters=read,
            folder=folder / variant if variant else folder,
            reads=reads,
            needs=frozenset(step.needs),
            root=self.layout.root,
            temporary=self.layout.temporary,
            limits=ResourceLimits(
                timeout_seconds=model.timeout_seconds, memory_bytes=model.memory_limit_bytes
            ),
            trusted=model.trust,
            local=local_files(step_name, model, self.layout.root),
            expected_failure=model.expect == "failed",
        )
        self.jobs[job.task] = job

    def _add_catalog(self) -> None:
        step = STEPS["catalog"]
        self.jobs["catalog"] = Job(
            task="catalog",
            step=step,
            model=None,
            parameters=parameters.catalog_parameters(self.zoo),
            folder=self.layout.state / "catalog",
            reads={
                f"card:{model.name}": self.jobs[f"card:{model.name}"] for model in self.zoo.models
            },
            needs=frozenset(),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )

    def _add_site(self) -> None:
        self.jobs["site"] = Job(
            task="site",
            step=STEPS["site"],
            model=None,
            parameters=parameters.site_parameters(self.zoo),
            folder=self.layout.state / "site",
            reads={"catalog": self.jobs["catalog"]},
            needs=frozenset({"catalog"}),
            root=self.layout.root,
            temporary=self.layout.temporary,
        )


def load_graph(root: Path) -> Graph:
    """Read the manifest in a folder and lay out its graph.

    The garbage collector is off from here on: there are many objects now and no garbage. A
    command that goes on for long turns it on again.

    Raises:
        ManifestError: The manifest has faults.
    """
    gc.disable()
    root = root.resolve()
    zoo = load_manifest(root / MANIFEST)
    layout = Layout(root=root, output=zoo.output)
    return Graph(zoo, layout, Session(cache=cache_folder(os.environ)))


def _task(key: str, model: str) -> str:
    """Return the task of a step of a model: ("variant:base", "m") is "variant:m:base"."""
    step, _, variant = key.partition(":")
    return f"{step}:{model}:{variant}" if variant else f"{step}:{model}"
