"""Runs a job: calls its step's function for a folder that appears only when it is whole.

The order of operations keeps a build whole after any kill: the step writes into a temporary folder;
its receipt is written last there; the folder is renamed into place; then the outcome is written. A
job that finds a receipt of exactly its ingredients adopts the folder, so that a lost database
costs nothing.

The folder of the last success stays until a new success replaces it, also while the step fails: the
catalog goes on offering it. A failure has a folder of its own, `<step>.failed`, whose receipt
prevents a repetition that would end the same.

With a shared store, a result that is there is brought into the temporary folder instead of being
made; everything else is the same.

Every exception in a job becomes that job's failure, also in the work around its step: folders,
receipt, outcome. A failure is reported even if it cannot be written.
"""

import contextlib
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pipeline.disk.canonical import format_json
from pipeline.disk.clock import utc_now
from pipeline.disk.files import write_atomic
from pipeline.disk.json_file import load_json
from pipeline.engine.events import StepEvent, emit
from pipeline.engine.failures import translate
from pipeline.engine.job import Job, successful, unsuccessful
from pipeline.engine.outcome import Outcome, load_outcome, write_outcome
from pipeline.engine.receipt import (
    Failure,
    Ingredients,
    Receipt,
    failure_of,
)
from pipeline.engine.session import Session
from pipeline.engine.shared_results import fetch_result, put_result
from pipeline.engine.step import Work
from pipeline.engine.work import (
    find_earlier,
    make_receipt,
    prepare_work,
    refuse_if_closed,
    used_tools,
    write_records,
)
from pipeline.errors import PipelineError

EndStatus = Literal["ok", "failed", "skipped", "adopted", "remembered"]


def run_job(job: Job, session: Session) -> Outcome:
    """Bring a job's result up to date and return its outcome.

    Every exception becomes an outcome: one broken model never stops the others.
    """
    try:
        return _bring_up_to_date(job, session)
    except Exception as error:  # noqa: BLE001  # one model's bug must not stop the others
        refuse_if_closed(session)
        failure = translate(job, session, error)
        return _end(job, unsuccessful(failure), "failed", failure=failure)


def _bring_up_to_date(job: Job, session: Session) -> Outcome:
    standing = job.standing()
    if standing.outcome is not None and not (session.force and standing.forcible):
        status = _earlier_status(standing.outcome)
        return _end(
            job, standing.outcome, status, failure=standing.failure, upstream=standing.upstream
        )
    usual = _load_seconds(job.folder)
    emit(
        StepEvent(
            task=job.task, model=job.model, status="started", cause=standing.cause, usual=usual
        )
    )
    forced = "asked for again" if session.refresh else "forced"
    return _make(job, session, standing.cause or forced)


def _load_seconds(folder: Path) -> float | None:
    """Return how long the result in a folder took; None without one."""
    try:
        run = load_json(folder / "run.json")
    except OSError:
        return None  # the step itself meets it
    seconds = run.value.get("seconds") if run and isinstance(run.value, dict) else None
    return seconds if isinstance(seconds, float | int) else None


def _earlier_status(outcome: Outcome) -> EndStatus:
    """Return the status to report for an outcome of an earlier run: "adopted"."""
    statuses: dict[str, EndStatus] = {"ok": "adopted", "failed": "remembered", "skipped": "skipped"}
    return statuses[outcome.status]


def _make(job: Job, session: Session, cause: str) -> Outcome:
    try:
        ingredients = job.ingredients()
    except PipelineError as error:
        # A file beside the manifest was removed since the last check.
        gone = failure_of(error).model_copy(update={"retry": True})
        return _end(job, unsuccessful(gone), "failed", failure=gone, cause=cause)
    outcomes = {key: load_outcome(read.outcome_file) for key, read in job.reads.items()}
    known = {key: outcome for key, outcome in outcomes.items() if outcome is not None}
    work = prepare_work(job, session, known)
    if job.model is None:
        earlier = None if session.force else find_earlier(job)
        work = replace(work, digests=ingredients.inputs, earlier=earlier)
    started = time.monotonic()
    try:
        shared = _fetch_shared(job, work, ingredients, session)
        made = _attempt(job, work, ingredients, session, shared)
        # On another machine a step also waits for its turn, which is no time of its own.
        seconds = work.measured.get("seconds", time.monotonic() - started)
        failure = made if isinstance(made, Failure) else None
        receipt = made if isinstance(made, Receipt) else None
        if failure is not None:
            # If even the failure cannot be written, the next run tries again.
            receipt = Receipt(**vars(ingredients), tools=used_tools(work), failure=failure)
            with contextlib.suppress(OSError):
                _keep_failure(job, work, receipt, seconds)
        if shared is None and receipt is not None:
            _share(job, work, receipt, session)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    outcome = unsuccessful(made) if isinstance(made, Failure) else successful(made)
    causes = "; ".join([cause, *work.remarks])
    return _end(
        job,
        outcome,
        outcome.status,
        failure=failure,
        seconds=seconds,
        cause=causes,
        from_store=shared is not None,
    )


