"""Lines: cleaning, wrapping, cropping, and streams that cannot take every character."""

import pytest

from pipeline.text.line import (
    clean_lines,
    crop_line,
    crop_middle,
    encode_text,
    first_line,
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


def test_a_cropped_line_is_as_wide_as_allowed() -> None:
    line = crop_line((("✓", "good"), (" convert a-model", ""), ("  4.1 s", "dim")), 12)

    assert plain_text([line]) == "✓ convert a…\n"
    assert plain_text([crop_line((("short", ""),), 12)]) == "short\n"
    assert plain_text([crop_line((("exactly-twelve"[:12], ""),), 12)]) == "exactly-twel\n"


def test_cropped_names_that_differ_at_the_end_stay_apart() -> None:
    assert crop_middle("movenet-singlepose-lightning", 16) == "movenet-…ghtning"
    assert crop_middle("movenet-singlepose-thunder", 16) == "movenet-…thunder"
    assert crop_middle("gear", 16) == "gear"


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
