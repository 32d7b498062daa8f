"""The table of models: what a zoo offers, a row for each model. Pure.

The sizes of the variants are its subject, so they get the room: a narrow terminal loses first
the tasks, then the parameters; where even that is too wide, a model takes two rows. rich's
tables cannot choose among columns, and would be imported for pipes too, which takes 30 ms.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pipeline.catalog.backends import describe_limits
from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.text.line import (
    Cell,
    Line,
    Style,
    count_cells,
    count_line_cells,
    crop_clauses,
    crop_line,
    crop_middle,
    crop_text,
    first_line,
    wrap_text,
)
from pipeline.text.quantity import format_bytes, format_parameters, format_ratio
from pipeline.text.suggest import list_first
from pipeline.text.table import GAP, format_rows

BASES = ("float32", "original")
MAX_NAME = 32
MIN_NAME = 16
MAX_TASK = 24
MAX_VARIANT = 16
MAX_NAMED = 3
# The catalog and the log have the whole reason; the limit that it names stands at its end.
MAX_REASON = 400
WIDTH_WITHOUT_END = 120
INDENT = " " * 4
NONE = "–"  # noqa: RUF001  # a dash reads as "none"

STATUS_STYLES: Mapping[str, Style] = {
    "ok": "good",
    "stale": "warn",
    "withheld": "warn",
    "skipped": "dim",
    "failed": "bad",
}

Column = Literal["task", "parameters"]

# What is tried, in this order, until a row fits: the columns that can go, and the longest name.
_LAYOUTS: Sequence[tuple[frozenset[Column], int]] = (
    (frozenset({"task", "parameters"}), MAX_NAME),
    (frozenset({"parameters"}), MAX_NAME),
    (frozenset(), MAX_NAME),
    (frozenset({"parameters"}), MIN_NAME),
    (frozenset(), MIN_NAME),
)


def format_models_table(
    models: Sequence[CatalogModel], *, width: int | None = None, reasons: bool = True
) -> list[Line]:
    """Return the table of models, with notes on what is not published and why.

    Args:
        models: Entries of the catalog. The base is the variant "float32" or "original"; the
            sizes of the others are given in percent of it.
        width: Cells of a line of the terminal. None where lines have no end: the table then
            takes 120 at most, and notes are not wrapped.
        reasons: Whether the notes say why variants are missing, and what passes in their place.
    """
    if not models:
        return []
    room = width or WIDTH_WITHOUT_END
    for shown, max_name in _LAYOUTS:
        rows = list(_rows(models, shown, max_name))
        lines = format_rows(rows, right=range(2 + ("task" in shown), len(rows[0])))
        if max(map(count_line_cells, lines)) <= room:
            break
    else:
        lines = [line for model in models for line in _stack(model, room)]
    notes = [*_notes(models), *(_missing(models) if reasons else ())]
    return [
        *lines,
        *(line for text, style in notes for line in wrap_text(text, style, indent="", width=width)),
    ]


def _rows(
    models: Sequence[CatalogModel], shown: frozenset[Column], max_name: int
) -> Iterator[list[Cell]]:
    """Yield the head of the table and a row for each model."""
    names = list(dict.fromkeys(name for model in models for name in _others(model)))
    marked = any(_is_original(model) for model in models)
    optional = [column for column in ("task", "parameters") if column in shown]
    heads = ["model", "status", *optional, "base", *(crop_text(n, MAX_VARIANT) for n in names)]
    yield [(head, "bold") for head in heads]
    for model in models:
        cells: Mapping[str, Cell] = {"task": _task(model), "parameters": _parameters(model)}
        others = _others(model)
        yield [
            (crop_middle(model.name, max_name), ""),
            _status(model),
            *(cells[column] for column in optional),
            _base_cell(model, marked=marked),
            *(_variant_cell(model, others.get(name)) for name in names),
        ]


def _stack(model: CatalogModel, width: int) -> Iterator[Line]:
    """Yield two lines or more: what a model is, then its variants, each with its name."""
    facts = [model.task] if model.task else []
    if model.parameters is not None:
        facts.append(f"{_parameters(model)[0]} parameters")
    status, style = _status(model)
    head: Line = ((model.name, "bold"), (f"{GAP}{status}", style))
    yield crop_line((*head, (GAP + ", ".join(facts), "dim")), width)
    base = find_base(model)
    cells = {base.name: _base_cell(model, marked=False)} if base else {}
    cells |= {name: _variant_cell(model, variant) for name, variant in _others(model).items()}
    line: Line = ()
    for name, (text, cell_style) in cells.items():
        label, size = f"{name} ", " ".join(text.split())
        if line and count_line_cells(line) + count_cells(GAP + label + size) > width:
            yield line
            line = ()
        line = (*line, (GAP if line else INDENT, ""), (label, "dim"), (size, cell_style))
    if line:
        yield line


def find_base(model: CatalogModel) -> CatalogVariant | None:
    """Return the variant that the others are made of; None where the model has none."""
    variants = {variant.name: variant for variant in model.variants}
    return next((variants[name] for name in BASES if name in variants), None)


def _others(model: CatalogModel) -> dict[str, CatalogVariant]:
    return {variant.name: variant for variant in model.variants if variant.name not in BASES}


def _is_original(model: CatalogModel) -> bool:
    base = find_base(model)
    return base is not None and base.name == "original"


def _status(model: CatalogModel) -> Cell:
    return (model.status, STATUS_STYLES[model.status])


def _task(model: CatalogModel) -> Cell:
    return (crop_text(model.task or NONE, MAX_TASK), "")


def _parameters(model: CatalogModel) -> Cell:
    return (NONE if model.parameters is None else format_parameters(model.parameters), "")


def _base_cell(model: CatalogModel, *, marked: bool) -> Cell:
    """Return the size of the base: "3.4 MiB", or "3.4 MiB*" and "2 KiB " in a marked column."""
    base = find_base(model)
    text, style = _size(base) if base else (NONE, "dim")
    star = "*" if _is_original(model) else " "
    return (text + star if marked else text, style)


def _variant_cell(model: CatalogModel, variant: CatalogVariant | None) -> Cell:
    """Return the size of a variant and its share of the base: "879 KiB  25%"."""
    if variant is None:
        return ("", "")
    text, style = _size(variant)
    base = find_base(model)
    if variant.status == "ok" and variant.bytes is not None and base and base.bytes:
        text += f" {format_ratio(variant.bytes, base.bytes):>4}"
    return (text, style)


def _size(variant: CatalogVariant) -> Cell:
    if variant.status != "ok":
        return (variant.status, STATUS_STYLES[variant.status])
    return (NONE if variant.bytes is None else format_bytes(variant.bytes), "")


def _notes(models: Sequence[CatalogModel]) -> Iterator[Cell]:
    """Yield what the star means, how files travel and where models are limited."""
    if any(_is_original(model) for model in models):
        yield ("* the source is quantized already: its weights as they are", "dim")
    if text := _sent(models):
        yield (text, "dim")
    for limit, names in _limits(models).items():
        yield (f"{limit} ({list_first(names, MAX_NAMED)})", "dim")


def _missing(models: Sequence[CatalogModel]) -> Iterator[Cell]:
    """Yield why variants are missing, and what passes in their place."""
    for (status, reason), names in _reasons(models).items():
        yield (f"{status}: {reason} ({list_first(names, MAX_NAMED)})", STATUS_STYLES[status])
    for advice, names in _advice(models).items():
        yield (f"advice: {advice} (for {list_first(names, MAX_NAMED)})", "dim")


def _sent(models: Sequence[CatalogModel]) -> str:
    """Return what files take as they travel, by variant; "" where nobody measured it.

    "sent with Brotli: float32 91% of these sizes, float16 89%, uint8 70%" is one.
    """
    sizes: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for model in models:
        for variant in model.variants:
            if variant.bytes and variant.brotli_bytes:
                sizes[variant.name][0] += variant.brotli_bytes
                sizes[variant.name][1] += variant.bytes
    parts = [f"{name} {format_ratio(*sizes[name])}" for name in sizes]
    if not parts:
        return ""
    return f"sent with Brotli: {', '.join([f'{parts[0]} of these sizes', *parts[1:]])}"


def _limits(models: Sequence[CatalogModel]) -> Mapping[str, list[str]]:
    """Return the names of the models whose base is ok, by what limits it."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for model in models:
        base = find_base(model)
        if base is not None and base.status == "ok":
            for limit in describe_limits(base.checks):
                groups[limit].append(model.name)
    return groups


def _advice(models: Sequence[CatalogModel]) -> Mapping[str, list[str]]:
    """Return the names of models and withheld variants, by what passes in their place."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for model in models:
        for variant in model.variants:
            if variant.advice:
                groups[variant.advice].append(f"{model.name} {variant.name}")
    return groups


def _reasons(models: Sequence[CatalogModel]) -> Mapping[tuple[str, str], list[str]]:
    """Return the names of models and variants that are not as they should be, by the reason."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for model in models:
        entries: list[tuple[CatalogModel | CatalogVariant, str]] = [
            (variant, f"{model.name} {variant.name}")
            for variant in model.variants
            if variant.status in ("withheld", "skipped")
        ]
        if model.status == "stale":
            entries.append((model, model.name))
        for entry, name in entries:
            reason = crop_clauses(first_line(entry.reason), MAX_REASON) or "no reason given"
            groups[entry.status, reason].append(name)
    return groups
