"""Limits of a variant: backends on which it is not proved, and releases that it needs. Pure."""

from collections.abc import Iterator, Mapping

from pipeline.catalog.phrases import format_requirements
from pipeline.records.verdicts import CatalogCheck
from pipeline.text.line import crop_clauses, first_line
from pipeline.text.suggest import join_words, list_first

MAX_OPS = 3
MAX_REASON = 200


def describe_limits(checks: Mapping[str, CatalogCheck]) -> list[str]:
    """Return the limits of a variant that is ok; a variant without limits has none.

    Each is a phrase: "proved on cpu only: wasm lacks Einsum", "runs only in TensorFlow.js 3.21.0".

    Args:
        checks: Its checks by backend.
    """
    proved = {name: check for name, check in checks.items() if check.status == "ok"}
    if not proved:
        return []
    faults = [
        _describe_fault(name, check)
        for name, check in checks.items()
        if check.status in {"failed", "unsupported"}
    ]
    limits = [f"proved on {join_words(proved)} only: {'; '.join(faults)}"] if faults else []
    return [*limits, *dict.fromkeys(_describe_needs(proved))]


def _describe_fault(backend: str, check: CatalogCheck) -> str:
    """Return why a backend does not prove it: "wasm fails: Aborted() at GatherNd"."""
    if check.missing_ops:
        return f"{backend} lacks {list_first(check.missing_ops, MAX_OPS)}"
    reason = crop_clauses(first_line(check.reason), MAX_REASON)
    return f"{backend} fails: {reason or 'no reason given'}"


def _describe_needs(proved: Mapping[str, CatalogCheck]) -> Iterator[str]:
    """Yield what a page must set: "runs on wasm only with the flag KEEP set to true"."""
    needs = [check.requires for check in proved.values()]
    alike = all(need == needs[0] for need in needs)
    for backend, need in zip(proved, needs, strict=True):
        if need:
            where = "" if alike else f" on {backend}"
            joint = "in" if "tfjs" in need else "with"
            yield f"runs{where} only {joint} {format_requirements(need)}"
