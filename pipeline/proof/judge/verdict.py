"""Verdict: decides which variants of a model are published, from their runs in TensorFlow.js.

A check is one variant on one backend: `ok`, `failed` or `unsupported`. A variant is `ok` if at
least one backend that reproduces the base also reproduces the variant, and every backend that the
manifest requires does. Else it is `failed` if its weights are the source's own or no backend ran
it, and `withheld` if quantization makes the difference. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.disk.versions import TFJS
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.judge.gate import DEFAULTS, Limit, limit_to_step, resolve_limit
from pipeline.proof.judge.judge import judge_outputs
from pipeline.proof.judge.model_under_test import ModelUnderTest, OutputCheck
from pipeline.records.verdicts import CatalogCheck, VariantVerdict
from pipeline.runtime.node_results import ModelRun

CheckStatus = Literal["ok", "failed", "unsupported"]
VariantStatus = Literal["ok", "withheld", "failed"]

# More faults would bury the first; the figures have all of them.
FAULTS_SHOWN = 3

EXACT_DTYPE = "float32"
"""Dtype of a variant without any loss: its weights are the source's."""


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


@dataclass(frozen=True, kw_only=True)
class Check:
    """The judgement on a variant on one backend.

    Attributes:
        status: `failed` also if outputs are beyond their limits.
        reason: Why it is not ok.
        tfjs: Version of TensorFlow.js; None if it never started.
        missing_ops: Ops of the graph that the backend lacks.
        requires: Flags, and the release, that a page must set to run the variant.
        outputs: The check of each output; empty if the variant did not run.
    """

    status: CheckStatus
    reason: str | None
    tfjs: str | None
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
            reason=self.reason,
            tfjs=self.tfjs,
            missing_ops=list(self.missing_ops),
            requires=dict(self.requires),
            unproved=self.unproved,
            outputs={
                name: one.record(one.limit) for name, one in self.outputs.items() if one.limit
            },
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement on a variant on all backends.

    Attributes:
        status: Only `ok` is published.
        reason: Why it is not published.
        checks: The check on each backend.
    """

    status: VariantStatus
    reason: str | None
    checks: Mapping[str, Check]

    def record(self) -> VariantVerdict:
        """Return the verdict in the form that the next steps read."""
        checks = {backend: check.record() for backend, check in self.checks.items()}
        return VariantVerdict(status=self.status, reason=self.reason, checks=checks)


def judge_model(
    model: ModelUnderTest,
    base: Candidate,
    others: Sequence[Candidate],
    runs: Mapping[str, Mapping[str, ModelRun]],
    *,
    required: Sequence[str] = (),
) -> dict[str, Verdict]:
    """Judge all variants of a model.

    Args:
        model: The model and the outputs of its source.
        base: The variant with the source's own weights.
        others: The quantized variants.
        runs: By backend, then by variant; a variant may lack runs on some backends.
        required: Backends on which every variant must be proved.

    Returns:
        The verdict on each variant by its name, the base first.
    """
    verdicts: dict[str, Verdict] = {}
    right: list[str] = []
    for candidate in (base, *others):
        checks = {
            backend: judge_run(model, candidate, variants[candidate.name])
            for backend, variants in runs.items()
            if candidate.name in variants
        }
        if candidate is base:
            right = [backend for backend, check in checks.items() if check.status == "ok"]
        verdicts[candidate.name] = judge_variant(candidate, checks, right, required=required)
    return verdicts


def judge_run(model: ModelUnderTest, candidate: Candidate, run: ModelRun) -> Check:
    """Judge one run of a variant."""
    missing = sorted(run.missing_ops)
    if run.status != "ok":
        reason = run.error or (f"it lacks {', '.join(missing)}" if missing else "it did not run")
        return Check(
            status=run.status,
            reason=reason,
            tfjs=run.tfjs,
            missing_ops=missing,
            requires=_requires(run),
        )
    limits = {name: _choose_limit(model, candidate, name) for name in model.outputs}
    found = [run.outputs[index] for index in range(len(model.vectors.vectors))]
    outputs = judge_outputs(model, limits, found)
    faults = _gather_faults(outputs)
    if run.predict_fault:
        faults.append(f"predict(): {run.predict_fault}")
    return Check(
        status="failed" if faults else "ok",
        reason=_join(faults),
        tfjs=run.tfjs,
        missing_ops=missing,
        requires=_requires(run),
        outputs=outputs,
    )


def _choose_limit(model: ModelUnderTest, candidate: Candidate, name: str) -> Limit:
    """Return the limit of an output: of the manifest, of its steps, or of the weights' dtype."""
    limit = resolve_limit(candidate.dtype, name, candidate.tolerances)
    step = model.steps.get(name)
    return limit_to_step(limit, step) if step and limit is DEFAULTS[candidate.dtype] else limit


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
    return f"{shown}; and {more} more outputs" if more > 0 else shown or None


def judge_variant(
    candidate: Candidate,
    checks: Mapping[str, Check],
    right: Sequence[str],
    *,
    required: Sequence[str] = (),
) -> Verdict:
    """Judge a variant from its checks.

    Args:
        candidate: The variant.
        checks: The check on each backend.
        right: Backends that reproduce the base: only these can prove another variant.
        required: Backends that must prove the variant, whatever the others do.
    """
    proving = [name for name, check in checks.items() if check.status == "ok" and name in right]
    lacking = [name for name in required if name not in proving]
    if proving and not lacking:
        return Verdict(status="ok", reason=None, checks=checks)
    # The reason names a required backend, else a backend that reproduces the base.
    order = lacking or [*(name for name in right if name in checks), *checks]
    if not order:
        return Verdict(status="failed", reason="it ran on no backend", checks=checks)
    backend = order[0]
    if backend not in checks:
        return Verdict(status="failed", reason=f"{backend} did not run it", checks=checks)
    check = checks[backend]
    if check.status == "ok":
        return Verdict(
            status="failed",
            reason=f"{backend}: it passes, but the base does not, so that nothing is proved",
            checks=checks,
        )
    harmed = candidate.dtype != EXACT_DTYPE and backend in right and check.ran
    return Verdict(
        status="withheld" if harmed else "failed",
        reason=f"{backend}: {check.reason}",
        checks=checks,
    )
