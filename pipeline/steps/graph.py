"""The graph of a zoo: its jobs, the jobs that each reads, and their folders.

Of a graph only the parts are made that somebody asks for, and a module is imported with the part
that needs it. TensorFlow and numpy are never imported.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.disk.layout import Layout
from pipeline.engine.database import model_of
from pipeline.steps.wish import current_wish

if TYPE_CHECKING:
    from pipeline.engine.job import Job
    from pipeline.engine.session import Session
    from pipeline.manifest.model import Model
    from pipeline.manifest.zoo import Zoo
    from pipeline.steps.jobs import JobMaker

MANIFEST = "models.yaml"


class Graph:
    """The jobs of a zoo. Those of a model are made when one of them is asked for.

    root: Absolute folder of models.yaml.
    jobs: All jobs by their task's name, each after those that it reads.
    most_kept: Number of models whose jobs are kept for the next request; None for all.
    sealed: The models that are left out because they are up to date, with their numbers of jobs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs: Mapping[str, Job] = _Jobs(self)
        self.most_kept: int | None = None
        self.sealed: Mapping[str, int] = {}
        self._made: dict[str, dict[str, Job]] = {}
        self._num_jobs: dict[str, int] = {}

    @cached_property
    def zoo(self) -> "Zoo":
        """The manifest.

        Raises:
            ManifestError: It is missing, or has faults.
        """
        from pipeline.manifest.load import load_manifest

        return load_manifest(self.root / MANIFEST)

    @cached_property
    def models(self) -> "Mapping[str, Model]":
        """The models by name, in the manifest's order."""
        return {model.name: model for model in self.zoo.models}

    @cached_property
    def wanted(self) -> Sequence[str]:
        """The models that the command at work needs."""
        return list(self.models)

    @cached_property
    def loaded(self) -> Sequence[str]:
        """Those of them of which doit gets the tasks at once."""
        return self.wanted

    @cached_property
    def layout(self) -> Layout:
        """The paths of the zoo."""
        return Layout(root=self.root, output=self.zoo.output)

    @property
    def database(self) -> Path:
        """Doit's database, the path of which no field of the manifest changes."""
        return Layout(root=self.root).database

    @cached_property
    def session(self) -> "Session":
        """The state that the jobs of a run share."""
        from pipeline.disk.layout import cache_folder
        from pipeline.engine.session import Session

        return Session(cache=cache_folder(os.environ))

    @cached_property
    def of_zoo(self) -> "Mapping[str, Job]":
        """The jobs of the zoo as a whole by task: the catalog and the site."""
        return self._maker.make_zoo_jobs()

    @cached_property
    def refreshable(self) -> set[str]:
        """The fetches whose source may change at its address."""
        from pipeline.steps.jobs import find_refreshable

        return find_refreshable(self.zoo.models)

    def of_step(self, step: str) -> "Iterator[Job]":
        """Iterate over the jobs of one step, in the manifest's order."""
        return (job for job in self.jobs.values() if job.step.name == step)

    def jobs_of_models(self) -> "Mapping[str, list[Job]]":
        """Return the jobs of each model, each after those that it reads."""
        return _JobsOfModels(self)

    def jobs_of(self, model: str) -> "Mapping[str, Job]":
        """Return the jobs of a model by task, each after those that it reads."""
        if model not in self._made:
            jobs = self._maker.make_jobs(self.models[model])
            if self.most_kept is not None and len(self._made) >= self.most_kept:
                del self._made[next(iter(self._made))]
            self._made[model] = jobs
            self._num_jobs[model] = len(jobs)
        return self._made[model]

    def count_wanted(self) -> int:
        """Return the number of jobs that the command at work needs."""
        models = (self._num_jobs.get(name) or len(self.jobs_of(name)) for name in self.wanted)
        return sum(models) + len(self.of_zoo)

    def each_wanted(self) -> "Iterator[Job]":
        """Iterate over the jobs that the command at work needs, each after those that it reads."""
        for model in self.wanted:
            yield from self.jobs_of(model).values()
        yield from self.of_zoo.values()

    @cached_property
    def _maker(self) -> "JobMaker":
        from pipeline.steps.jobs import JobMaker

        return JobMaker(zoo=self.zoo, layout=self.layout)


class _Jobs(Mapping[str, "Job"]):
    """All jobs of a graph by task: model by model, then those of the zoo."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getitem__(self, task: str) -> "Job":
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


class _JobsOfModels(Mapping[str, "list[Job]"]):
    """The jobs of a graph by model."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getitem__(self, model: str) -> "list[Job]":
        if model not in self._graph.models:
            raise KeyError(model)
        return list(self._graph.jobs_of(model).values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.models)

    def __len__(self) -> int:
        return len(self._graph.models)


def load_graph(root: Path) -> Graph:
    """Return the graph of the manifest in a folder, which is read unless no command needs it.

    Raises:
        ManifestError: The manifest has faults.
    """
    graph = Graph(root.resolve())
    if current_wish().kind != "groups":
        _ = graph.zoo
    return graph
