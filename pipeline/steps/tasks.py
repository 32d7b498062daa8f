"""Tasks: the jobs in the form of doit."""

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline.disk.files import write_atomic
from pipeline.disk.layout import REPORT_FILES, Layout
from pipeline.disk.machine_faults import machine_error
from pipeline.engine.events import StepEvent, emit
from pipeline.engine.job import Job
from pipeline.engine.quick_check import UpToDate, local_state, make_stamp
from pipeline.engine.receipt import RECEIPT
from pipeline.engine.run_job import run_job
from pipeline.engine.session import Session
from pipeline.errors import DamagedBuildError, DamagedFileError, MachineError, PipelineError
from pipeline.steps.dist import find_fault, project, remove_file
from pipeline.steps.graph import Graph
from pipeline.steps.placed import load_placed, load_placed_list
from pipeline.steps.projection import load_projection
from pipeline.steps.timings import TIMINGS_FILE, update_timings

Task = dict[str, Any]
_AT_A_TIME = 100


def job_task(job: Job, session: Session, *, after: Iterable[str] | None = None) -> Task:
    """Return the task of a job.

    Args:
        job: The job.
        session: The run.
        after: The tasks to run before it; None for those of all jobs that it reads.
    """
    basename, _, name = job.task.partition(":")
    task: Task = {
        "basename": basename,
        "actions": [(_run, [job, session])],
        # No file_dep: if the disk could not take the file, doit would stop the whole run.
        "task_dep": [read.task for read in job.reads.values()] if after is None else list(after),
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
    """Yield the tasks of one step, and the group's own task for `clean`."""
    jobs = [job for name in graph.loaded for job in graph.jobs_of(name).values()]
    jobs = [job for job in jobs if job.step.name == step]
    yield {"basename": step, "name": None, "doc": doc, "clean": [(_clean_all, [jobs])]}
    for job in jobs:
        yield job_task(job, graph.session)


def model_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each model that groups all of its steps."""
    yield {"basename": "model", "name": None, "doc": doc}
    for model in graph.loaded:
        yield _model_task(graph, model)


def _model_task(graph: Graph, model: str) -> Task:
    return _group("model", model, [f"card:{model}"], list(graph.jobs_of(model).values()))


def tasks_of(graph: Graph, model: str) -> Iterator[Task]:
    """Yield the tasks of one model: those of its steps, and the one that groups them."""
    for job in graph.jobs_of(model).values():
        yield job_task(job, graph.session)
    yield _model_task(graph, model)


def default_tasks(models: Sequence[str]) -> list[str]:
    """Return the tasks of a run that names none, in their order.

    Model by model; in the order of the steps every fetch would come before any convert. The slow
    runs in a browser come last, of a large zoo after each hundred models.
    """
    tasks: list[str] = []
    for start in range(0, len(models), _AT_A_TIME):
        some = models[start : start + _AT_A_TIME]
        tasks += [f"verify:{model}" for model in some] + [f"model:{model}" for model in some]
    return [*tasks, "catalog", "site", "dist"]


def tag_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each tag that groups all models with the tag."""
    yield {"basename": "tag", "name": None, "doc": doc}
    jobs = graph.jobs_of_models()
    tagged = defaultdict(list)
    for model in graph.loaded:
        for tag in graph.models[model].tags:
            tagged[tag].append(model)
    for tag, models in tagged.items():
        members = [job for model in models for job in jobs[model]]
        yield _group("tag", tag, [f"model:{model}" for model in models], members)


def _group(basename: str, name: str, members: list[str], jobs: list[Job]) -> Task:
    return {
        "basename": basename,
        "name": name,
        "doc": f"all steps of the {basename} {name}",
        "actions": None,
        "task_dep": members,
        "clean": [(_clean_all, [jobs])],
    }


def catalog_task(graph: Graph, models: Iterable[str]) -> Task:
    """Return the task that assembles models.json, after the cards of these models."""
    after = [f"card:{model}" for model in models]
    return job_task(graph.jobs["catalog"], graph.session, after=after)


def dist_task(graph: Graph) -> Task:
    """Return the task that brings dist/ up to date with the catalog."""
    layout = graph.layout
    return {
        "basename": "dist",
        "actions": [(_project, [graph])],
        "task_dep": ["catalog", "site"],
        "uptodate": [(_is_projected, [layout])],
        "clean": [(_clean_dist, [layout])],
        "io": {"capture": False},
        "verbosity": 0,
    }


def _run(job: Job, session: Session) -> dict[str, Any]:
    before = local_state(job)
    outcome = run_job(job, session)
    return {"stamp": make_stamp(job, outcome, before)}


def _clean(job: Job) -> None:
    """Remove a job's results."""
    for folder in (job.folder, job.previous_folder, job.failed_folder):
        shutil.rmtree(folder, ignore_errors=True)
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
    try:
        project(
            load_projection(layout.projections),
            state=layout.state,
            dist=layout.dist,
            state_file=layout.dist_state,
        )
        timings = layout.dist / TIMINGS_FILE
        write_atomic(timings, update_timings(timings, graph))
    except DamagedBuildError as error:
        _forget_results(graph.jobs_of_models().get(error.model, ()))
        _emit_failure(error)
    except DamagedFileError as error:
        _forget_results(graph.jobs[step] for step in ("catalog", "site"))
        _emit_failure(error, hint="the next run makes it again")
    except (OSError, MemoryError) as error:
        _emit_failure(machine_error(error, root=layout.root, file=layout.dist))
    else:
        emit(StepEvent(task="dist", model=None, status="ok"))


def _forget_results(jobs: Iterable[Job]) -> None:
    """Let the next run make results again."""
    for job in jobs:
        with contextlib.suppress(OSError):
            (job.folder / RECEIPT).unlink()


def _emit_failure(error: PipelineError, *, hint: str | None = None) -> None:
    emit(
        StepEvent(
            task="dist",
            model=None,
            status="failed",
            reason=error.message,
            hint=hint or error.hint,
            retry=True,
            fault=error.fault if isinstance(error, MachineError) else None,
        )
    )


def _is_projected(layout: Layout) -> bool:
    try:
        projection = load_projection(layout.projections)
        placed = load_placed_list(layout.dist_state)
        timings = layout.dist / TIMINGS_FILE
        return timings.exists() and find_fault(projection, placed, layout.dist) is None
    except (OSError, DamagedFileError):
        return False


def _clean_dist(layout: Layout) -> None:
    for path in (*load_placed(layout.dist_state), TIMINGS_FILE, *REPORT_FILES):
        remove_file(layout.dist, path)
    with contextlib.suppress(OSError):  # it holds other files, or is gone
        layout.dist.rmdir()
    layout.dist_state.unlink(missing_ok=True)
