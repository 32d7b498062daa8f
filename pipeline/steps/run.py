"""Running a job: its step's function, in a folder that appears only when it is whole.

The order of things keeps a build whole whatever kills it: the step writes into a
temporary folder; its receipt is written last there; the folder is renamed into place;
then the outcome is written. A job that finds a receipt of just its ingredients adopts
the folder at once, so a lost database costs nothing.

The folder of the last success stays until a new success replaces it, also while the step
fails: it is what a catalog goes on offering. A failure has a folder of its own,
`<step>.failed`, whose receipt keeps it from being repeated where it would only repeat.
"""

import errno
import shutil
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline.canonical import format_json
from pipeline.errors import PipelineError
from pipeline.files import write_atomic
from pipeline.report.events import StepEvent, emit
from pipeline.steps.job import Job, successful, unsuccessful
from pipeline.steps.outcome import Outcome, load_outcome, write_outcome
from pipeline.steps.receipt import (
    RECEIPT,
    Failure,
    Receipt,
    explain_loss,
    format_receipt,
    list_outputs,
    load_receipt,
)
from pipeline.steps.session import (
    MEMORY_LIMIT_BYTES,
    TIMEOUT_SECONDS,
    Interrupted,
    Session,
)
from pipeline.steps.step import StepSkipped, Work

# What a disk says that is full, or must not be written.
DISK_FAULTS = {errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS}

EndStatus = Literal["ok", "failed", "skipped", "adopted", "remembered"]


def run_job(job: Job, session: Session) -> Outcome:
    """Bring a job's result up to date and say how it ended.

    Whatever its step raises becomes an outcome: one broken model never stops the others.
    """
    standing = job.standing()
    if standing.outcome is not None and not (session.force and standing.forcible):
        told = _told(standing.outcome)
        return _end(
            job, standing.outcome, told, failure=standing.failure, upstream=standing.upstream
        )
    emit(StepEvent(task=job.task, model=job.model, status="started", cause=standing.cause))
    forced = "asked for again" if session.refresh else "forced"
    return _make(job, session, standing.cause or forced)


def _told(outcome: Outcome) -> EndStatus:
    """Name what is told of an outcome that was not made in this run."""
    told: dict[str, EndStatus] = {"ok": "adopted", "failed": "remembered", "skipped": "skipped"}
    return told[outcome.status]


def _make(job: Job, session: Session, cause: str) -> Outcome:
    try:
        ingredients = job.ingredients()
    except PipelineError as error:
        # A file beside the manifest went away since it was looked at.
        gone = Failure(status="failed", reason=error.message, hint=error.hint, retry=True)
        return _end(job, unsuccessful(gone), "failed", failure=gone, cause=cause)
    work = _prepare(job, session)
    started = time.monotonic()
    failure = _call(job, work, session)
    seconds = time.monotonic() - started
    if failure is not None:
        _remove_all_but_log(work.folder)
    receipt = Receipt(
        ingredients=ingredients,
        tools=dict(sorted(work.tools.items())),
        outputs=() if failure else list_outputs(work.folder),
        failure=failure,
    )
    peak = max(work.peak_rss_bytes, default=None)
    run = {
        "finished": _now(),
        "seconds": round(seconds, 3),
        "peakRssBytes": peak,
        **work.measured,
    }
    (work.folder / "run.json").write_bytes(format_json(run))
    (work.folder / RECEIPT).write_bytes(format_receipt(receipt))
    if failure is None:
        _replace_folder(work.folder, job.folder, job.previous_folder)
        shutil.rmtree(job.failed_folder, ignore_errors=True)
    else:
        shutil.rmtree(job.failed_folder, ignore_errors=True)
        job.failed_folder.parent.mkdir(parents=True, exist_ok=True)
        work.folder.rename(job.failed_folder)
    outcome = unsuccessful(failure) if failure else successful(receipt)
    told = "; ".join([cause, *work.told])
    return _end(job, outcome, outcome.status, failure=failure, seconds=seconds, cause=told)


