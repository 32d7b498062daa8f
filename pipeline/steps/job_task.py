"""The task of a job: what doit runs, looks at and cleans."""

import contextlib
import shutil
from collections.abc import Iterable
from typing import Any

from pipeline.engine.job import Job
from pipeline.engine.quick_check import UpToDate, local_state, make_stamp
from pipeline.engine.run_job import run_job
from pipeline.engine.session import Session

Task = dict[str, Any]


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
        "clean": [(clean_jobs, [[job]])],
        "io": {"capture": False},
        "verbosity": 0,
    }
    if name:
        task |= {"name": name, "doc": f"{job.step.name} {name}"}
    return task


def clean_jobs(jobs: Iterable[Job]) -> None:
    """Remove the results of jobs."""
    for job in jobs:
        _clean(job)


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
