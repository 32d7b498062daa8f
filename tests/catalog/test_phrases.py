"""Shapes, shares and links as the pages write them."""

import pytest

from pipeline.catalog.phrases import (
    format_counts,
    format_range,
    format_shape,
    format_share,
    format_sizes,
    web_url,
)


def test_free_sizes_are_question_marks() -> None:
    assert format_shape([-1, 224, 3]) == "[?, 224, 3]"
    assert format_shape([]) == "[]"
    assert format_shape(None) == "[…]"
    assert format_sizes([1, -1, 3]) == "?\N{MULTIPLICATION SIGN}3"
    assert format_sizes([1]) == ""


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "<0.0001 %"),
        (1e-6, "0.0001 %"),
        (1.14e-6, "0.00011 %"),
        (0.005, "0.5 %"),
        (0.0999, "10 %"),
        (0.41, "41 %"),
        (12.0, "1,200 %"),
    ],
)
def test_a_share_has_two_digits_and_no_exponent(share: float, text: str) -> None:
    assert format_share(share) == text


def test_sizes_share_their_unit() -> None:
    assert format_range([]) == ""
    assert format_range([2048]) == "2 KiB"
    assert format_range([4096, 2048]) == "2 to 4 KiB"
    assert format_range([2048, 2 * 1024**2]) == "2 KiB to 2.0 MiB"


def test_counts_are_sentences() -> None:
    assert format_counts({"int32": 1, "float16": 10}) == "10 float16, 1 int32"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "javascript:alert(1)",
        "javascript://a.org/%0aalert(1)",
        "ftp://a.org/",
        "JaVaScRiPt:alert(1)//https://a.org",
        "data:text/html,<script>alert(1)</script>",
        "//a.org",
        "https:",
        "https://",
        "https://[",
        "java\nscript:alert(1)",
        "https://a.org/ b",
        "npm:a@1.0.0#b",
    ],
)
def test_nothing_but_the_web_becomes_a_link(text: str | None) -> None:
    assert web_url(text) is None


def test_an_address_of_the_web_is_a_link() -> None:
    assert web_url("https://a.org/b?c#d") == "https://a.org/b?c#d"
    assert web_url("http://a.org") == "http://a.org"
