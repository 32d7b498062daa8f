"""A difference of two catalogs as lines of a terminal. Pure."""

from pipeline.diff.change import Cause, Change, Difference, Mark, ModelDifference
from pipeline.diff.difference_text import (
    count_marks,
    describe_deviation,
    describe_fates,
    describe_size,
    describe_tools,
    describe_unchanged,
    order_models,
    shown_changes,
    shown_variants,
)
from pipeline.text.line import BLANK, Line, Style, label_text, wrap_text

_LABEL = 12
_STYLES: dict[Mark, Style] = {"breaking": "bad", "regression": "warn", "improvement": "good"}
_FATES: dict[str, Style] = {"new": "good", "gone": "warn", "changed": "bold"}


def format_difference(difference: Difference, *, width: int | None) -> list[Line]:
    """Return a difference as lines.

    Args:
        difference: The difference.
        width: Width of the terminal; None for lines of any length.
    """
    lines = format_counts(difference)
    if difference.toolchain:
        lines += wrap_text(f"tools: {describe_tools(difference)}", "dim", indent="", width=width)
    for model in order_models(difference):
        lines += [BLANK, *_format_model(model, width)]
    return lines


def format_counts(difference: Difference) -> list[Line]:
    """Return the catalogs and the numbers of models and changes: "1 changed: 1 regression"."""
    note = " (nothing is published there yet)" if difference.is_first else ""
    marks = count_marks(difference)
    summary: list[tuple[str, Style]] = [(describe_fates(difference), "bold")]
    for number, (mark, text) in enumerate(marks):
        summary += [(": " if number == 0 else ", ", ""), (text, _STYLES[mark])]
    return [
        ((f"{difference.before}{note} → {difference.after}", "dim"),),
        (*summary, (describe_unchanged(difference), "bold")),
    ]


def _format_model(model: ModelDifference, width: int | None) -> list[Line]:
    lines: list[Line] = [((model.name, "bold"), (f"  {model.fate}", _FATES[model.fate]))]
    # The first line says already that the model is new or gone.
    is_said = model.fate != "changed" and not model.marks and len(model.all_changes) == 1
    plain = is_said and model.after in {None, "ok"}
    for change in [] if plain else shown_changes(model):
        lines += _format_change(change, width)
    for number, cause in enumerate(model.causes):
        lines += _format_cause(cause, width, is_first=number == 0)
    return [*lines, *_format_variants(model)]


def _format_change(change: Change, width: int | None) -> list[Line]:
    mark = change.marks[0] if change.marks else None
    also = f" ({', '.join(change.marks[1:])})" if len(change.marks) > 1 else ""
    return _labelled(mark or "", _STYLES[mark] if mark else "", change.text + also, width)


def _format_cause(cause: Cause, width: int | None, *, is_first: bool) -> list[Line]:
    text = cause.text if cause.kind in {"unknown", "failure"} else f"{cause.kind}: {cause.text}"
    return _labelled("because" if is_first else "", "dim", text, width, "dim")


def _format_variants(model: ModelDifference) -> list[Line]:
    rows = [
        (variant.name, describe_size(variant), describe_deviation(variant))
        for variant in shown_variants(model)
    ]
    if not rows:
        return []
    widths = [max(_LABEL, *(len(row[0]) for row in rows)), max(len(row[1]) for row in rows)]
    return [
        ((f"  {name:<{widths[0]}}", ""), (f"{size:<{widths[1]}}", ""), (f"  {error}", "dim"))
        for name, size, error in rows
    ]


def _labelled(
    label: str, style: Style, text: str, width: int | None, text_style: Style = ""
) -> list[Line]:
    return label_text((f"  {label:<{_LABEL}}", style), text, text_style, width=width)
