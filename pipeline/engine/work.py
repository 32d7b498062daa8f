"""Work: what a step's function gets, prepared before it is called and recorded after it.

The run on this machine and the worker of a cluster use the same.
"""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.disk.canonical import format_json
from pipeline.disk.clock import utc_now
from pipeline.disk.versions import installed_version
from pipeline.engine.events import StepEvent, emit
from pipeline.engine.job import Job
from pipeline.engine.outcome import Outcome
from pipeline.engine.receipt import (
    RECEIPT,
    Ingredients,
    Receipt,
    explain_loss,
    format_receipt,
    list_outputs,
    load_receipt,
)
from pipeline.engine.session import Interrupted, Session
from pipeline.engine.step import Earlier, Work
from pipeline.workers.limits import Budget


def prepare_work(job: Job, session: Session, outcomes: Mapping[str, Outcome]) -> Work[Any]:
    """Make the folder of a piece of work, and start its time.

    Args:
        job: The job.
        session: The run, or the worker of a cluster.
        outcomes: Outcome of each step that the job reads, by key; those that are known.
    """
    job.temporary.mkdir(parents=True, exist_ok=True)
    try:
        folder = Path(tempfile.mkdtemp(dir=job.temporary, prefix=f"{job.step.name}-"))
    except OSError as error:
        error.filename = str(job.folder)
        raise
    folder.chmod(0o755)
    budget = Budget(job.limits)
    return Work(
        task=job.task,
        model=job.model,
        step=job.step,
        parameters=job.parameters,
        inputs={key: read.folder for key, read in job.reads.items()},
        outcomes=outcomes,
        folder=folder,
        log=folder / "log.txt",
        root=job.root,
        cache=session.cache,
        refresh=session.refresh,
        progress=partial(_progress, job, session, None),
        count_runs=partial(_progress, job, session, "run"),
        heartbeat=partial(_check_time, session, job.task, budget),
        trusted=job.trusted,
        budget=budget,
        submit=session.submit,
        share=session.share,
    )


def find_earlier(job: Job) -> Earlier | None:
    """Return the last success of a job, whose parts a new one may take over."""
    receipt = load_receipt(job.folder)
    if receipt is None or receipt.version != job.step.version:
        return None
    if any(installed_version(tool) != found for tool, found in receipt.tools.items()):
        return None
    if explain_loss(receipt, job.folder) is not None:
        return None
    digests = {output.path: output.sha256 for output in receipt.outputs}
    return Earlier(folder=job.folder, digests=digests)


def used_tools(work: Work[Any]) -> Mapping[str, str | None]:
    """Return the versions of the tools that a piece of work used, sorted by name."""
    return dict(sorted(work.tools.items()))


def make_receipt(work: Work[Any], ingredients: Ingredients) -> Receipt:
    """Return the receipt of the files that a piece of work has made."""
    return Receipt(
        **vars(ingredients),
        tools=used_tools(work),
        outputs=list_outputs(work.folder),
        kept_here=bool(work.kept_here),
    )


def write_records(work: Work[Any], receipt: Receipt, seconds: float) -> None:
    """Write receipt and figures into the folder of a piece of work."""
    run = {
        "finished": utc_now(),
        "seconds": round(seconds, 3),
        "peakRssBytes": max(work.peak_rss_bytes, default=None),
        **work.measured,
    }
    (work.folder / "run.json").write_bytes(format_json(run))
    (work.folder / RECEIPT).write_bytes(format_receipt(receipt))


def refuse_if_closed(session: Session) -> None:
    """End a step that still runs after its run was interrupted, without a failure."""
    if session.closed:
        raise Interrupted from None


def _check_open(session: Session, *_progress: object) -> None:
    if session.closed:
        raise Interrupted


def _check_time(session: Session, task: str, budget: Budget, *_progress: object) -> None:
    _check_open(session)
    budget.check(task)


def _progress(job: Job, session: Session, unit: str | None, done: int, total: int | None) -> None:
    _check_open(session)
    task, model = job.task, job.model
    emit(StepEvent(task=task, model=model, status="progress", done=done, total=total, unit=unit))
