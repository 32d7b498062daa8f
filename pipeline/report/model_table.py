"""The table of models: what the zoo offers, a row a model, from the catalog's entries. Pure.

The sizes of the variants are what it is about, so they get the room: a narrow terminal loses
first the task, then the parameters, and where even that is too wide a model takes two rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.backends import describe_limits
from pipeline.report.run_context import Card
from pipeline.text.line import (
    Line,
    Style,
    crop_line,
    crop_middle,
    crop_text,
    first_line,
    wrap_text,
)
from pipeline.text.quantity import format_bytes, format_parameters, format_ratio
from pipeline.text.suggest import list_first

BASES = ("float32", "original")
MAX_NAME = 32
MIN_NAME = 16
MAX_TASK = 24
MAX_NAMED = 3
# The catalog and the log have all of it; the limit that it names stands at its end.
MAX_REASON = 400
WIDTH_WITHOUT_END = 120
GAP = "  "
NONE = "–"  # noqa: RUF001

STATUS_STYLES: Mapping[str, Style] = {
    "ok": "good",
    "stale": "warn",
    "withheld": "warn",
    "skipped": "dim",
    "failed": "bad",
}

Cell = tuple[str, Style]

_NO_BASE: Cell = (NONE, "dim")


def format_models_table(cards: Sequence[Card], *, width: int | None = None) -> list[Line]:
    """Return the table of models, with a line of notes for what is not published and why.

    Args:
        cards: Entries of the catalog; read are `name`, `status`, `reason`, `task`, `parameters`
            and of the variants `name`, `status`, `reason`, `bytes`, `checks`. The base is the
            variant "float32" or "original"; the others are given in percent of it.
        width: Characters of a row of the terminal. None where rows have no end: the table
            then takes 120 at most, and notes are not wrapped.
    """
    if not cards:
        return []
    names = list(dict.fromkeys(name for card in cards for name in _others(card)))
    table = _Columns(cards, names)
    room = width or WIDTH_WITHOUT_END
    layouts = [
        lines
        for lines in (
            table.rows(("task", "parameters"), MAX_NAME),
            table.rows(("parameters",), MAX_NAME),
            table.rows((), MAX_NAME),
            table.rows(("parameters",), MIN_NAME),
            table.rows((), MIN_NAME),
        )
        if max(sum(len(text) for text, _ in line) for line in lines) <= room
    ]
    lines = layouts[0] if layouts else _stacked(cards, room)
    return [*lines, *_notes(cards, width)]


class _Columns:
    """All columns of the table, formatted once; `rows` joins some of them."""

    def __init__(self, cards: Sequence[Card], names: Sequence[str]) -> None:
        self._names = names
        marked = any(_is_original(card) for card in cards)
        self._columns: dict[str, list[Cell]] = {
            "model": [("model", "bold"), *((card["name"], "") for card in cards)],
            "status": [("status", "bold"), *(_status(card) for card in cards)],
            "task": [
                ("task", "bold"),
                *((crop_text(c.get("task") or NONE, MAX_TASK), "") for c in cards),
            ],
            "parameters": [("parameters", "bold"), *(_parameters(card) for card in cards)],
            "base": [("base", "bold"), *(_base_cell(card, marked=marked) for card in cards)],
        }
        for name in names:
            cells = [_variant_cell(card, _variants(card).get(name)) for card in cards]
            self._columns[f"variant {name}"] = [(crop_text(name, 16), "bold"), *cells]

    def rows(self, shown: Sequence[str], max_name: int) -> list[Line]:
        """Return the rows with the columns that are always there and those in `shown`."""
        left = ("model", "status", *(column for column in ("task",) if column in shown))
        right = (
            *(column for column in ("parameters",) if column in shown),
            "base",
            *(f"variant {name}" for name in self._names),
        )
        columns = self._columns | {
            "model": [
                (crop_middle(name, max_name), style) for name, style in self._columns["model"]
            ]
        }
        padded = [_pad(columns[column], left=True) for column in left]
        padded += [_pad(columns[column], left=False) for column in right]
        return [_join(row) for row in zip(*padded, strict=True)]


def _pad(cells: Sequence[Cell], *, left: bool) -> list[Cell]:
    width = max(len(text) for text, _ in cells)
    return [(text.ljust(width) if left else text.rjust(width), style) for text, style in cells]


def _join(row: Sequence[Cell]) -> Line:
    line: list[Cell] = []
    for text, style in row:
        line += [(GAP, ""), (text, style)]
    return tuple(line[1:])


def _stacked(cards: Sequence[Card], width: int) -> list[Line]:
    """Return two rows or more a model: what it is, then its variants, each with its name."""
    lines: list[Line] = []
    for card in cards:
        status, style = _status(card)
        about = [card["task"]] if card.get("task") else []
        if card.get("parameters") is not None:
            about.append(f"{_parameters(card)[0]} parameters")
        head: Line = ((card["name"], "bold"), (f"{GAP}{status}", style))
        lines.append(crop_line((*head, (GAP + ", ".join(about), "dim")), width))
        base = _base(card)
        cells = [(f"{base['name']} ", _base_cell(card, marked=False))] if base else []
        cells += [
            (f"{name} ", _variant_cell(card, _variants(card)[name])) for name in _others(card)
        ]
        row: list[Cell] = []
        for label, (padded, cell_style) in cells:
            text = " ".join(padded.split())
            used = sum(len(part) for part, _ in row)
            if row and used + len(GAP + label + text) > width:
                lines.append(tuple(row))
                row = []
            row += [(" " * 4 if not row else GAP, ""), (label, "dim"), (text, cell_style)]
        if row:
            lines.append(tuple(row))
    return lines


def _variants(card: Card) -> dict[str, Mapping[str, Any]]:
    return {variant["name"]: variant for variant in card.get("variants") or ()}


def _base(card: Card) -> Mapping[str, Any] | None:
    variants = _variants(card)
    return next((variants[name] for name in BASES if name in variants), None)


def _is_original(card: Card) -> bool:
    base = _base(card)
    return base is not None and base["name"] == "original"


def _others(card: Card) -> list[str]:
    return [name for name in _variants(card) if name not in BASES]


def _status(card: Card) -> Cell:
    status = card.get("status") or NONE
    return (status, STATUS_STYLES.get(status, ""))


def _parameters(card: Card) -> Cell:
    parameters = card.get("parameters")
    return (NONE if parameters is None else format_parameters(parameters), "")


def _base_cell(card: Card, *, marked: bool) -> Cell:
    base = _base(card)
    text, style = _size(base) if base else _NO_BASE
    star = "*" if _is_original(card) else " "
    return (text + star if marked else text, style)


def _variant_cell(card: Card, variant: Mapping[str, Any] | None) -> Cell:
    if variant is None:
        return ("", "")
    text, style = _size(variant)
    base = _base(card)
    base_bytes = base.get("bytes") if base else None
    if variant["status"] == "ok" and variant.get("bytes") is not None and base_bytes:
        text += f" {format_ratio(variant['bytes'], base_bytes):>4}"
    return (text, style)


def _size(variant: Mapping[str, Any]) -> Cell:
    if variant["status"] != "ok":
        return (variant["status"], STATUS_STYLES.get(variant["status"], ""))
    num_bytes = variant.get("bytes")
    return (NONE if num_bytes is None else format_bytes(num_bytes), "")


def _notes(cards: Sequence[Card], width: int | None) -> list[Line]:
    """Return what the star means, where models are limited, and why what is missing is so."""
    groups: dict[tuple[str, str], list[str]] = {}
    for card in cards:
        missing = [v for v in _variants(card).values() if v["status"] in ("withheld", "skipped")]
        entries = [(variant, f"{card['name']} {variant['name']}") for variant in missing]
        if card.get("status") == "stale":
            entries.append((card, card["name"]))
        for entry, name in entries:
            reason = crop_middle(first_line(entry.get("reason")), MAX_REASON) or "no reason given"
            key = (entry["status"], reason)
            groups.setdefault(key, []).append(name)
    notes: list[Cell] = []
    if any(_is_original(card) for card in cards):
        notes.append(("* the source is quantized already: its weights as they are", "dim"))
    for limit, members in _limits(cards).items():
        notes.append((f"{limit} ({list_first(members, MAX_NAMED)})", "dim"))
    for (status, reason), members in groups.items():
        notes.append(
            (f"{status}: {reason} ({list_first(members, MAX_NAMED)})", STATUS_STYLES[status])
        )
    return [
        line for text, style in notes for line in wrap_text(text, style, indent="", width=width)
    ]


def _limits(cards: Sequence[Card]) -> dict[str, list[str]]:
    """Return what limits the bases that are ok, each with the names of the models."""
    groups: dict[str, list[str]] = {}
    for card in cards:
        base = _base(card)
        if base is not None and base["status"] == "ok":
            for limit in describe_limits(base.get("checks") or {}):
                groups.setdefault(limit, []).append(card["name"])
    return groups
