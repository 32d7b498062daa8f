"""Tasks: jobs as doit sees them.

doit's database is a cache here. Its stamp of a job says "nothing was touched since" in a
few system calls; where it does not, or is lost, the receipt decides.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.canonical import digest_json
from pipeline.dist import find_fault, load_placed, load_projection, project
from pipeline.graph import Graph
from pipeline.layout import Layout
from pipeline.report.events import StepEvent, emit
from pipeline.steps.job import Job
from pipeline.steps.outcome import load_outcome
from pipeline.steps.run import run_job
from pipeline.steps.session import Session
from pipeline.versions import installed_version

Task = dict[str, Any]

# Every distribution that a receipt may name: while none changed, no receipt is read for it.
_TOOLS = ("numpy", "tensorflow", "tensorflowjs", "tf-keras", "tfjs-zoo")


class UpToDate:
    """Whether a job's result stands; doit calls it, and prints it in `doit info`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cause: str | None = None

    def __call__(self, task: object, values: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Say whether nothing has to be done; a failure always has to be told again."""
        stamp = values.get("stamp")
        if stamp is not None and stamp == _stamp(self.job, stamp["folders"]):
            return True
        standing = self.job.standing()
        self.cause = standing.cause
        if standing.outcome is None:
            return False
        if standing.outcome.status == "failed":
            self.cause = f"failed before: {standing.outcome.reason}"
            return False
        if load_outcome(self.job.outcome_file) != standing.outcome:
            self.cause = "an earlier result is taken up again"
            return False
        return True

    def __repr__(self) -> str:
        """Say why the job has to run."""
        return self.cause or "up to date"


def job_task(job: Job, session: Session) -> Task:
    """Return the task of a job."""
    basename, _, name = job.task.partition(":")
    task: Task = {
        "basename": basename,
        "doc": f"{job.step.name} {job.model or 'the zoo'}",
        "actions": [(_run, [job, session])],
        "file_dep": [str(read.outcome_file) for read in job.reads.values()],
        "targets": [str(job.outcome_file)],
        "uptodate": [UpToDate(job)],
        "clean": [(_clean, [job])],
        "io": {"capture": False},
        "verbosity": 0,
    }
    if name:
        task["name"] = name
    return task


def step_tasks(graph: Graph, step: str, *, doc: str | None) -> Iterator[Task]:
    """Yield the tasks of one step, and what the group as a whole does on `clean`."""
    jobs = list(graph.of_step(step))
    yield {"basename": step, "name": None, "doc": doc, "clean": [(_clean_all, [jobs])]}
    for job in jobs:
        yield job_task(job, graph.session)


def group_tasks(
    basename: str, groups: Mapping[str, list[str]], *, doc: str | None
) -> Iterator[Task]:
    """Yield a task for each group of tasks, that runs them and does nothing else."""
    yield {"basename": basename, "name": None, "doc": doc}
    for name, members in groups.items():
        yield {"basename": basename, "name": name, "actions": None, "task_dep": members}


def dist_task(graph: Graph) -> Task:
    """Return the task that brings dist/ up to date with the catalog."""
    layout = graph.layout
    return {
        "basename": "dist",
        "actions": [(_project, [layout])],
        "file_dep": [str(graph.jobs["catalog"].outcome_file)],
        "uptodate": [(_is_projected, [layout])],
        "clean": [(_clean_dist, [layout])],
        "io": {"capture": False},
        "verbosity": 0,
    }


def _run(job: Job, session: Session) -> dict[str, Any]:
    outcome = run_job(job, session)
    if outcome.status == "failed":
        return {"stamp": None}
    folders = [folder for folder in _folders(job.folder)] if job.folder.is_dir() else []
    return {"stamp": _stamp(job, folders)}


def _folders(folder: Path) -> list[str]:
    """List a folder and those below it: removing a file changes the time of one of them."""
    return [str(folder), *(str(path) for path in sorted(folder.rglob("*")) if path.is_dir())]


def _stamp(job: Job, folders: list[str]) -> dict[str, Any] | None:
    """Return what changes when a job's result may no longer stand, cheaply."""
    try:
        times = [os.stat(folder).st_mtime_ns for folder in folders]  # noqa: PTH116  # quicker
        local = job.local_state() if job.local_state is not None else None
    except OSError:
        return None
    parameters = digest_json([job.step.version, job.parameters])
    return {
        "folders": folders,
        "times": times,
        "local": local,
        "parameters": parameters,
        "tools": _toolchain(),
    }


@cache
def _toolchain() -> str:
    return digest_json([installed_version(tool) for tool in _TOOLS])


def _clean(job: Job) -> None:
    """Remove a job's results."""
    shutil.rmtree(job.folder, ignore_errors=True)
    shutil.rmtree(job.failed_folder, ignore_errors=True)
    for file in (job.outcome_file, job.since_file):
        file.unlink(missing_ok=True)


def _clean_all(jobs: list[Job]) -> None:
    for job in jobs:
        _clean(job)


def _project(layout: Layout) -> None:
    emit(StepEvent(task="dist", model=None, status="started"))
    projection = load_projection(layout.state / "catalog" / "projection.json")
    project(
        projection,
        state=layout.state,
        dist=layout.dist,
        state_file=layout.dist_state,
    )
    emit(StepEvent(task="dist", model=None, status="ok"))


def _is_projected(layout: Layout) -> bool:
    projection = load_projection(layout.state / "catalog" / "projection.json")
    return find_fault(projection, load_placed(layout.dist_state), layout.dist) is None


def _clean_dist(layout: Layout) -> None:
    for path in load_placed(layout.dist_state):
        (layout.dist / path).unlink(missing_ok=True)
    layout.dist_state.unlink(missing_ok=True)
