"""Check: one variant on one backend, judged.

Its outputs are `equal` to the source's within what float arithmetic explains, else `close` within
what the manifest, the task or the dtype of the weights allow, else `wrong`. Each part of the
vectors is judged apart. A variant is right if it is right on one of the groups that count; the
others are notes. Extreme values make a variant fail only by NaN, by infinity and by gross errors.
This module opens no file.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipeline.disk.versions import TFJS
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.judge.judge import judge_outputs
from pipeline.proof.judge.limits import EXACT_DTYPE, close_limit, edge_limit, equal_limit
from pipeline.proof.judge.model_under_test import ModelUnderTest, OutputCheck
from pipeline.proof.judge.parts import VectorPart, split_vectors
from pipeline.proof.vector_files import Tensors
from pipeline.records.verdicts import CatalogCheck
from pipeline.runtime.node_results import ModelRun

CheckStatus = Literal["ok", "failed", "unsupported"]
Nearness = Literal["equal", "close", "wrong"]

# More faults would bury the first; the figures have all of them.
FAULTS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A variant that may be published.

    Attributes:
        name: Name of the variant, and of its runs.
        dtype: Loosest dtype that weights were quantized to, from `loosest_dtype`.
        tolerances: The manifest's tolerances, of the variant, then of the model.
    """

    name: str
    dtype: str = EXACT_DTYPE
    tolerances: Sequence[Tolerance | None] = ()

    @property
    def is_tolerated(self) -> bool:
        """Whether the manifest says how far it may be from its source."""
        return any(tolerance is not None for tolerance in self.tolerances)


@dataclass(frozen=True, kw_only=True)
class Check:
    """The judgement on a variant on one backend.

    Attributes:
        status: `failed` also if outputs are beyond their limits.
        reason: Why it is not ok.
        tfjs: Version of TensorFlow.js; None if it never started.
        agreement: How near its outputs are; None if it returned none.
        distance: Why it is not `equal`, or None.
        groups: The groups of vectors on which it is right.
        notes: Sentences on vectors and limits, for people.
        missing_ops: Ops of the graph that the backend lacks.
        requires: Flags, and the release, that a page must set to run the variant.
        outputs: The check of each output; empty if the variant did not run.
    """

    status: CheckStatus
    reason: str | None
    tfjs: str | None
    agreement: Nearness | None = None
    distance: str | None = None
    groups: Collection[str | None] = ()
    notes: Sequence[str] = ()
    missing_ops: Sequence[str] = ()
    requires: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, OutputCheck] = field(default_factory=dict)

    @property
    def ran(self) -> bool:
        """Whether the variant returned outputs."""
        return bool(self.outputs)

    @property
    def unproved(self) -> dict[str, str]:
        """Why an output that passes is not proved, by name."""
        return {name: one.unproved for name, one in self.outputs.items() if one.unproved}

    def record(self) -> CatalogCheck:
        """Return the check in the catalog's form."""
        return CatalogCheck(
            status=self.status,
            agreement=self.agreement,
            reason=self.reason,
            notes=list(self.notes),
            tfjs=self.tfjs,
            missing_ops=list(self.missing_ops),
            requires=dict(self.requires),
            unproved=self.unproved,
            outputs={
                name: one.record(one.limit) for name, one in self.outputs.items() if one.limit
            },
        )


@dataclass(frozen=True, kw_only=True)
class _PartVerdict:
    """The judgement on one part of the vectors.

    Attributes:
        part: The part.
        agreement: How near the outputs are.
        fault: Why it is wrong, or None.
        distance: Why it is not equal, or None.
        outputs: The check of each output, by the wider limits.
    """

    part: VectorPart
    agreement: Nearness
    fault: str | None
    distance: str | None
    outputs: Mapping[str, OutputCheck]


def judge_run(
    model: ModelUnderTest,
    candidate: Candidate,
    run: ModelRun,
    groups: Collection[str | None] | None = None,
) -> Check:
    """Judge one run of a variant.

    Args:
        model: The model.
        candidate: The variant.
        run: Its run.
        groups: The groups of vectors that count: on which the base is right; None for all.
    """
    missing = sorted(run.missing_ops)
    ran = Check(
        status="ok", reason=None, tfjs=run.tfjs, missing_ops=missing, requires=_requires(run)
    )
    if run.status != "ok":
        reason = run.error or (f"it lacks {', '.join(missing)}" if missing else "it did not run")
        return replace(ran, status=run.status, reason=reason)
    judged = [
        _judge_part(part, candidate, run)
        for part in split_vectors(model)
        if part.is_edge or groups is None or part.group in groups
    ]
    edge = next((one for one in judged if one.part.is_edge), None)
    others = [one for one in judged if not one.part.is_edge] or judged
    right = [one for one in others if one.agreement != "wrong"]
    faults = [] if right else [_say(one.part, one.fault) for one in others]
    if edge and edge.agreement == "wrong" and edge not in others:
        faults.append(_say(edge.part, edge.fault))
    if run.predict_fault:
        faults.append(f"predict(): {run.predict_fault}")
    best = min((one.agreement for one in others), key=_ORDER.index)
    return replace(
        ran,
        status="failed" if faults else "ok",
        reason="; ".join(faults) or None,
        agreement="wrong" if faults else best,
        distance="; ".join(_say(one.part, one.distance) for one in others if one.distance) or None
        if best != "equal"
        else None,
        groups=[one.part.group for one in right],
        notes=[*_write_notes(judged, right, edge), *_name_fixed(model)],
        outputs=_merge_outputs(right or others),
    )