def _call(job: Job, work: Work, session: Session) -> Failure | None:
    """Call the step's function and translate what it raises."""
    try:
        job.step.load()(work)
    except Exception as error:  # noqa: BLE001  # one model's bug must not stop the others
        if session.closed:
            raise Interrupted from None
        return _translate(job, work, session, error)
    return None


def _translate(job: Job, work: Work, session: Session, error: Exception) -> Failure:
    if isinstance(error, StepSkipped):
        return Failure(status="skipped", reason=str(error))
    if isinstance(error, PipelineError):
        work.note(error.describe())
        # What was read may have been taken away meanwhile; then this is not the model's fault.
        return Failure(
            status="failed",
            reason=error.message,
            hint=error.hint,
            retry=error.retry or _inputs_are_lost(job),
        )
    if isinstance(error, OSError) and error.errno in DISK_FAULTS:
        work.note("".join(traceback.format_exception(error)))
        reason = f"{error.filename or 'the disk'}: {error.strerror}"
        return Failure(status="failed", reason=reason, hint="make room on the disk", retry=True)
    session.bugs.append(job.task)
    work.note("".join(traceback.format_exception(error)))
    first = (str(error).splitlines() or [""])[0]
    return Failure(
        status="failed",
        reason=f"internal error: {type(error).__name__}: {first}",
        hint="this is a bug of tfjs-zoo: please report it with the log",
        retry=True,
    )


def _inputs_are_lost(job: Job) -> bool:
    """Tell whether a folder that a job reads is no longer what its receipt says."""
    for key in job.needs:
        folder = job.reads[key].folder
        receipt = load_receipt(folder)
        if receipt is None or explain_loss(receipt, folder):
            return True
    return False


def _prepare(job: Job, session: Session) -> Work:
    job.temporary.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=job.temporary, prefix=f"{job.step.name}-"))
    folder.chmod(0o755)
    outcomes = {key: load_outcome(read.outcome_file) for key, read in job.reads.items()}
    return Work(
        task=job.task,
        model=job.model,
        parameters=job.parameters,
        inputs={key: read.folder for key, read in job.reads.items()},
        outcomes={key: outcome for key, outcome in outcomes.items() if outcome is not None},
        folder=folder,
        log=folder / "log.txt",
        root=job.root,
        cache=session.cache,
        refresh=session.refresh,
        progress=partial(_progress, job, session),
        heartbeat=partial(_check_open, session),
        timeout_seconds=job.bounds.timeout_seconds or TIMEOUT_SECONDS,
        memory_limit_bytes=job.bounds.memory_limit_bytes or MEMORY_LIMIT_BYTES,
        submit=partial(session.submit, bounds=job.bounds),
    )


def _check_open(session: Session, *_progress: object) -> None:
    if session.closed:
        raise Interrupted


def _progress(job: Job, session: Session, done: int, total: int | None) -> None:
    _check_open(session)
    emit(StepEvent(task=job.task, model=job.model, status="progress", done=done, total=total))


def _end(  # noqa: PLR0913  # all that is told of an ending
    job: Job,
    outcome: Outcome,
    status: EndStatus,
    *,
    failure: Failure | None,
    upstream: str | None = None,
    seconds: float | None = None,
    cause: str | None = None,
) -> Outcome:
    """Write how a job ended, and tell it."""
    if outcome.status == "ok":
        job.since_file.unlink(missing_ok=True)
    elif not job.since_file.exists():
        write_atomic(job.since_file, format_json({"since": _now()}))
    write_outcome(job.outcome_file, outcome)
    log = job.failed_folder / "log.txt"
    emit(
        StepEvent(
            task=job.task,
            model=job.model,
            status=status,
            reason=outcome.reason,
            hint=failure.hint if failure else None,
            log=log if outcome.status == "failed" and log.exists() else None,
            cause=cause,
            expected=job.expected_failure,
            retry=failure is not None and failure.retry,
            upstream=upstream,
            seconds=seconds,
        )
    )
    return outcome


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _remove_all_but_log(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "log.txt":
            path.unlink()


def _replace_folder(made: Path, target: Path, previous: Path) -> None:
    """Put a folder in the place of another, of which one is there, whole, at any moment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    made.rename(target)
    shutil.rmtree(previous, ignore_errors=True)
