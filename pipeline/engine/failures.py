"""Failures: turns an exception of a step into the failure of its job, with a remedy.

A PipelineError is shown unchanged, a fault of the machine with its remedy. Any other exception is a
bug of ours, with its traceback in the log.
"""

import contextlib
import traceback
from typing import Any

from pipeline.disk.machine_faults import MachineFault, machine_error
from pipeline.engine.job import Job, Result
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import RECEIPT, Failure, explain_loss, failure_of, load_receipt
from pipeline.engine.session import Session
from pipeline.engine.step import StepSkipped, Work
from pipeline.errors import DamagedFileError, PipelineError
from pipeline.text.printable import printable


def translate(
    job: Job, session: Session, error: Exception, work: Work[Any] | None = None
) -> Failure:
    """Return an exception as a failure; `work` is None for an exception outside of the step."""
    if isinstance(error, StepSkipped):
        return Failure(status="skipped", reason=str(error))
    if not isinstance(error, PipelineError):
        _note(job, work, "".join(traceback.format_exception(error)))
    if isinstance(error, MachineFault):
        moved = {work.folder: job.folder} if work else {}
        error = machine_error(error, root=job.root, file=job.folder, moved=moved)
    if isinstance(error, PipelineError):
        _note(job, work, error.describe())
    # If a file changed while the step read it, neither the model nor our code is at fault.
    retry = isinstance(error, PipelineError) and error.retry
    damage = None if retry else _find_damage(job) or _find_foreign_record(job, error)
    if damage is not None:
        return damage
    if isinstance(error, PipelineError):
        return failure_of(error)
    session.bugs.append(job.task)
    # The message of the exception may itself raise.
    message = traceback.format_exception_only(error)[-1].strip()
    return Failure(
        status="failed",
        reason=f"internal error: {message}",
        hint="this is a bug of tfjs-zoo: please report it with the log",
        retry=True,
    )


def _note(job: Job, work: Work[Any] | None, text: str) -> None:
    """Append to the log of a step, or of the work around it; ignore a full disk."""
    log = work.log if work else job.failed_folder / "log.txt"
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(printable(text) + "\n")


def _find_damage(job: Job) -> Failure | None:
    """Return a failure if a result that a job reads no longer matches its receipt, else None.

    The damaged result loses its receipt, so that the next run makes it again.
    """
    for key, read in job.reads.items():
        if key not in job.needs and not _succeeded(read):
            continue
        receipt = load_receipt(read.folder)
        loss = (
            explain_loss(receipt, read.folder, digests=True) if receipt else "its receipt is lost"
        )
        if loss is not None:
            return _build_again(read, f"{read.task} was changed after it was built: {loss}")
    return None


def _succeeded(job: Result) -> bool:
    """Return whether a job has a result; one whose outcome cannot be read is not examined."""
    try:
        outcome = load_outcome(job.outcome_file)
    except OSError:
        return False
    return outcome is not None and outcome.status == "ok"


def _find_foreign_record(job: Job, error: Exception) -> Failure | None:
    """Return a failure if a record is as its step wrote it, but not as this version does."""
    if not isinstance(error, DamagedFileError):
        return None
    for read in job.reads.values():
        if read.folder == error.folder:
            reason = f"{read.task} was built by another version of tfjs-zoo: {error.message}"
            return _build_again(read, reason)
    return None


def _build_again(read: Result, reason: str) -> Failure:
    """Remove the receipt of a result that a job reads, so that the next run makes it again."""
    with contextlib.suppress(OSError):
        (read.folder / RECEIPT).unlink()
    return Failure(status="failed", reason=reason, hint="the next run builds it again", retry=True)