_ORDER: Sequence[Nearness] = ("equal", "close", "wrong")


def _judge_part(part: VectorPart, candidate: Candidate, run: ModelRun) -> _PartVerdict:
    model = part.model
    numbers = range(len(model.vectors.vectors)) if model.numbers is None else model.numbers
    found: list[Tensors] = [run.outputs[number] for number in numbers]
    near = {name: equal_limit(model, name) for name in model.outputs}
    wide = {
        name: edge_limit(model, name, candidate.dtype)
        if part.is_edge
        else close_limit(model, name, candidate.dtype, candidate.tolerances)
        for name in model.outputs
    }
    exact, wider = judge_outputs(model, near, found), judge_outputs(model, wide, found)
    # Where rounding alone moves an output farther than any fixed limit, its noise floor decides.
    outputs = {
        name: exact[name] if one.fault and not exact[name].fault else one
        for name, one in wider.items()
    }
    distance, fault = (_join(_gather_faults(checks)) for checks in (exact, outputs))
    if candidate.dtype != EXACT_DTYPE and not model.floors and not model.steps:
        distance = distance or "without a noise floor nothing says that only rounding parts them"
    return _PartVerdict(
        part=part,
        agreement="equal" if distance is None else "close" if fault is None else "wrong",
        fault=fault,
        distance=distance,
        outputs={
            name: replace(one, explained=_explain(exact[name])) for name, one in outputs.items()
        },
    )


def _explain(exact: OutputCheck) -> float | None:
    """Return the error that arithmetic explains, as a share of the range; None if unmeasured."""
    limit, scale = exact.limit, exact.fidelity and exact.fidelity.scale
    if limit is None or limit.errors is None or not scale:
        return None
    return limit.allowed(scale) / scale


def _merge_outputs(parts: Sequence[_PartVerdict]) -> dict[str, OutputCheck]:
    """Return for each output the check of the part that proves it, with the largest error."""

    def rank(check: OutputCheck) -> tuple[bool, bool, float]:
        error = check.fidelity and check.fidelity.max_rel_error
        return check.fault is not None, check.unproved is None, error or 0.0

    return {name: max((one.outputs[name] for one in parts), key=rank) for name in parts[0].outputs}


def _write_notes(
    judged: Sequence[_PartVerdict], right: Sequence[_PartVerdict], edge: _PartVerdict | None
) -> list[str]:
    """Return a note for each part that does not decide: "wrong on vectors of 0..255: …"."""
    wrong = [one for one in judged if one.agreement == "wrong" and one is not edge]
    notes = [f"wrong on vectors of {one.part.label}: {one.fault}" for one in wrong if right]
    if edge and edge.agreement == "close":
        notes.append(f"on extreme values farther than rounding moves it: {edge.distance}")
    return notes


def _name_fixed(model: ModelUnderTest) -> list[str]:
    return [f"judged by fixed limits: {model.no_floor}"] if model.no_floor else []


def _say(part: VectorPart, fault: str | None) -> str:
    """Return a fault with its part of the vectors: "on vectors of 0..1: y: …"."""
    if not part.label:
        return fault or ""
    return f"on {'' if part.is_edge else 'vectors of '}{part.label}: {fault}"


def _requires(run: ModelRun) -> dict[str, Any]:
    """Return the flags that a page must set, and the release if an older one ran the variant."""
    release = {} if run.tfjs in (None, TFJS) else {"tfjs": run.tfjs}
    return {**run.requires, **release}


def _gather_faults(outputs: Mapping[str, OutputCheck]) -> list[str]:
    """Return the faults, each once with its outputs: "boxes, scores: 2 of 9 values are NaN"."""
    names: dict[str, list[str]] = {}
    for name, check in outputs.items():
        if check.fault:
            names.setdefault(check.fault, []).append(name)
    return [f"{', '.join(sharing)}: {fault}" for fault, sharing in names.items()]


def _join(faults: Sequence[str]) -> str | None:
    more = len(faults) - FAULTS_SHOWN
    shown = "; ".join(faults[:FAULTS_SHOWN])
    if more > 0:
        return f"{shown}; and {more} more {'output' if more == 1 else 'outputs'}"
    return shown or None
