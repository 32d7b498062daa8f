"""Limits of a model that is ok: backends that it is not proved on, releases it needs. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.catalog.phrases import format_requirements
from pipeline.text.line import crop_middle, first_line
from pipeline.text.suggest import join_words, list_first

MAX_OPS = 3
MAX_REASON = 100

Checks = Mapping[str, Mapping[str, Any]]


def describe_limits(checks: Checks) -> list[str]:
    """Return the limits of a variant, from its checks as the catalog has them, by backend.

    Such as "proved on cpu only: wasm lacks Einsum", "runs only in TensorFlow.js 3.21.0".
    """
    proved = {name: check for name, check in checks.items() if check["status"] == "ok"}
    if not proved:
        return []
    faults = [_describe_fault(name, check) for name, check in checks.items() if name not in proved]
    limits = [f"proved on {join_words(proved)} only: {'; '.join(faults)}"] if faults else []
    return [*limits, *dict.fromkeys(_describe_needs(proved))]


def _describe_fault(backend: str, check: Mapping[str, Any]) -> str:
    ops = check.get("missingOps") or []
    if ops:
        return f"{backend} lacks {list_first(ops, MAX_OPS)}"
    reason = crop_middle(first_line(check.get("reason")), MAX_REASON)
    return f"{backend} fails: {reason or 'no reason given'}"


def _describe_needs(proved: Checks) -> Iterator[str]:
    needs = [check.get("requires") or {} for check in proved.values()]
    alike = all(need == needs[0] for need in needs)
    for backend, need in zip(proved, needs, strict=True):
        if need:
            where = "" if alike else f" on {backend}"
            joint = "in" if "tfjs" in need else "with"
            yield f"runs{where} only {joint} {format_requirements(need)}"
