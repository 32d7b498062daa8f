"""Quick check: a few system calls that show whether a job's files changed since its end.

doit keeps a job's stamp in its database, which is a cache here: if a stamp does not match or is
lost, the job reads its receipt and adopts a result that still stands. A failure has no stamp, so
that every run reports it again.
"""

import hashlib
import inspect
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.disk.canonical import digest_json
from pipeline.disk.versions import installed_version
from pipeline.engine.job import Job
from pipeline.engine.local_files import State
from pipeline.engine.outcome import Outcome
from pipeline.engine.receipt import NEVER_BUILT
from pipeline.text.printable import printable


class UpToDate:
    """Whether a job's stamp still matches; doit calls it."""

    # doit asks for this name each time; without it the lookup would run ten thousand times.
    __signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name in ("task", "values")
        ]
    )

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, task: object, values: Mapping[str, Any]) -> bool:  # noqa: ARG002  # doit gives both
        """Compare the stamp that doit kept with the present state."""
        try:
            stamp = values.get("stamp")
            return stamp is not None and _is_current(self.job, stamp)
        except Exception:  # noqa: BLE001  # on any fault of a stamp the job checks its receipt
            return False

    def __repr__(self) -> str:
        """Return why the job runs, for `doit info`: "failed before, and is reported again: …"."""
        standing = self.job.standing()
        if standing.cause is not None:
            return printable(standing.cause)
        assert standing.outcome is not None
        if standing.outcome.status == "failed":
            return printable(f"failed before, and is reported again: {standing.outcome.reason}")
        if standing.upstream is not None:
            ran = self.job.outcome_file.exists()
            return printable(standing.outcome.reason or "") if ran else NEVER_BUILT
        return "something was touched; its result still stands"


def local_state(job: Job) -> State | None:
    """Return the state of a job's local files; None without files, or if they are unreadable."""
    try:
        return job.local.state() if job.local is not None else None
    except Exception:  # noqa: BLE001  # the job itself reports the fault
        return None


def make_stamp(job: Job, outcome: Outcome, before: State | None) -> dict[str, Any] | None:
    """Return the stamp of a job: a value that changes when its result may no longer stand.

    Args:
        job: The job, which has just ended.
        outcome: Its outcome.
        before: The state of its local files before it ran: a file that was edited in the
            meantime is not the file that the result was made of.

    Returns:
        A JSON value; None for a failure, and if its files or those of its tools are unreadable.
    """
    if outcome.status == "failed":
        return None
    try:
        return {
            "folders": {name: _modified(job.folder / name) for name in _folders(job.folder)},
            "outcome": _modified(job.outcome_file),
            "reads": _modified_reads(job),
            "local": before,
            "parameters": digest_parameters(job),
            "tools": digest_versions(job.step.tools),
        }
    except OSError:
        return None


def _is_current(job: Job, stamp: Mapping[str, Any]) -> bool:
    for name, modified in stamp["folders"].items():
        if _modified(job.folder / name) != modified:
            return False
    if _modified(job.outcome_file) != stamp["outcome"] or _modified_reads(job) != stamp["reads"]:
        return False
    if job.local is not None and not job.local.is_current(stamp["local"] or {}):
        return False
    same = stamp["parameters"] == digest_parameters(job)
    return bool(same and stamp["tools"] == digest_versions(job.step.tools))


def digest_parameters(job: Job) -> str:
    """Digest the version of the step and its parameters; a stamp needs no canonical JSON."""
    text = f"{job.step.version} {job.parameters.model_dump_json(by_alias=True)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _modified_reads(job: Job) -> list[int]:
    """Return the times of change of the outcomes that a job reads."""
    return [_modified(read.outcome_file) for read in job.reads.values()]


def _modified(path: Path) -> int:
    return os.stat(path).st_mtime_ns  # noqa: PTH116  # half of Path.stat's time


def _folders(folder: Path) -> list[str]:
    """List a folder and its subfolders: removing a file changes the time of one of them.

    The paths are relative: a copied zoo must not look at the original.
    """
    if not folder.is_dir():
        return []
    inside = (path[len(str(folder)) + 1 :] for path, _, _ in os.walk(folder))
    return [path.replace(os.sep, "/") or "." for path in sorted(inside)]


@cache
def digest_versions(tools: frozenset[str]) -> str:
    """Return a digest of the versions of all tools that a step may use."""
    return digest_json([installed_version(tool) for tool in sorted(tools)])
