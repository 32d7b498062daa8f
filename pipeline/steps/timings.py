"""Timings: the time and memory of each step, in `dist/timings.json`.

They vary from run to run, so they are kept out of the catalog, the receipts and every digest.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.disk.json_file import load_json
from pipeline.engine.job import Job

TIMINGS_FILE = "timings.json"


def collect_timings(jobs: Iterable[Job]) -> dict[str, dict[str, Any]]:
    """Return the time and memory of the last run of each job, by task.

    Returns:
        `seconds`, `peakRssBytes` of the child process (None without one) and `finished` (UTC), by
        the task's name.
    """
    timings = {}
    for job in jobs:
        measured = load_json(job.folder / "run.json")
        if measured is not None and isinstance(measured.value, dict):
            timings[job.task] = measured.value
    return timings
