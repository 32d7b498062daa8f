"""Markdown: texts of any origin show as they are."""

import pytest

from pipeline.text.markdown import escape_markdown, format_table, quote_code


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain, 1.5 %", "plain, 1.5 %"),
        ("<img src=x> | *a* _b_ `c`", r"&lt;img src=x&gt; \| \*a\* \_b\_ \`c\`"),
        ("[a](http://b)", "\\[a\\](http:\u200b//b)"),
        ("@team, #12", "@\u200bteam, \\#\u200b12"),
        ("two\nlines\x1b[31m", "two lines"),
        (None, ""),
    ],
)
def test_a_text_means_nothing(text: str | None, escaped: str) -> None:
    assert escape_markdown(text) == escaped


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("s3://bucket/zoo", "`s3://bucket/zoo`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a|b", r"`a\|b`"),
        ("", ""),
    ],
)
def test_code_is_quoted_whatever_it_holds(text: str, quoted: str) -> None:
    assert quote_code(text) == quoted


def test_numbers_stand_to_the_right() -> None:
    assert format_table(["model", " size"], [["a", "1"]]) == [
        "| model | size |",
        "| --- | ---: |",
        "| a | 1 |",
    ]
