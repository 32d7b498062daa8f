"""Chart: the size of each variant against its error, laid out for an SVG. Pure.

The template draws it. Sizes grow to the right on a linear scale, errors upwards on a logarithmic
one, whose foot holds all that is next to nothing; at the right is the band of what has no file.
Letters are monospaced, so that the room which a label takes is known while it is built.
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
        published: Whether it has a file.
        size_bytes: Of its files; None where it has none.
        deviation: How far it is from its source.
    """

    name: str
    published: bool
    size_bytes: int | None
    deviation: Deviation


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A variant in the chart: a dot, its label, and its limit.

    Attributes:
        name: The variant's.
        x: Its place.
        y: Its place.
        published: Whether it has a file.
        label_x: Left end of the label.
        label_y: Foot of the label.
        limit_y: Where its limit is; None where that is outside.
        text: All of it in words.
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
    """What the template draws.

    Attributes:
        marks: The variants.
        sizes: Ticks of the axis of sizes.
        errors: Ticks of the axis of errors, one for each power of ten.
        has_unpublished: Whether there is a band of what has no file.
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


def draw_chart(subjects: Sequence[ChartVariant]) -> Chart | None:
    """Lay out a chart; None where there are no two variants to compare."""
    if len(subjects) <= 1:
        return None
    unpublished = [one for one in subjects if not one.published]
    right = BAND_LEFT - 16 if unpublished else RIGHT
    end = _ROOM * max([1, *(one.size_bytes or 0 for one in subjects)])
    ticks = _size_ticks(end, _TICKS_BESIDE_BAND if unpublished else _TICKS)
    low, high = _decades(subjects)

    def place_error(share: float) -> float:
        power = math.log10(min(max(share, 10.0**low), 10.0**high))
        return FOOT - (power - low) / (high - low) * (FOOT - TOP)

    step = (RIGHT - BAND_LEFT) / (len(unpublished) + 1)
    apart = {one.name: BAND_LEFT + step * (i + 1) for i, one in enumerate(unpublished)}
    places = [
        (
            apart[one.name]
            if one.name in apart
            else LEFT + (one.size_bytes or 0) / end * (right - LEFT),
            place_error(one.deviation.share),
        )
        for one in subjects
    ]
    limits = [place_error(one.deviation.limit) if one.deviation.limit else None for one in subjects]
    labels = _place_labels([one.name for one in subjects], places, limits)
    return Chart(
        marks=[
            _mark(one, place, label, limit)
            for one, place, label, limit in zip(subjects, places, labels, limits, strict=True)
        ],
        sizes=[Tick(at=LEFT + one.at * (right - LEFT), text=one.text) for one in ticks],
        errors=[
            Tick(at=place_error(10.0**power), text=_error_text(power, low))
            for power in range(low, high + 1)
        ],
        has_unpublished=bool(unpublished),
    )


def _mark(
    subject: ChartVariant, place: tuple[float, float], label: _Box, limit: float | None
) -> Mark:
    return Mark(
        name=subject.name,
        x=place[0],
        y=place[1],
        published=subject.published,
        label_x=label.left,
        label_y=label.bottom - FONT / 4,
        limit_y=limit,
        text=_describe(subject),
    )


def _error_text(power: int, low: int) -> str:
    text = format_share(10.0**power)
    return f"≤{text}" if power == low and 10.0**power <= _LEAST else text


def _describe(subject: ChartVariant) -> str:
    size = "no file" if subject.size_bytes is None else format_bytes(subject.size_bytes)
    deviation = subject.deviation
    off = f"{format_share(deviation.share)} {deviation.what} off" if deviation.share else "exact"
    allowed = f", {format_share(deviation.limit)} allowed" if deviation.limit else ""
    return f"{subject.name}: {size}, {off}{allowed}"


def _size_ticks(end: float, number: int) -> Iterator[Tick]:
    """Yield round sizes from 0 on, so many at most, at their place on an axis of length 1."""
    step = 64
    while step * number < end:
        # A power of two is round in 1024-based units.
        step *= 2
    for at in range(0, int(end), step):
        yield Tick(at=at / end, text=format_bytes(at).replace(".0", "") if at else "0")


def _decades(subjects: Sequence[ChartVariant]) -> tuple[int, int]:
    """Return the powers of ten that enclose all errors and limits."""
    shares = [one.deviation.share for one in subjects]
    shares += [one.deviation.limit or 0.0 for one in subjects]
    shares = [min(max(share, _LEAST), _MOST) for share in shares if share] or [_LEAST]
    low = math.floor(math.log10(min(shares)))
    return low, max(math.ceil(math.log10(max(shares))), low + 2)


def _place_labels(
    names: Sequence[str],
    places: Sequence[tuple[float, float]],
    limits: Sequence[float | None],
) -> list[_Box]:
    """Return a place for each label where it covers no dot, no limit and no other label."""
    dots = [
        _Box(left=x - _DOT, top=min(y, end) - _DOT, right=x + _DOT, bottom=max(y, end) + _DOT)
        for (x, y), limit in zip(places, limits, strict=True)
        for end in (y if limit is None else limit,)
    ]
    placed: list[_Box] = []
    for name, (x, y) in zip(names, places, strict=True):
        candidates = list(_candidates(len(name) * LETTER, x, y))
        others = [*dots, *(_widen(box) for box in placed)]
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
    """Yield where a label may stand beside its dot, the best first."""
    gap = _DOT + 4
    half = FONT / 2
    beside = ((x + gap, y - half), (x - gap - width, y - half))
    around = ((x - width / 2, y - gap - FONT), (x - width / 2, y + gap))
    corners = ((x + gap, y - gap - half), (x + gap, y + half), (x - gap - width, y + half))
    for left, top in (*beside, *around, *corners):
        yield _Box(left=left, top=top, right=left + width, bottom=top + FONT)


def _outside(box: _Box) -> float:
    """Return how far a label leaves the chart, so that it counts for more than an overlap."""
    frame = _Box(left=LEFT + 3, top=2, right=WIDTH, bottom=FOOT)
    area = (box.right - box.left) * (box.bottom - box.top)
    return 10 * (area - box.overlap(frame))
