"""The picture of size against error: what is where, and that labels can be read."""

from itertools import combinations

import pytest

from pipeline.catalog.deviation import Deviation
from pipeline.site.chart import (
    BAND_LEFT,
    FONT,
    FOOT,
    LEFT,
    LETTER,
    RIGHT,
    TOP,
    Chart,
    ChartVariant,
    Mark,
    draw_chart,
)

KIB = 1024


def subject(name: str, size: int | None, share: float, limit: float | None = 1e-2) -> ChartVariant:
    """Return a variant to be drawn; without a size it is withheld."""
    deviation = Deviation(output="y", share=share, limit=limit, what="of the range")
    return ChartVariant(name=name, published=size is not None, size_bytes=size, deviation=deviation)


def draw(*subjects: ChartVariant) -> tuple[Chart, dict[str, Mark]]:
    """Return a chart and its marks by name."""
    chart = draw_chart(subjects)
    assert chart is not None
    return chart, {mark.name: mark for mark in chart.marks}


def test_one_variant_is_nothing_to_compare() -> None:
    assert draw_chart([subject("float32", KIB, 1e-5)]) is None
    assert draw_chart([]) is None


def test_size_grows_to_the_right_and_error_upwards() -> None:
    _, marks = draw(subject("float32", 4 * KIB, 1e-5), subject("uint8", KIB, 1e-2))
    base, small = marks["float32"], marks["uint8"]

    assert base.x - LEFT == pytest.approx(4 * (small.x - LEFT))
    assert TOP <= small.y < base.y <= FOOT


def test_a_dot_at_its_limit_lies_on_its_bar() -> None:
    _, marks = draw(subject("a", KIB, 1e-3, 1e-3), subject("b", KIB, 1e-4, None))

    assert marks["a"].limit_y == pytest.approx(marks["a"].y)
    assert marks["b"].limit_y is None


def test_what_has_no_file_stands_apart_in_a_band_of_its_own() -> None:
    chart, marks = draw(
        subject("float32", 9 * KIB, 1e-5),
        subject("float16", None, 0.05),
        subject("uint8", None, 0.05),
    )

    assert chart.has_unpublished
    assert marks["float32"].x < BAND_LEFT < marks["float16"].x < marks["uint8"].x < RIGHT
    assert marks["uint8"].x - marks["float16"].x > 3 * FONT


def test_what_is_next_to_nothing_lies_at_the_foot_and_says_so() -> None:
    chart, marks = draw(subject("float32", KIB, 0.0), subject("original", KIB, 1e-12))

    assert marks["float32"].y == marks["original"].y == FOOT
    assert chart.errors[0].text == "≤0.0001 %"
    assert "exact" in marks["float32"].text


def test_labels_cover_neither_each_other_nor_a_dot() -> None:
    _, marks = draw(
        subject("float32", 8 * KIB, 1e-5),
        subject("float16", 4 * KIB, 1e-3),
        subject("uint16", 4 * KIB, 1.3e-3),
        subject("small", 4 * KIB, 0.9e-3),
        subject("uint8", None, 0.5),
    )

    for one, other in combinations(marks.values(), 2):
        apart = (
            one.label_x + len(one.name) * LETTER <= other.label_x
            or other.label_x + len(other.name) * LETTER <= one.label_x
        )
        assert apart or abs(one.label_y - other.label_y) >= FONT
    for mark in marks.values():
        assert mark.label_x > LEFT


def test_ticks_are_round_and_few() -> None:
    chart, _ = draw(subject("a", 887 * KIB, 1e-5), subject("b", None, 0.1))

    assert [tick.text for tick in chart.sizes] == ["0", "512 KiB"]
    assert [tick.text for tick in chart.errors] == ["0.001 %", "0.01 %", "0.1 %", "1 %", "10 %"]


def test_a_reader_who_does_not_see_it_is_told_the_same() -> None:
    _, marks = draw(subject("a", 2 * KIB, 5e-3), subject("b", None, 0.1, None))

    assert marks["a"].text == "a: 2 KiB, 0.5 % of the range off, 1 % allowed"
    assert marks["b"].text == "b: no file, 10 % of the range off"
