"""The view of a search: size and error of each mix, drawn as text and as a page. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.catalog.phrases import format_share
from pipeline.manifest.variant_section import SMALLEST
from pipeline.records.recipe import Recipe, TriedMix
from pipeline.text.line import BLANK, Line, wrap_text
from pipeline.text.quantity import count, format_bytes, format_ratio
from pipeline.text.templates import open_templates

_COLUMNS, _ROWS = 60, 12
_LABEL = 9
_FAILS, _PASSES, _BEST = "·", "o", "◆"
_SVG_WIDTH, _SVG_HEIGHT, _MARGIN = 640, 320, 44
_LEAST_SHARE = 1e-7


@dataclass(frozen=True, kw_only=True)
class _Dot:
    """A mix in a drawing: its place from 0 to 1, from the left and from the foot."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """Size and error of mixes: sizes on a linear scale, errors on a logarithmic one."""

    dots: Sequence[_Dot]
    sizes: tuple[int, int]
    powers: tuple[int, int]


def format_tuning(
    model: str, recipe: Recipe, fields: Mapping[str, Any], *, page: Path, width: int | None
) -> list[Line]:
    """Return what a search found, with lines for models.yaml.

    Args:
        model: Name of the model.
        recipe: What was found.
        fields: The same as fields of a variant; empty if nothing was found.
        page: The page with the drawing.
        width: Cells of a line of the terminal; None where lines have no end.
    """
    head: Line = ((model, "bold"), (f"  {_describe_trials(recipe)}", "dim"))
    drawn = draw(recipe)
    lines: list[Line] = [head, *(_draw_text(drawn) if drawn else ())]
    lines += wrap_text(describe(recipe), "good" if fields else "warn", indent="", width=width)
    if recipe.cut:
        text = "the time was over before all mixes were tried; --seconds gives more"
        lines += wrap_text(text, "warn", indent="", width=width)
    if fields:
        lines += [((line, ""),) for line in format_yaml(fields).splitlines()]
    return [*lines, ((f"page: {page}", "dim"),), BLANK]


def format_page(model: str, recipe: Recipe, fields: Mapping[str, Any]) -> str:
    """Return a page with the drawing and the lines for models.yaml; see `format_tuning`."""
    drawn = draw(recipe)
    page = open_templates("pipeline.report", {}).get_template("tune.html.jinja")
    width, height = _SVG_WIDTH - 2 * _MARGIN, _SVG_HEIGHT - 2 * _MARGIN
    dots = [
        {
            "x": round(_MARGIN + dot.x * width, 1),
            "y": round(_SVG_HEIGHT - _MARGIN - dot.y * height, 1),
            "kind": {_FAILS: "fails", _PASSES: "passes", _BEST: "best"}[dot.kind],
            "text": dot.text,
        }
        for dot in (drawn.dots if drawn else ())
    ]
    powers = range(drawn.powers[0], drawn.powers[1] + 1) if drawn else ()
    span = max(1, len(powers) - 1)
    return page.render(
        model=model,
        summary=describe(recipe),
        trials=_describe_trials(recipe),
        lines=format_yaml(fields) if fields else "",
        dots=dots,
        errors=[
            {
                "y": round(_SVG_HEIGHT - _MARGIN - i / span * height, 1),
                "text": format_share(10.0**power),
            }
            for i, power in enumerate(powers)
        ],
        sizes=[format_bytes(size) for size in drawn.sizes] if drawn else [],
        width=_SVG_WIDTH,
        height=_SVG_HEIGHT,
        margin=_MARGIN,
    )


def describe(recipe: Recipe) -> str:
    """Return what was found: "smallest: 1.4 MiB, 52% of the base; at most 0.9 % of the range off".

    Else why nothing was.
    """
    if recipe.bytes is None:
        return recipe.reason or "no mix passes"
    error = "" if recipe.share is None else f"; at most {format_share(recipe.share)} {recipe.what}"
    size = f"{format_bytes(recipe.bytes)}, {format_ratio(recipe.bytes, recipe.base_bytes)}"
    return f"{SMALLEST}: {size} of the base{error}{' off' if error else ''}"


def format_yaml(fields: Mapping[str, Any]) -> str:
    """Return a variant for models.yaml, a field a line."""
    entry = [{"name": SMALLEST, **fields}]
    return yaml.safe_dump(
        {"variants": entry}, default_flow_style=None, sort_keys=False, width=1_000_000
    )


def draw(recipe: Recipe) -> _Drawing | None:
    """Return size and error of the mixes that have a measured error; None without any."""
    measured = [(one, one.share) for one in recipe.tried if one.share is not None]
    if not measured:
        return None
    sizes = [one.bytes for one, _ in measured]
    logs = [math.log10(max(share, _LEAST_SHARE)) for _, share in measured]
    low, high = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    least, most = min(sizes), max(sizes)
    dots = [
        _Dot(
            x=(one.bytes - least) / max(1, most - least),
            y=(log - low) / (high - low),
            kind=_kind(one, recipe),
            text=f"{format_bytes(one.bytes)}, {format_share(share)} off",
        )
        for (one, share), log in zip(measured, logs, strict=True)
    ]
    return _Drawing(dots=dots, sizes=(least, most), powers=(low, high))


def _kind(one: TriedMix, recipe: Recipe) -> str:
    if not one.passes:
        return _FAILS
    return _BEST if one.bytes == recipe.bytes else _PASSES


def _draw_text(drawing: _Drawing) -> list[Line]:
    rows = [[" "] * _COLUMNS for _ in range(_ROWS)]
    for dot in sorted(drawing.dots, key=lambda one: (_FAILS, _PASSES, _BEST).index(one.kind)):
        row = _ROWS - 1 - round(dot.y * (_ROWS - 1))
        rows[row][round(dot.x * (_COLUMNS - 1))] = dot.kind
    low, high = drawing.powers
    lines: list[Line] = []
    for i, cells in enumerate(rows):
        power = high - i / (_ROWS - 1) * (high - low)
        label = format_share(10.0 ** round(power)) if _is_near_whole(power, high - low) else ""
        lines.append(((f"{label:>{_LABEL}} ", "dim"), ("".join(cells).rstrip(), "")))
    least, most = map(format_bytes, drawing.sizes)
    lines.append(((f"{'':{_LABEL}} {least}{most:>{_COLUMNS - len(least)}}", "dim"),))
    legend = f"{_BEST} smallest that passes   {_PASSES} passes   {_FAILS} does not"
    lines.append(((f"{'':{_LABEL}} {legend}", "dim"),))
    return lines


def _is_near_whole(power: float, span: int) -> bool:
    return abs(power - round(power)) < span / (_ROWS - 1) / 2


def _describe_trials(recipe: Recipe) -> str:
    number = len(recipe.tried)
    mixes = f"{number:,} mixes" if number != 1 else count(number, "mix")
    base = f"base {format_bytes(recipe.base_bytes)}, " if recipe.base_bytes else ""
    return f"{base}{mixes} tried"
