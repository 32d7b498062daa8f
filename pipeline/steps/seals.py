"""Seals: whether all jobs of a model are up to date, without making one of its jobs.

When a run ends, each model whose jobs all have a stamp gets a seal: the stamps' times of change in
one list, and a digest of the model in the manifest, from which the jobs' parameters follow. As long
as manifest, code, tools and files are the same, every stamp would match, so a run gives doit only
the tasks of the other models. A seal is as strict as the quick check of each job.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.disk.versions import installed_version
from pipeline.engine.database import CacheDatabase
from pipeline.engine.job import Job
from pipeline.engine.quick_check import digest_parameters, digest_versions
from pipeline.manifest.model import Model
from pipeline.steps.graph import Graph
from pipeline.steps.table import MODEL_STEPS

_PACKAGE = Path(__file__).parents[1]
# What doit keeps of a task that it does not ignore.
_KEPT = frozenset({"_values_:", "checker:", "deps:"})


class Seals:
    """The seals of a zoo.

    Args:
        graph: The zoo.
        database: Where the seals are.
    """

    def __init__(self, graph: Graph, database: CacheDatabase) -> None:
        self._graph = graph
        self._database = database

    def find_sealed(self) -> dict[str, int]:
        """Return the models whose seals are unbroken, each with the number of its jobs."""
        counts = {name: self._count_sealed(name) for name in self._graph.models}
        return {name: number for name, number in counts.items() if number}

    def _count_sealed(self, model: str) -> int:
        """Return the number of a model's jobs; 0 if its seal is broken."""
        try:
            seal = self._database.seal(model)
            whole = seal is not None and self._is_whole(self._graph.models[model], seal)
            return int(seal["steps"]) if whole else 0
        except Exception:  # noqa: BLE001  # on any fault of a seal the jobs are looked at
            return 0

    def renew(self, models: Iterable[str]) -> None:
        """Seal the models whose jobs all have a stamp; their old seals are gone."""
        for model in models:
            jobs = self._graph.jobs_of(model).values()
            seal = _make_seal(jobs, self._database, self._graph.layout.build / model)
            key = digest_model(self._graph.models[model])
            self._database.set_seal(model, seal and {**seal, "model": key})

    def finish(self, models: Iterable[str]) -> None:
        """Seal the last models of a run, and forget those that the manifest no longer has."""
        self.renew(models)
        self._database.keep(self._graph.models)

    def _is_whole(self, model: Model, seal: Mapping[str, Any]) -> bool:
        if seal["model"] != digest_model(model):
            return False
        folder = f"{self._graph.layout.build}/{model.name}/"
        for path, modified in seal["files"].items():
            if os.stat(folder + path).st_mtime_ns != modified:  # noqa: PTH116  # called often
                return False
        return not seal["local"] or self._is_current(model, seal["local"])

    def _is_current(self, model: Model, states: Mapping[str, Any]) -> bool:
        """Return whether the files beside the manifest that a model reads have not changed."""
        for each in MODEL_STEPS:
            if each.step.name in states:
                local = each.local_files(model, self._graph.layout.root)
                if local is None or not local.is_current(states[each.step.name]):
                    return False
        return True


def digest_model(model: Model) -> str:
    """Return the digest of all that decides the parameters of a model's jobs, and of the tools."""
    # A field that is given and equal to the default may be more than one that is not given.
    texts = (_digest_code(), model.model_dump_json(), model.model_dump_json(exclude_unset=True))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


@cache
def _digest_code() -> str:
    """Return a digest of this program: its files' sizes and times, and the tools of all steps."""
    found = [sys.version, installed_version("pydantic")]
    found.append(digest_versions(frozenset().union(*(each.step.tools for each in MODEL_STEPS))))
    for folder, _, names in sorted(os.walk(_PACKAGE)):
        for name in sorted(names):
            if not name.endswith(".pyc"):
                stat = os.stat(f"{folder}/{name}")  # noqa: PTH116  # called often
                found.append(f"{folder}/{name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(map(str, found)).encode()).hexdigest()


def _make_seal(jobs: Iterable[Job], database: CacheDatabase, folder: Path) -> dict[str, Any] | None:
    """Return the seal of a model's jobs from their stamps; None if one has none that matches."""
    files: dict[str, int] = {}
    local: dict[str, Any] = {}
    steps = 0
    for job in jobs:
        kept = database.values(job.task)
        stamp = kept.get("_values_:", {}).get("stamp")
        if not stamp or kept.keys() - _KEPT or not _is_of(stamp, job, files, folder):
            return None
        where = job.folder.relative_to(folder).as_posix()
        files |= {f"{where}/{name}": time for name, time in stamp["folders"].items()}
        files[_outcome(job.outcome_file, folder)] = stamp["outcome"]
        if job.local is not None:
            local[job.step.name] = stamp["local"] or {}
        steps += 1
    return {"files": files, "local": local, "steps": steps}


def _is_of(stamp: Mapping[str, Any], job: Job, files: Mapping[str, int], folder: Path) -> bool:
    """Return whether a stamp is that of a job, and of the results that it reads."""
    read = [files.get(_outcome(one.outcome_file, folder)) for one in job.reads.values()]
    return bool(
        stamp["reads"] == read
        and stamp["parameters"] == digest_parameters(job)
        and stamp["tools"] == digest_versions(job.step.tools)
    )


def _outcome(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
