"""Timings: the time and memory of each step, in `dist/timings.json`.

They vary from run to run, so they are kept out of the catalog, the receipts and every digest.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.canonical import format_json
from pipeline.disk.json_file import load_json
from pipeline.engine.database import model_of
from pipeline.steps.graph import Graph

TIMINGS_FILE = "timings.json"
# The canonical text of objects in an object; one that is longer stands farther to the right.
_OPEN, _AFTER_NAME, _NEXT, _CLOSE = b"{\n", b'": {\n', b"\n  },\n", b"\n  }\n}\n"


def update_timings(file: Path, graph: Graph) -> bytes:
    """Return the time and memory of the last run of each job, by task, as the text of the file.

    Models that are up to date as a whole keep the text that the file has.

    Args:
        file: The timings of the last run.
        graph: The zoo.

    Returns:
        `seconds`, `peakRssBytes` of the child process (None without one) and `finished` (UTC), by
        the task's name.
    """
    texts = _load_sealed(file, graph)
    if texts is None:
        texts, jobs = {}, iter(graph.jobs.values())
    else:
        jobs = graph.each_wanted()
    for job in jobs:
        measured = load_json(job.folder / "run.json")
        if measured is not None and measured.value and isinstance(measured.value, dict):
            texts[job.task] = _format(job.task, measured.value)
    if not texts:
        return format_json({})
    return _OPEN + _NEXT.join(texts[task] for task in sorted(texts)) + _CLOSE


def _format(task: str, measured: Mapping[str, Any]) -> bytes:
    """Return the text of a task between its neighbours: '  "card:one": {…'."""
    return format_json({task: measured})[len(_OPEN) : -len(_CLOSE)]


def _load_sealed(file: Path, graph: Graph) -> dict[str, bytes] | None:
    """Return the kept texts of the models that have no tasks; None if the file lacks a model."""
    if set(graph.wanted) | graph.sealed.keys() != set(graph.models) or load_json(file) is None:
        return None
    content = file.read_bytes()
    parts = content[len(_OPEN) : -len(_CLOSE)].split(_NEXT)
    named = ((part[3 : part.find(_AFTER_NAME)].decode(), part) for part in parts)
    kept = {task: part for task, part in named if model_of(task) in graph.sealed}
    return kept if {*map(model_of, kept)} == graph.sealed.keys() else None
