"""Jobs: one step of one model, and whether its last result still stands.

A job reads the receipt in its folder. This module runs no step; it writes nothing, but renames
back the last success that a kill left beside its place.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.disk.machine_faults import machine_error
from pipeline.engine.local_files import LocalFiles
from pipeline.engine.outcome import Outcome, load_outcome
from pipeline.engine.receipt import (
    RECEIPT,
    Failure,
    Ingredients,
    Receipt,
    explain_change,
    explain_loss,
    failure_of,
    load_receipt,
)
from pipeline.engine.step import Step
from pipeline.errors import PipelineError
from pipeline.records.record import Part
from pipeline.workers.limits import ResourceLimits


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The state of a job before it runs.

    Attributes:
        outcome: Its end without a run; None if it must run.
        cause: Why it must run; None if it need not.
        failure: The remembered failure or skip behind the outcome, with its hint.
        upstream: The task without a result that is the reason for a skip.
        forcible: Whether a forced run could end otherwise.
    """

    outcome: Outcome | None = None
    cause: str | None = None
    failure: Failure | None = None
    upstream: str | None = None
    forcible: bool = True


@dataclass(frozen=True, kw_only=True)
class Result:
    """The place of a job's result: all that the jobs after it need to know of the job.

    Attributes:
        task: Name of its task.
        folder: The folder of its results.
        shared: Whether its results are kept in the shared store, if there is one.
    """

    task: str
    folder: Path
    shared: bool = False

    @cached_property
    def outcome_file(self) -> Path:
        """The file of its outcome, which the next steps depend on."""
        return self.folder.with_name(f"{self.folder.name}.json")


@dataclass(frozen=True, kw_only=True)
class Job(Result):
    """One step of one model (or of one variant, or of the zoo).

    Attributes:
        step: The kind of work.
        model: Name of the model; None for the zoo.
        parameters: The step's parameters from the manifest.
        reads: The results that it reads, by key ("fetch", "variant:base").
        needs: Keys of the jobs that must have succeeded.
        root: Folder of the manifest.
        temporary: Folder for half-made results, on the same file system.
        limits: Time, memory and disk that it may use.
        trusted: Whether its child processes may run on a machine without a wall.
        local: Files beside the manifest that it reads; None if there are none.
        expected_failure: Whether the manifest says `expect: failed`.
    """

    step: Step[Any]
    model: str | None
    parameters: Part
    reads: Mapping[str, Result]
    needs: frozenset[str]
    root: Path
    temporary: Path
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    trusted: bool = False
    local: LocalFiles | None = None
    expected_failure: bool = False

    @property
    def failed_folder(self) -> Path:
        """Folder with receipt and log of the last failure."""
        return self.folder.with_name(f"{self.folder.name}.failed")

    @property
    def previous_folder(self) -> Path:
        """The last success while a new one takes its place; it remains after a kill."""
        return self.folder.with_name(f"{self.folder.name}.previous")

    @property
    def since_file(self) -> Path:
        """The file with the time of the first failure, for a catalog with an older result."""
        return self.folder.with_name(f"{self.folder.name}.since.json")

    def ingredients(self) -> Ingredients:
        """Gather the ingredients of its result as they are now.

        Raises:
            PipelineError: A local source cannot be read.
        """
        inputs = {key: digest_outcome(job.outcome_file) for key, job in self.reads.items()}
        if self.local is not None:
            try:
                inputs.update(self.local.inputs())
            except OSError as error:
                raise machine_error(error, root=self.root) from None
        return Ingredients(
            step=self.step.name,
            version=self.step.version,
            parameters=self.parameters.to_json(),
            inputs=inputs,
        )

    def standing(self) -> Standing:
        """Return whether the last result or failure still stands, and if not, why."""
        self._recover()
        blocked = self._blocked()
        if blocked is not None:
            return blocked
        try:
            now = self.ingredients()
        except PipelineError as error:
            failure = failure_of(error)
            return Standing(outcome=unsuccessful(failure), failure=failure, forcible=False)
        failed = load_receipt(self.failed_folder)
        if failed is not None and failed.failure is not None and not explain_change(failed, now):
            if failed.failure.retry:
                return Standing(cause=f"failed before: {failed.failure.reason}")
            return Standing(outcome=unsuccessful(failed.failure), failure=failed.failure)
        receipt = load_receipt(self.folder)
        cause = explain_change(receipt, now)
        if receipt is None and (self.folder / RECEIPT).exists():
            cause = f"its {RECEIPT} is damaged"
        if cause is None and receipt is not None:
            cause = explain_loss(receipt, self.folder)
            if cause is None:
                return Standing(outcome=successful(receipt))
        return Standing(cause=cause)

    def _recover(self) -> None:
        """Restore the last success if a kill came between its removal and the next success."""
        if not self.folder.exists() and self.previous_folder.exists():
            self.previous_folder.rename(self.folder)

    def _blocked(self) -> Standing | None:
        """Return a skip if a step that it needs has no result, else None."""
        for key in sorted(self.needs):
            needed = self.reads[key]
            outcome = load_outcome(needed.outcome_file)
            if outcome is None or outcome.status != "ok":
                reason = f"{key} did not run" if outcome is None else outcome.reason
                if outcome is not None and outcome.status == "failed":
                    reason = f"{key} failed: {reason}"
                skipped = Outcome(status="skipped", reason=reason)
                return Standing(outcome=skipped, upstream=needed.task, forcible=False)
        return None


def successful(receipt: Receipt) -> Outcome:
    """Return the outcome of a receipt of a success."""
    return Outcome(status="ok", outputs={file.path: file.sha256 for file in receipt.outputs})


def unsuccessful(failure: Failure) -> Outcome:
    """Return the outcome of a failure or a skip."""
    return Outcome(status=failure.status, reason=failure.reason)


def digest_outcome(path: Path) -> str:
    """Return the SHA-256 of an outcome; "" if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
