"""What is withheld: how far off each variant is, what was allowed, and why. Pure.

A run ends with the table, which fits a screen; `tfjs-zoo status --withheld` has the details.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.catalog.deviation import Deviation, deciding_backend, worst_deviation
from pipeline.catalog.model_table import MAX_NAME, NONE, STATUS_STYLES, find_base
from pipeline.catalog.phrases import format_share
from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.proof.judge.task_figures import TaskReading, read_figure
from pipeline.records.verdicts import CatalogCheck
from pipeline.text.line import BLANK, Cell, Line, Style, clean_lines, crop_text, label_text
from pipeline.text.quantity import count
from pipeline.text.table import format_rows

MAX_ROWS = 10
_LABEL = "  {:9}"
_HEADS = ("withheld", "error", "limit", "its task")
_ANY_ERROR = 1.0


@dataclass(frozen=True, kw_only=True)
class WithheldVariant:
    """A variant that is withheld, in words.

    Attributes:
        model: Name of its model.
        variant: Its name.
        error: Its error where it is farthest beyond its limit: "3.2 % of the range".
        limit: What was allowed there: "1 %".
        task: The figure of the output whose task loses most: "labels 0.93, least 0.98".
        reason: Why it is withheld.
        advice: What would pass; None where nothing is known.
    """

    model: str
    variant: str
    error: str
    limit: str
    task: str
    reason: str
    advice: str | None


def describe_withheld(models: Iterable[CatalogModel]) -> list[WithheldVariant]:
    """Return all withheld variants of a catalog's entries."""
    return [_describe(one) for one in _find(models, {"withheld"})]


def _describe(one: "_Withheld") -> WithheldVariant:
    _, *cells = _row(one)
    is_measured = len(cells) == len(_HEADS) - 1 and cells[0][0] != NONE
    error, limit, task = (text for text, _ in cells) if is_measured else ("", "", "")
    return WithheldVariant(
        model=one.model.name,
        variant=one.variant.name,
        error=error,
        limit=limit,
        task=task,
        reason=one.variant.reason or "",
        advice=one.variant.advice,
    )


class _Withheld(NamedTuple):
    model: CatalogModel
    variant: CatalogVariant


def format_withheld(
    models: Sequence[CatalogModel], *, width: int | None, more: int = 0
) -> list[Line]:
    """Return a table of withheld variants, ten at most: error, limit and the task's figure.

    "iris uint8  3.2 % of the range  1 %  labels 0.93, least 0.98" is a row. The
    error is that of the output that is farthest beyond its limit, and the figure that of the
    output whose task loses most.

    Args:
        models: Entries of the catalog.
        width: Cells of a line of the terminal; None where lines have no end.
        more: Number of withheld variants of other models.
    """
    withheld = list(_find(models, {"withheld"}))
    if not withheld:
        return []
    rows: list[list[Cell]] = [[(head, "dim") for head in _HEADS]]
    rows += [_row(one) for one in withheld[:MAX_ROWS]]
    lines = format_rows(rows, width=width)
    rest = max(len(withheld) - MAX_ROWS, 0) + more
    told = f"and {rest:,} more; " if rest else ""
    text = f"{told}`tfjs-zoo status --withheld` tells why, and what would pass"
    return [*lines, ((text, "dim"),)]


def format_reasons(models: Sequence[CatalogModel], *, width: int | None) -> list[Line]:
    """Return why each variant is withheld or failed, and what passes in its place.

    Args:
        models: Entries of the catalog.
        width: Cells of a line of the terminal; None where lines have no end.
    """
    lines: list[Line] = []
    for model, variant in _find(models, {"withheld", "failed"}):
        style = STATUS_STYLES[variant.status]
        title: Line = ((f"{model.name} {variant.name}", "bold"), (f"  {variant.status}", style))
        lines += [BLANK, title] if lines else [title]
        for label, text in (("reason", variant.reason), ("advice", variant.advice)):
            whole = "\n".join(clean_lines(text or ""))
            lines += label_text((_LABEL.format(label), "dim"), whole, "", width=width)
    return lines or [((f"Nothing is withheld of {count(len(models), 'model')}", "good"),)]


def _find(models: Iterable[CatalogModel], statuses: set[str]) -> Iterator[_Withheld]:
    for model in models:
        for variant in model.variants:
            if variant.status in statuses:
                yield _Withheld(model, variant)


def _row(one: _Withheld) -> list[Cell]:
    name = f"{crop_text(one.model.name, MAX_NAME)} {one.variant.name}"
    backend = deciding_backend(one.variant, find_base(one.model) or one.variant)
    check = None if backend is None else one.variant.checks[backend]
    deviation = None if check is None else worst_deviation(check, one.model.outputs)
    if check is None or deviation is None:
        reason = next(iter(clean_lines(one.variant.reason or "")), NONE)
        return [(name, ""), (NONE, ""), (NONE, ""), (reason, "warn")]
    error = f"{format_share(deviation.share)} {deviation.what}"
    reading = _worst_reading(check, one.model)
    task: Cell = ("", "") if reading is None else (reading.describe(), _style(good=reading.passes))
    return [(name, ""), (error, _style(good=deviation.strain <= 1)), (_limit(deviation), ""), task]


def _style(*, good: bool) -> Style:
    return "" if good else "warn"


def _limit(deviation: Deviation) -> str:
    """Return the limit of an error: "1 %", or "any" where only the task's figure decides."""
    if deviation.limit is None:
        return NONE
    return "any" if deviation.limit >= _ANY_ERROR else format_share(deviation.limit)


def _worst_reading(check: CatalogCheck, model: CatalogModel) -> TaskReading | None:
    """Return the figure of the output whose task loses most; None where none was measured."""
    roles = {output.name: (output.role or "").split(", ") for output in model.outputs}
    readings = (
        read_figure(roles.get(name, ()), figures.metrics)
        for name, figures in check.outputs.items()
        if figures.gate == "values"
    )
    found = (reading for reading in readings if reading is not None)
    return min(found, key=lambda reading: reading.value / reading.least, default=None)
