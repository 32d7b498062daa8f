"""The task of dist/: it brings dist/ up to date with what the catalog and the site list."""

import contextlib
from collections.abc import Iterable
from typing import Any

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.layout import REPORT_FILES, Layout
from pipeline.disk.machine_faults import machine_error
from pipeline.engine.events import StepEvent, emit
from pipeline.engine.job import Job
from pipeline.engine.receipt import RECEIPT
from pipeline.errors import DamagedBuildError, DamagedFileError, MachineError, PipelineError
from pipeline.steps.dist import find_fault, load_placed, load_projection, project, remove_file
from pipeline.steps.graph import Graph
from pipeline.steps.timings import TIMINGS_FILE, update_timings


def dist_task(graph: Graph) -> dict[str, Any]:
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
        write_atomic(timings, format_json(update_timings(timings, graph)))
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
        placed = load_placed(layout.dist_state)
    except (OSError, DamagedFileError):
        return False
    timings = layout.dist / TIMINGS_FILE
    return timings.exists() and find_fault(projection, placed, layout.dist) is None


def _clean_dist(layout: Layout) -> None:
    for path in (*load_placed(layout.dist_state), TIMINGS_FILE, *REPORT_FILES):
        remove_file(layout.dist, path)
    with contextlib.suppress(OSError):  # it holds other files, or is gone
        layout.dist.rmdir()
    layout.dist_state.unlink(missing_ok=True)
