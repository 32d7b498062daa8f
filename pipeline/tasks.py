"""Tasks: jobs as doit sees them.

doit's database is a cache here. Its stamp of a job says "nothing was touched since" in a
few system calls; where it does not, or is lost, the receipt decides.
"""

import contextlib
import inspect
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.canonical import digest_json, format_json
from pipeline.dist import find_fault, load_placed, load_projection, project
from pipeline.files import write_atomic
from pipeline.graph import Graph
from pipeline.layout import Layout
from pipeline.report.events import StepEvent, emit
from pipeline.steps.job import Job
from pipeline.steps.run import run_job
from pipeline.steps.session import Session
from pipeline.timings import TIMINGS_FILE, collect_timings
from pipeline.versions import installed_version

Task = dict[str, Any]

# Every distribution that a receipt may name: while none changed, no receipt is read for it.
_TOOLS = ("numpy", "tensorflow", "tensorflowjs", "tf-keras", "tfjs-zoo")


class UpToDate:
    """Whether nothing was touched since a job last ended; doit calls it.

    Where something was, the job itself reads its receipt and adopts what still stands. A
    failure has no stamp, so that every run tells it again.
    """

    # doit asks for it each time; found here it is not worked out ten thousand times.
    __signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name in ("task", "values")
        ]
    )

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, task: object, values: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Compare the stamp that doit kept with what is there now."""
        stamp = values.get("stamp")
        return stamp is not None and _is_current(self.job, stamp)

    def __repr__(self) -> str:
        """Say why the job runs; `doit info` prints it."""
        standing = self.job.standing()
        if standing.cause is not None:
            return standing.cause
        assert standing.outcome is not None
        if standing.outcome.status == "failed":
            return f"failed before, and is told again: {standing.outcome.reason}"
        return "something was touched; its result still stands"


def job_task(job: Job, session: Session) -> Task:
    """Return the task of a job."""
    basename, _, name = job.task.partition(":")
    task: Task = {
        "basename": basename,
        "actions": [(_run, [job, session])],
        "file_dep": [str(read.outcome_file) for read in job.reads.values()],
        "targets": [str(job.outcome_file)],
        "uptodate": [UpToDate(job)],
        "clean": [(_clean, [job])],
        "io": {"capture": False},
        "verbosity": 0,
    }
    if name:
        task |= {"name": name, "doc": f"{job.step.name} {name}"}
    return task


def step_tasks(graph: Graph, step: str, *, doc: str | None) -> Iterator[Task]:
    """Yield the tasks of one step, and what the group as a whole does on `clean`."""
    jobs = list(graph.of_step(step))
    yield {"basename": step, "name": None, "doc": doc, "clean": [(_clean_all, [jobs])]}
    for job in jobs:
        yield job_task(job, graph.session)


def model_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each model, that stands for all of its steps."""
    yield {"basename": "model", "name": None, "doc": doc}
    for model, jobs in graph.jobs_of_models().items():
        yield _group("model", model, [f"card:{model}"], jobs)


def tag_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each tag, that stands for all models that have it."""
    yield {"basename": "tag", "name": None, "doc": doc}
    jobs = graph.jobs_of_models()
    tagged = defaultdict(list)
    for model in graph.zoo.models:
        for tag in model.tags:
            tagged[tag].append(model.name)
    for tag, models in tagged.items():
        members = [job for model in models for job in jobs[model]]
        yield _group("tag", tag, [f"model:{model}" for model in models], members)


def _group(basename: str, name: str, members: list[str], jobs: list[Job]) -> Task:
    return {
        "basename": basename,
        "name": name,
        "actions": None,
        "task_dep": members,
        "clean": [(_clean_all, [jobs])],
    }


def dist_task(graph: Graph) -> Task:
    """Return the task that brings dist/ up to date with the catalog."""
    layout = graph.layout
    return {
        "basename": "dist",
        "actions": [(_project, [graph])],
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
    return {"stamp": _stamp(job)}


def _folders(folder: Path) -> list[str]:
    """List a folder and those below it: removing a file changes the time of one of them."""
    return [str(folder), *(str(path) for path in sorted(folder.rglob("*")) if path.is_dir())]


def _stamp(job: Job) -> dict[str, Any]:
    """Return what changes when a job's result may no longer stand."""
    folders = _folders(job.folder) if job.folder.is_dir() else []
    return {
        "folders": {folder: os.stat(folder).st_mtime_ns for folder in folders},  # noqa: PTH116
        "local": job.local.state() if job.local is not None else None,
        "parameters": digest_json([job.step.version, job.parameters]),
        "tools": _toolchain(),
    }


def _is_current(job: Job, stamp: Mapping[str, Any]) -> bool:
    """Tell, by a few system calls, whether a stamp still holds."""
    try:
        for folder, modified in stamp["folders"].items():
            if os.stat(folder).st_mtime_ns != modified:  # noqa: PTH116  # half of Path.stat's time
                return False
    except OSError:
        return False
    return bool(
        stamp["tools"] == _toolchain()
        and stamp["parameters"] == digest_json([job.step.version, job.parameters])
        and (job.local is None or job.local.is_current(stamp["local"]))
    )


@cache
def _toolchain() -> str:
    return digest_json([installed_version(tool) for tool in _TOOLS])


def _clean(job: Job) -> None:
    """Remove a job's results."""
    shutil.rmtree(job.folder, ignore_errors=True)
    shutil.rmtree(job.failed_folder, ignore_errors=True)
    for file in (job.outcome_file, job.since_file):
        file.unlink(missing_ok=True)
    for folder in (job.folder.parent, job.folder.parent.parent):
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()


def _clean_all(jobs: list[Job]) -> None:
    for job in jobs:
        _clean(job)


def _project(graph: Graph) -> None:
    emit(StepEvent(task="dist", model=None, status="started"))
    layout = graph.layout
    project(
        load_projection(layout.state / "catalog" / "projection.json"),
        state=layout.state,
        dist=layout.dist,
        state_file=layout.dist_state,
    )
    write_atomic(layout.dist / TIMINGS_FILE, format_json(collect_timings(graph.jobs.values())))
    emit(StepEvent(task="dist", model=None, status="ok"))


def _is_projected(layout: Layout) -> bool:
    projection = load_projection(layout.state / "catalog" / "projection.json")
    return find_fault(projection, load_placed(layout.dist_state), layout.dist) is None


def _clean_dist(layout: Layout) -> None:
    for path in load_placed(layout.dist_state):
        (layout.dist / path).unlink(missing_ok=True)
    (layout.dist / TIMINGS_FILE).unlink(missing_ok=True)
    layout.dist_state.unlink(missing_ok=True)
