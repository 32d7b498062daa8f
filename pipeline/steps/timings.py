"""Timings: the time and memory of each step, in `dist/timings.json`.

They vary from run to run, so they are kept out of the catalog, the receipts and every digest.
"""

from pathlib import Path
from typing import Any

from pipeline.disk.json_file import load_json
from pipeline.engine.database import model_of
from pipeline.steps.graph import Graph

TIMINGS_FILE = "timings.json"


def update_timings(file: Path, graph: Graph) -> dict[str, dict[str, Any]]:
    """Return the time and memory of the last run of each job, by task.

    Models that are up to date as a whole keep the figures that the file has.

    Args:
        file: The timings of the last run.
        graph: The zoo.

    Returns:
        `seconds`, `peakRssBytes` of the child process (None without one) and `finished` (UTC), by
        the task's name.
    """
    timings = _load_sealed(file, graph)
    if timings is None:
        timings, jobs = {}, iter(graph.jobs.values())
    else:
        jobs = graph.each_wanted()
    for job in jobs:
        measured = load_json(job.folder / "run.json")
        if measured is not None and isinstance(measured.value, dict):
            timings[job.task] = measured.value
    return timings


def _load_sealed(file: Path, graph: Graph) -> dict[str, dict[str, Any]] | None:
    """Return the kept figures of the models that have no tasks; None if the file lacks a model."""
    stored = (
        load_json(file) if set(graph.wanted) | graph.sealed.keys() == set(graph.models) else None
    )
    if stored is None or not isinstance(stored.value, dict):
        return None
    kept = {task: took for task, took in stored.value.items() if model_of(task) in graph.sealed}
    return kept if {*map(model_of, kept)} == graph.sealed.keys() else None
