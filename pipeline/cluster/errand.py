"""Errands: what a worker is asked to do, and what it answers.

Files travel through the store; an errand has the keys of its inputs there, and small files that
lie beside the manifest. It opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.disk.canonical import digest_json
from pipeline.engine.outcome import Outcome
from pipeline.engine.receipt import Failure, Ingredients
from pipeline.engine.step import Step
from pipeline.records.record import Part
from pipeline.workers.limits import ResourceLimits


@dataclass(frozen=True, kw_only=True)
class Input:
    """The result of a step, as another step reads it.

    Attributes:
        task: Its task.
        key: Its key in the store.
        tools: Versions of the tools that made it; a key may have other results, too.
        outcome: Its outcome, with the digest of each of its files.
        bytes: Size of all its files.
    """

    task: str
    key: str
    tools: Mapping[str, str | None]
    outcome: Outcome
    bytes: int

    @property
    def name(self) -> str:
        """A name for its folder: "convert-3f2a…"; equal files have one name."""
        step = self.task.partition(":")[0]
        return f"{step}-{digest_json(self.outcome.to_json())}"


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One step, as a worker runs it.

    Attributes:
        run: Id of the run, which the worker has admitted.
        task: Name of its task.
        model: Name of the model.
        step: The kind of work.
        parameters: The step's parameters.
        ingredients: All that decides its result.
        needs: Keys of the steps that must have succeeded.
        inputs: The results that it reads, by key ("fetch", "variant:base").
        outcomes: Outcomes of all steps that it reads, by key.
        files: Content of the files beside the manifest that it reads, by path.
        limits: Time, memory and disk that it may use.
        trusted: Whether its child processes may run on a machine without a wall.
        force: Whether it is made again although the store has it.
    """

    run: str
    task: str
    model: str | None
    step: Step[Any]
    parameters: Part
    ingredients: Ingredients
    needs: frozenset[str]
    inputs: Mapping[str, Input]
    outcomes: Mapping[str, Outcome]
    files: Mapping[str, bytes]
    limits: ResourceLimits
    trusted: bool
    force: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How an errand ended; its files are in the store.

    Attributes:
        worker: Name and machine of the worker: "worker-3 on node17".
        failure: Why it has no result; None if it has one.
        bug: Whether the failure is a bug of ours.
        missing: Keys of inputs that the store does not have; the errand did not run.
        stored: Whether the store took the result.
        kept_here: Why its result holds for that worker's machine only; empty if for all.
        seconds: How long the step took there.
        tools: Versions of the tools that it used.
        measured: Figures for run.json.
        peak_rss_bytes: Largest memory of its child processes.
        remarks: Remarks to report.
        walls: The walls behind which the worker starts processes.
        log: The log of a failure; the end of a long one. A result has its log in the store.
    """

    worker: str
    failure: Failure | None = None
    bug: bool = False
    missing: tuple[str, ...] = ()
    stored: bool = False
    kept_here: str = ""
    seconds: float = 0.0
    tools: Mapping[str, str | None] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    peak_rss_bytes: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()
    walls: frozenset[str | None] = frozenset()
    log: str = ""
