"""The audit of the folders of jobs: files are compared with receipts, receipts with outcomes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.audit.damage import Content, Damage, Found
from pipeline.disk.typed_json import WrongJsonError, is_inside, parse_json
from pipeline.engine.job import Job, successful
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import RECEIPT, UNLISTED, Receipt, load_receipt
from pipeline.steps.graph import Graph

_NO_RECEIPT = f"has no {RECEIPT} that can be read"


def survey_results(graph: Graph) -> Found:
    """Check the results of every step of a zoo."""
    for job in graph.jobs.values():
        yield from _survey_job(job)
    remembered = (graph.layout.state / "recipes").glob("*.json")
    for path in (*sorted(remembered), *(job.since_file for job in graph.jobs.values())):
        yield from _survey_note(path, graph.layout.root)


def _survey_job(job: Job) -> Found:
    receipt = _load(job.folder)
    # Once both are removed, the step is as if it had never run, and runs again.
    both = (job.folder, job.outcome_file)
    if not os.path.lexists(job.folder):
        pass
    elif receipt is None or receipt.failure is not None:
        yield _damage(job, job.folder, _NO_RECEIPT, *both)
    else:
        for output in receipt.outputs:
            path = job.folder / output.path
            yield Content(
                part="results",
                where=_show(job, path),
                path=path,
                bytes=output.bytes,
                sha256=output.sha256,
                forget=both,
            )
        listed = {output.path for output in receipt.outputs} | UNLISTED
        for path in _find_strays(job.folder, listed):
            yield _damage(job, path, "was not made by the step", path)
    yield from _survey_failure(job)
    yield from _survey_outcome(job, receipt)


def _survey_failure(job: Job) -> Found:
    folder = job.failed_folder
    if not os.path.lexists(folder):
        return
    receipt = _load(folder)
    if receipt is None or receipt.failure is None:
        yield _damage(job, folder, _NO_RECEIPT, folder)


def _survey_outcome(job: Job, receipt: Receipt | None) -> Found:
    """Compare an outcome with the receipt; a killed run may have written the receipt alone."""
    file = job.outcome_file
    if not os.path.lexists(file):
        return
    try:
        outcome = load_outcome(file)
    except (AttributeError, RecursionError):
        outcome = None
    if outcome is None:
        yield _damage(job, file, "cannot be read", file)
    elif outcome.status != "ok" or (receipt is None and job.previous_folder.exists()):
        return
    elif receipt is None and not os.path.lexists(job.folder):
        yield _damage(job, job.folder, f"is missing, although {file.name} tells its files", file)
    elif receipt is not None and outcome.outputs != successful(receipt).outputs:
        yield _damage(job, file, f"tells other files than {RECEIPT} does", file)


def _survey_note(path: Path, root: Path) -> Found:
    """Check a small file of earlier runs that has no digest: it must be JSON."""
    try:
        parse_json(Any, path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, WrongJsonError) as error:
        found = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        where = path.relative_to(root).as_posix()
        yield Damage(part="results", where=where, found=found, forget=(path,))


def _load(folder: Path) -> Receipt | None:
    """Read a receipt; None for a file that no run could have written."""
    try:
        receipt = load_receipt(folder)
    except (AttributeError, RecursionError):
        return None
    if receipt is None or not all(
        isinstance(output.path, str) and is_inside(output.path) for output in receipt.outputs
    ):
        return None
    return receipt


def _find_strays(folder: Path, listed: set[str] | frozenset[str]) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in (*names, *links):
            path = Path(where, name)
            if path.relative_to(folder).as_posix() not in listed:
                yield path


def _damage(job: Job, path: Path, found: str, *forget: Path) -> Damage:
    return Damage(part="results", where=_show(job, path), found=found, forget=forget)


def _show(job: Job, path: Path) -> str:
    return path.relative_to(job.root).as_posix()