def _fetch_shared(
    job: Job, work: Work[Any], ingredients: Ingredients, session: Session
) -> Receipt | None:
    """Bring the result from the shared store into the folder of the work, if it is there."""
    if session.store is None or not job.shared or session.force:
        return None
    started = time.monotonic()
    receipt = fetch_result(session.store, work, ingredients)
    refuse_if_closed(session)
    if receipt is not None:
        work.tools.update(receipt.tools)
    work.budget.extend(time.monotonic() - started)
    return receipt


def _share(job: Job, work: Work[Any], receipt: Receipt, session: Session) -> None:
    """Put a result that was made in this run into the shared store, unless it is there."""
    if session.store is None or not job.shared:
        return
    if session.elsewhere is not None and session.elsewhere.has_put(job):
        return
    folder = job.folder if receipt.failure is None else job.failed_folder
    if session.elsewhere is None:
        session.upload(receipt, folder)
    else:
        # A worker may need it for the next step.
        put_result(session.store, work, receipt, folder)


def _attempt(
    job: Job,
    work: Work[Any],
    ingredients: Ingredients,
    session: Session,
    shared: Receipt | None,
) -> Receipt | Failure:
    """Call the step's function, put its results in place, and translate its exceptions.

    With the receipt of a result that came from the shared store, the function is not called.
    """
    started = time.monotonic()
    try:
        if shared is None:
            failure = _run_step(job, work, ingredients, session)
            if failure is not None:
                return failure
            receipt = make_receipt(work, ingredients)
            write_records(work, receipt, time.monotonic() - started)
        elif shared.failure is not None:
            return shared.failure
        else:
            receipt = shared
        _replace_folder(work.folder, job.folder, job.previous_folder)
    except Exception as error:  # noqa: BLE001  # one model's bug must not stop the others
        refuse_if_closed(session)
        return translate(job, session, error, work)
    shutil.rmtree(job.failed_folder, ignore_errors=True)
    return receipt


def _run_step(
    job: Job, work: Work[Any], ingredients: Ingredients, session: Session
) -> Failure | None:
    """Call the step's function here, or let a cluster do so, which returns its failures."""
    if session.elsewhere is not None:
        return session.elsewhere.run(job, work, ingredients)
    job.step.run(work)
    return None


def _keep_failure(job: Job, work: Work[Any], receipt: Receipt, seconds: float) -> None:
    """Keep receipt and log of a failure, and remove the step's other files."""
    _remove_all_but_log(work.folder)
    write_records(work, receipt, seconds)
    shutil.rmtree(job.failed_folder, ignore_errors=True)
    job.failed_folder.parent.mkdir(parents=True, exist_ok=True)
    work.folder.rename(job.failed_folder)


def _end(  # noqa: PLR0913  # all fields of the event
    job: Job,
    outcome: Outcome,
    status: EndStatus,
    *,
    failure: Failure | None,
    upstream: str | None = None,
    seconds: float | None = None,
    cause: str | None = None,
    from_store: bool = False,
) -> Outcome:
    """Write and report a job's outcome."""
    try:
        _write_ending(job, outcome)
    except OSError:
        # Only a success must be written to count; the next run repeats the others.
        if outcome.status == "ok":
            raise
    emit(
        StepEvent(
            task=job.task,
            model=job.model,
            status=status,
            reason=outcome.reason,
            hint=failure.hint if failure else None,
            log=_find_log(job) if outcome.status == "failed" else None,
            cause=cause,
            expected=job.expected_failure and (failure is None or failure.fault is None),
            retry=failure is not None and failure.retry,
            fault=failure.fault if failure else None,
            upstream=upstream,
            seconds=seconds,
            from_store=from_store,
        )
    )
    return outcome


def _write_ending(job: Job, outcome: Outcome) -> None:
    if outcome.status == "ok":
        job.since_file.unlink(missing_ok=True)
    elif not job.since_file.exists():
        write_atomic(job.since_file, format_json({"since": utc_now()}))
    write_outcome(job.outcome_file, outcome)


def _find_log(job: Job) -> Path | None:
    log = job.failed_folder / "log.txt"
    try:
        return log if log.exists() else None
    except OSError:
        return None


def _remove_all_but_log(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "log.txt":
            path.unlink()


def _replace_folder(made: Path, target: Path, previous: Path) -> None:
    """Replace a folder; at any moment the old or the new folder is there, whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    try:
        made.rename(target)
    except OSError:
        if previous.exists():
            previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)
