"""A difference of two catalogs in words, for the terminal and for Markdown. Pure."""

from collections.abc import Sequence

from pipeline.catalog.phrases import format_share
from pipeline.diff.change import (
    MARKS,
    Change,
    Difference,
    Mark,
    ModelDifference,
    VariantDifference,
    VariantState,
)
from pipeline.text.quantity import count, format_bytes

_NOUNS: dict[Mark, str] = {
    "breaking": "breaking change",
    "regression": "regression",
    "improvement": "improvement",
}
# The table of variants shows these changes.
_IN_TABLE = {"size", "error"}


def summarize(difference: Difference) -> str:
    """Return the number of models by fate: "1 new, 3 changed; 20 models as before"."""
    return f"{describe_fates(difference)}{describe_unchanged(difference)}"


def describe_fates(difference: Difference) -> str:
    """Return the number of models that differ, by fate: "1 new, 3 changed"."""
    fates = [model.fate for model in difference.models]
    parts = [
        f"{fates.count(fate):,} {fate}" for fate in ("new", "gone", "changed") if fate in fates
    ]
    return ", ".join(parts) or "nothing changed"


def describe_unchanged(difference: Difference) -> str:
    """Return the number of models that do not differ: "; 20 models as before"."""
    if difference.models and not difference.unchanged:
        return ""
    separator = "; " if difference.models else ", "
    return f"{separator}{count(difference.unchanged, 'model')} as before"


def count_marks(difference: Difference) -> list[tuple[Mark, str]]:
    """Return the number of changes by mark, in words: ("breaking", "2 breaking changes")."""
    numbers = [(mark, difference.count_marks(mark)) for mark in MARKS]
    return [(mark, count(number, _NOUNS[mark])) for mark, number in numbers if number]


def describe_tools(difference: Difference) -> str:
    """Return the tools whose version differs: "tfjs 4.21.0 → 4.22.0"."""
    tools = difference.toolchain.items()
    return ", ".join(f"{tool} {before} → {after}" for tool, (before, after) in tools)


def order_models(difference: Difference) -> list[ModelDifference]:
    """Return the models, breaking changes first."""
    worst = {mark: number for number, mark in enumerate(MARKS)}
    return sorted(
        difference.models,
        key=lambda model: (min((worst[mark] for mark in model.marks), default=3), model.name),
    )


def shown_changes(model: ModelDifference) -> list[Change]:
    """Return the changes that get a line, the worst first; a table shows the others."""
    shown = [change for change in model.all_changes if change.marks or change.what not in _IN_TABLE]
    return sorted(shown, key=lambda change: min(map(MARKS.index, change.marks), default=len(MARKS)))


def shown_variants(model: ModelDifference) -> list[VariantDifference]:
    """Return the variants that the table shows: those that differ."""
    return [variant for variant in model.variants if variant.fate is not None]


def describe_size(variant: VariantDifference) -> str:
    """Return a variant's size before and now: "1.2 MiB → withheld", "1.2 MiB → gone"."""
    before, after = _size(variant.before), _size(variant.after)
    if variant.fate == "new":
        return f"new, {after}"
    return _pair([before, "gone" if variant.fate == "gone" else after])


def describe_deviation(variant: VariantDifference) -> str:
    """Return a variant's error before and now: "0.52 % → 3.1 % of the range"."""
    states = [state for state in (variant.before, variant.after) if state is not None]
    found = [state.deviation for state in states if state.deviation is not None]
    if not found:
        return ""
    shares = [format_share(state.deviation.share) if state.deviation else "?" for state in states]
    return f"{_pair(shares)} {found[-1].what}"


def _size(state: VariantState | None) -> str:
    if state is None:
        return ""
    published = state.status == "ok" and state.bytes is not None
    return format_bytes(state.bytes or 0) if published else state.status


def _pair(sides: Sequence[str]) -> str:
    known = [side for side in sides if side]
    return " → ".join(dict.fromkeys(known))
