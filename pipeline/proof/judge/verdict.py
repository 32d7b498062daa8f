"""Verdict: decides which variants of a model are published, from the checks of their runs.

The base is `ok` if a backend returns what is equal to the source's outputs, or close within a
tolerance of the manifest: its weights are the source's own, so nothing else excuses a difference.
Backends that are merely close beside it have kernels of their own. Another variant is `ok` if at
least one backend that reproduces the base also reproduces it, and every backend that the manifest
requires does. Else it is `failed` if its weights are the source's own or no backend ran it, and
`withheld` if quantization makes the difference. This module opens no file.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.proof.judge.check import Candidate, Check, judge_run
from pipeline.proof.judge.limits import EXACT_DTYPE
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.records.verdicts import Agreement, VariantVerdict
from pipeline.runtime.node_results import ModelRun
from pipeline.text.line import crop_clauses
from pipeline.text.suggest import join_words

# Longest reason of a backend, where all of them stand in one message; the log has it whole.
MAX_REASON = 300

VariantStatus = Literal["ok", "withheld", "failed"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement on a variant on all backends.

    Attributes:
        status: Only `ok` is published.
        reason: Why it is not published.
        agreement: The best of the backends that prove it; None unless it is ok.
        checks: The check on each backend.
    """

    status: VariantStatus
    reason: str | None
    agreement: Agreement | None = None
    checks: Mapping[str, Check]

    def record(self) -> VariantVerdict:
        """Return the verdict in the form that the next steps read."""
        checks = {backend: check.record() for backend, check in self.checks.items()}
        return VariantVerdict(
            status=self.status, reason=self.reason, agreement=self.agreement, checks=checks
        )


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
    checks = _judge_runs(model, base, runs, groups={})
    verdicts = {base.name: judge_base(base, checks, required=required)}
    right = {backend: check.groups for backend, check in checks.items() if check.status == "ok"}
    for candidate in others:
        judged = _judge_runs(model, candidate, runs, groups=right)
        verdicts[candidate.name] = judge_variant(candidate, judged, list(right), required=required)
    return verdicts


def _judge_runs(
    model: ModelUnderTest,
    candidate: Candidate,
    runs: Mapping[str, Mapping[str, ModelRun]],
    groups: Mapping[str, Collection[str | None]],
) -> dict[str, Check]:
    return {
        backend: judge_run(model, candidate, variants[candidate.name], groups.get(backend))
        for backend, variants in runs.items()
        if candidate.name in variants
    }


def proves_base(base: Candidate, check: Check) -> bool:
    """Return whether a check of a base says that its graph and weights are the source's."""
    return check.agreement == "equal" or (check.agreement == "close" and base.is_tolerated)


def judge_base(
    base: Candidate, checks: Mapping[str, Check], *, required: Sequence[str] = ()
) -> Verdict:
    """Judge a base from its checks.

    Args:
        base: The variant with the source's own weights.
        checks: The check on each backend.
        required: Backends that must reproduce it.
    """
    proving = [name for name, check in checks.items() if proves_base(base, check)]
    if proving:
        return judge_variant(base, checks, list(checks), required=required)
    if not checks:
        return Verdict(status="failed", reason="it ran on no backend", checks=checks)
    reasons = {
        name: crop_clauses(check.reason or check.distance or "", MAX_REASON)
        for name, check in checks.items()
    }
    return Verdict(status="failed", reason=join_reasons(reasons), checks=checks)


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
        equal = any(checks[name].agreement == "equal" for name in proving)
        return Verdict(
            status="ok", reason=None, agreement="equal" if equal else "close", checks=checks
        )
    failing = lacking or list(checks)
    if not failing:
        return Verdict(status="failed", reason="it ran on no backend", checks=checks)
    harmed = candidate.dtype != EXACT_DTYPE and any(
        name in right and name in checks and checks[name].ran for name in failing
    )
    return Verdict(
        status="withheld" if harmed else "failed",
        reason=join_reasons({name: _reason(checks.get(name)) for name in failing}),
        checks=checks,
    )


def _reason(check: Check | None) -> str:
    if check is None:
        return "it was not run"
    if check.status == "ok":
        return "it passes, but the base does not, so that nothing is proved"
    return check.reason or "no reason given"


def join_reasons(reasons: Mapping[str, str | None]) -> str:
    """Return what each backend says: "wasm: it lacks Erf; cpu: y: 2 of 9 values are NaN".

    Backends of one reason share it: "wasm and cpu: it lacks Erf".
    """
    backends: dict[str, list[str]] = {}
    for backend, reason in reasons.items():
        backends.setdefault(reason or "no reason given", []).append(backend)
    return "; ".join(f"{join_words(names)}: {reason}" for reason, names in backends.items())
