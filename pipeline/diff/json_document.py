"""A difference of two catalogs for programs: one JSON object. Pure.

    {"schema": 1, "before", "after", "first", "unchanged", "toolchain": {tool: [before, after]},
     "counts": {"new", "gone", "changed", "breaking", "regression", "improvement"},
     "models": [{"name", "fate", "before", "after", "marks",
                 "causes": [{"kind", "text"}], "changes": [CHANGE],
                 "variants": [{"name", "fate", "before": STATE, "after": STATE,
                               "changes": [CHANGE]}]}]}
    CHANGE: {"subject", "what", "before", "after", "text", "marks"}
    STATE:  null or {"status", "reason", "bytes", "backends": {backend: status},
                     "error": null or {"output", "share", "limit", "what"}}

The fields are those of `pipeline.diff.change`. Later versions may add keys and values; these keys
keep their meaning.
"""

from dataclasses import asdict
from typing import Any

from pipeline.diff.change import MARKS, Change, Difference, VariantDifference, VariantState

SCHEMA = 1


def to_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as a JSON object."""
    fates = [model.fate for model in difference.models]
    return {
        "schema": SCHEMA,
        "before": difference.before,
        "after": difference.after,
        "first": difference.is_first,
        "unchanged": difference.unchanged,
        "toolchain": {tool: list(sides) for tool, sides in difference.toolchain.items()},
        "counts": {
            **{fate: fates.count(fate) for fate in ("new", "gone", "changed")},
            **{mark: difference.count_marks(mark) for mark in MARKS},
        },
        "models": [
            {
                "name": model.name,
                "fate": model.fate,
                "before": model.before,
                "after": model.after,
                "marks": model.marks,
                "causes": [asdict(cause) for cause in model.causes],
                "changes": [_change(change) for change in model.changes],
                "variants": [_variant(variant) for variant in model.variants],
            }
            for model in difference.models
        ],
    }


def _variant(variant: VariantDifference) -> dict[str, Any]:
    return {
        "name": variant.name,
        "fate": variant.fate,
        "before": _state(variant.before),
        "after": _state(variant.after),
        "changes": [_change(change) for change in variant.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {**asdict(change), "marks": list(change.marks)}


def _state(state: VariantState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "status": state.status,
        "agreement": state.agreement,
        "reason": state.reason,
        "bytes": state.bytes,
        "backends": state.backends,
        "error": asdict(state.deviation) if state.deviation else None,
    }
