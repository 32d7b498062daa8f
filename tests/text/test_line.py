"""Lines: cleaning, wrapping, cropping, and streams that cannot take every character."""

import pytest

from pipeline.text.line import (
    clean_lines,
    count_cells,
    crop_clauses,
    crop_line,
    crop_middle,
    crop_text,
    encode_text,
    first_line,
    label_text,
    pad_text,
    plain_text,
    wrap_text,
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("a\r\n\n  b \n", ["a", "  b"], id="blank lines and trailing blanks"),
        pytest.param("\x1b[31mred\x1b[0m \x1b[2Kx", ["red x"], id="colours and erasing"),
        pytest.param("\x1b]0;title\x07x\x1b]8;;http://x\x1b\\y", ["xy"], id="title and link"),
        pytest.param("50%\r100%\x08\x00\x9b", ["50%100%"], id="other control characters"),
        pytest.param("\tx", ["    x"], id="tab"),
    ],
)
def test_messages_cannot_move_the_cursor(text: str, lines: list[str]) -> None:
    assert clean_lines(text) == lines


def test_first_line_is_the_first_that_says_something() -> None:
    assert first_line("\n  why\nand more") == "why"
    assert first_line(None) == ""


def test_wrapping_keeps_paths_whole_and_lines_apart() -> None:
    text = "a reason that is too long for it\nhttps://example.org/a/very/long/address/of/a/file"

    assert plain_text(wrap_text(text, "", indent="  ", width=24)).splitlines() == [
        "  a reason that is too",
        "  long for it",
        "  https://example.org/a/very/long/address/of/a/file",
    ]
    assert len(wrap_text(text, "", indent="", width=None)) == 2


def test_wrapping_keeps_blanks_between_words_and_no_break_spaces() -> None:
    text = "a table:   of three\N{NO-BREAK SPACE}words or of several"

    assert plain_text(wrap_text(text, "", indent="", width=22)).splitlines() == [
        "a table:   of",
        "three\N{NO-BREAK SPACE}words or of",
        "several",
    ]


def test_a_message_hangs_behind_its_label() -> None:
    lines = label_text(("  hint  ", "dim"), "free space on the disk\nthen again", "", width=20)

    assert plain_text(lines) == ("  hint  free space on the\n        disk\n        then again\n")
    assert lines[0][0] == ("  hint  ", "dim")
    assert label_text(("  hint  ", "dim"), " \n", "", width=20) == []


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("gear", 4),
        ("✓ –", 3),
        ("東京.pb", 7),
        ("ｗｉｄｅ", 8),
        ("e\u0301", 1),
        ("👩‍👧", 2),
    ],  # wide letters
)
def test_width_is_counted_in_cells(text: str, cells: int) -> None:
    assert count_cells(text) == cells


def test_wide_characters_are_cropped_by_their_cells() -> None:
    name = "物体検出-モデル"

    assert crop_text(name, 8) == "物体検 …"
    assert crop_middle(name, 10) == "物体 …デル"
    assert plain_text([crop_line((("✓", "good"), (f" {name}", "")), 8)]) == "✓ 物体 …\n"
    assert [count_cells(crop_text(name, width)) for width in range(1, 17)] == [*range(1, 16), 15]


def test_wide_characters_are_padded_and_wrapped_by_their_cells() -> None:
    assert pad_text("東京", 6) == "東京  "
    assert pad_text("東京", 6, right=True) == "  東京"
    assert plain_text(wrap_text("モデル 物体検出 東京", "", indent="", width=20)) == (
        "モデル 物体検出 東京\n"
    )
    assert plain_text(wrap_text("モデル 物体検出 東京都", "", indent="", width=20)) == (
        "モデル 物体検出\n東京都\n"
    )


def test_a_cropped_line_is_as_wide_as_allowed() -> None:
    line = crop_line((("✓", "good"), (" convert a-model", ""), ("  4.1 s", "dim")), 12)

    assert plain_text([line]) == "✓ convert a…\n"
    assert plain_text([crop_line((("short", ""),), 12)]) == "short\n"
    assert plain_text([crop_line((("exactly-twelve"[:12], ""),), 12)]) == "exactly-twel\n"


def test_cropped_names_that_differ_at_the_end_stay_apart() -> None:
    assert crop_middle("movenet-singlepose-lightning", 16) == "movenet-…ghtning"
    assert crop_middle("movenet-singlepose-thunder", 16) == "movenet-…thunder"
    assert crop_middle("gear", 16) == "gear"


def test_a_text_is_cropped_where_a_clause_ends_and_a_figure_keeps_its_limit() -> None:
    figures = "y: 2 % of the range; expected at most 1 %"
    text = f"wasm: {figures}; z: 3 % of the range; expected at most 1 %; cpu: it lacks Erf"

    assert crop_clauses(text, len(text)) == text
    assert crop_clauses(text, 60) == f"wasm: {figures}; …"
    # The first clause is whole, also if it is longer.
    assert crop_clauses(text, 20) == f"wasm: {figures}; …"
    assert crop_clauses("It died. No reason is known.", 20) == "It died. …"
    # A text without clauses is the exception.
    assert crop_clauses("x" * 100, 20) == f"{'x' * 30}…{'x' * 29}"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        pytest.param("utf-8", "✓ a · b → ü", id="all"),
        pytest.param(None, "✓ a · b → ü", id="none stated"),
        pytest.param("unknown", "✓ a · b → ü", id="codecs.open"),
        pytest.param("latin-1", "+ a - b -> ü", id="some"),
        pytest.param("ascii", "+ a - b -> \\xfc", id="none"),
    ],
)
def test_characters_that_a_stream_cannot_take(encoding: str | None, text: str) -> None:
    assert encode_text("✓ a · b → ü", encoding) == text
