"""A chart of each variant's size and error, laid out for an SVG, which a template draws. Pure.

Sizes grow to the right on a linear scale, errors upwards on a logarithmic scale; errors near zero
are at its foot. Variants without a file stand in a band at the right. Letters have one width, so
the width of a label is known here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.catalog.deviation import Deviation
from pipeline.catalog.phrases import format_share
from pipeline.text.quantity import format_bytes

WIDTH, HEIGHT = 380, 220
LEFT, RIGHT, TOP, FOOT = 68, 372, 12, 196
BAND_LEFT = 268
FONT, LETTER = 11.0, 6.62
_DOT, _MARGIN = 5.0, 3.0
_TICKS, _TICKS_BESIDE_BAND = 5, 3
_ROOM = 1.15
_LEAST, _MOST = 1e-6, 10.0


@dataclass(frozen=True, kw_only=True)
class ChartVariant:
    """A variant to be drawn.

    Attributes:
        name: Its name.
        published: Whether it has files.
        size_bytes: Size of its files; None for a variant without files.
        deviation: Its deviation from the source.
    """

    name: str
    published: bool
    size_bytes: int | None
    deviation: Deviation


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A variant in the chart: a dot, its label, and its limit.

    Attributes:
        name: Name of the variant.
        x: Horizontal position of the dot.
        y: Vertical position of the dot.
        published: Whether the variant has files.
        label_x: Left end of the label.
        label_y: Foot of the label.
        limit_y: Vertical position of the limit; None for a variant without a limit.
        text: The mark in words: "uint8: 1.2 MiB, 0.5 % of the range off, 5 % allowed".
    """

    name: str
    x: float
    y: float
    published: bool
    label_x: float
    label_y: float
    limit_y: float | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart as the template draws it.

    Attributes:
        marks: The variants.
        sizes: Ticks of the axis of sizes.
        errors: Ticks of the axis of errors, one for each power of ten.
        has_unpublished: Whether the chart has a band of variants without files.
    """

    marks: Sequence[Mark]
    sizes: Sequence[Tick]
    errors: Sequence[Tick]
    has_unpublished: bool


@dataclass(frozen=True, kw_only=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "_Box") -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


@dataclass(frozen=True, kw_only=True)
class _ErrorAxis:
    """The logarithmic axis of errors, from one power of ten to another."""

    low: int
    high: int

    def place(self, share: float) -> float:
        """Return the position of an error, a share of the range."""
        power = math.log10(min(max(share, 10.0**self.low), 10.0**self.high))
        return FOOT - (power - self.low) / (self.high - self.low) * (FOOT - TOP)

    def ticks(self) -> Iterator[Tick]:
        """Yield a tick for each power of ten."""
        for power in range(self.low, self.high + 1):
            yield Tick(at=self.place(10.0**power), text=_error_text(power, self.low))


def draw_chart(variants: Sequence[ChartVariant]) -> Chart | None:
    """Lay out a chart; None for fewer than two variants."""
    if len(variants) <= 1:
        return None
    unpublished = [variant.name for variant in variants if not variant.published]
    right = BAND_LEFT - 16 if unpublished else RIGHT
    end = _ROOM * max([1, *(variant.size_bytes or 0 for variant in variants)])
    axis = _error_axis(variants)
    step = (RIGHT - BAND_LEFT) / (len(unpublished) + 1)
    band = {name: BAND_LEFT + step * (i + 1) for i, name in enumerate(unpublished)}
    dots = []
    for variant in variants:
        x = LEFT + (variant.size_bytes or 0) / end * (right - LEFT)
        dots.append((band.get(variant.name, x), axis.place(variant.deviation.share)))
    limits = [
        axis.place(variant.deviation.limit) if variant.deviation.limit else None
        for variant in variants
    ]
    labels = _place_labels([variant.name for variant in variants], dots, limits)
    ticks = _size_ticks(end, _TICKS_BESIDE_BAND if unpublished else _TICKS)
    return Chart(
        marks=list(map(_mark, variants, dots, labels, limits)),
        sizes=[Tick(at=LEFT + tick.at * (right - LEFT), text=tick.text) for tick in ticks],
        errors=list(axis.ticks()),
        has_unpublished=bool(unpublished),
    )


def _mark(
    variant: ChartVariant, dot: tuple[float, float], label: _Box, limit: float | None
) -> Mark:
    return Mark(
        name=variant.name,
        x=dot[0],
        y=dot[1],
        published=variant.published,
        label_x=label.left,
        label_y=label.bottom - FONT / 4,
        limit_y=limit,
        text=_describe(variant),
    )


def _error_text(power: int, low: int) -> str:
    text = format_share(10.0**power)
    return f"≤{text}" if power == low and 10.0**power <= _LEAST else text


def _describe(variant: ChartVariant) -> str:
    size = "no file" if variant.size_bytes is None else format_bytes(variant.size_bytes)
    deviation = variant.deviation
    off = f"{format_share(deviation.share)} {deviation.what} off" if deviation.share else "exact"
    allowed = f", {format_share(deviation.limit)} allowed" if deviation.limit else ""
    return f"{variant.name}: {size}, {off}{allowed}"


def _size_ticks(end: float, number: int) -> Iterator[Tick]:
    """Yield round sizes from 0 on, `number` at most, at their positions on an axis of length 1."""
    step = 64
    while step * number < end:
        # A power of two is round in 1024-based units.
        step *= 2
    for at in range(0, int(end), step):
        yield Tick(at=at / end, text=format_bytes(at).replace(".0", "") if at else "0")


def _error_axis(variants: Sequence[ChartVariant]) -> _ErrorAxis:
    """Return the axis whose powers of ten enclose all errors and limits."""
    shares = [variant.deviation.share for variant in variants]
    shares += [variant.deviation.limit or 0.0 for variant in variants]
    shares = [min(max(share, _LEAST), _MOST) for share in shares if share] or [_LEAST]
    low = math.floor(math.log10(min(shares)))
    return _ErrorAxis(low=low, high=max(math.ceil(math.log10(max(shares))), low + 2))


def _place_labels(
    names: Sequence[str],
    dots: Sequence[tuple[float, float]],
    limits: Sequence[float | None],
) -> list[_Box]:
    """Return a box for each label; it should cover no dot, no limit and no other label."""
    taken = [
        _Box(left=x - _DOT, top=min(y, end) - _DOT, right=x + _DOT, bottom=max(y, end) + _DOT)
        for (x, y), limit in zip(dots, limits, strict=True)
        for end in (y if limit is None else limit,)
    ]
    placed: list[_Box] = []
    for name, (x, y) in zip(names, dots, strict=True):
        candidates = list(_candidates(len(name) * LETTER, x, y))
        others = [*taken, *(_widen(box) for box in placed)]
        placed.append(
            min(candidates, key=lambda box: _outside(box) + sum(map(box.overlap, others)))
        )
    return placed


def _widen(box: _Box) -> _Box:
    """Return a box with a margin, so that labels do not touch."""
    return _Box(
        left=box.left - _MARGIN,
        top=box.top - _MARGIN,
        right=box.right + _MARGIN,
        bottom=box.bottom + _MARGIN,
    )


def _candidates(width: float, x: float, y: float) -> Iterator[_Box]:
    """Yield the boxes beside a dot where its label may stand, the best first."""
    gap = _DOT + 4
    half = FONT / 2
    beside = ((x + gap, y - half), (x - gap - width, y - half))
    around = ((x - width / 2, y - gap - FONT), (x - width / 2, y + gap))
    corners = ((x + gap, y - gap - half), (x + gap, y + half), (x - gap - width, y + half))
    for left, top in (*beside, *around, *corners):
        yield _Box(left=left, top=top, right=left + width, bottom=top + FONT)


def _outside(box: _Box) -> float:
    """Return the area of a label outside the chart, times ten: it counts more than an overlap."""
    frame = _Box(left=LEFT + 3, top=2, right=WIDTH, bottom=FOOT)
    area = (box.right - box.left) * (box.bottom - box.top)
    return 10 * (area - box.overlap(frame))
