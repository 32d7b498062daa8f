"""Tables: aligned columns, and rows that are wider than the terminal."""

from pipeline.text.line import Cell, plain_text
from pipeline.text.table import format_rows


def rows(*texts: str) -> list[list[Cell]]:
    """Return a row for each text; its cells stand between bars."""
    return [[(cell, "") for cell in text.split("|")] for text in texts]


def test_columns_are_aligned() -> None:
    table = rows("gear|ok|2 KiB", "corrupt|failed|\N{EN DASH}")

    assert plain_text(format_rows(table, right={2})) == (
        "gear     ok      2 KiB\ncorrupt  failed      \N{EN DASH}\n"
    )


def test_wide_characters_take_two_cells() -> None:
    assert plain_text(format_rows(rows("東京|a", "osaka|b"))) == "東京   a\nosaka  b\n"


def test_a_column_without_text_takes_no_room() -> None:
    assert plain_text(format_rows(rows("a||b", "c||d"))) == "a  b\nc  d\n"


def test_the_widest_column_loses_the_middle_of_its_texts() -> None:
    table = rows("model/block_1/conv/kernel|float32", "model/bias|int32")

    assert plain_text(format_rows(table, width=26)) == (
        "model/bl\N{HORIZONTAL ELLIPSIS}v/kernel  float32\nmodel/bias         int32\n"
    )


def test_no_column_becomes_too_narrow_to_be_read() -> None:
    (line,) = plain_text(format_rows(rows("a-name-of-many-letters|float32"), width=5)).splitlines()

    assert line == "a-name\N{HORIZONTAL ELLIPSIS}tters  float32"


def test_no_rows_no_lines() -> None:
    assert format_rows([]) == []
