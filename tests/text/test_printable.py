"""Printable text: anything in, nothing out that a terminal, a file or a page could trip over."""

import pytest

from pipeline.text.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Conv2D_Blöße 東京 👩‍👧", "Conv2D_Blöße 東京 👩‍👧", id="names as they are"),
        pytest.param("one\n\ttwo\u00a0three", "one\n\ttwo\u00a0three", id="lines and spaces"),
        pytest.param("\ud800", r"\ud800", id="half a surrogate pair"),
        pytest.param("caf\udce9.h5", r"caf\udce9.h5", id="a file name that is no UTF-8"),
        pytest.param("\x1b[2J\x1b]0;x\x07", r"\u001b[2J\u001b]0;x\u0007", id="escape sequences"),
        pytest.param("\x1b[1;31mno\x1b[0m op", "no op", id="colours"),
        pytest.param("\x1b[3\x1b[0m1mx", r"\u001b[31mx", id="colours in colours"),
        pytest.param(
            "50%\r100%\x08\x00\x9b", r"50%\u000d100%\u0008\u0000\u009b", id="control characters"
        ),
        pytest.param("gnp.\u202excod", r"gnp.\u202excod", id="order turned round"),
        pytest.param("a\u2028b\u2066c\ufeff", r"a\u2028b\u2066c\ufeff", id="hidden characters"),
        pytest.param("a\U000e0041", r"a\udb40\udc41", id="tags"),
    ],
)
def test_what_cannot_be_shown_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(printable(text)) == shown
    assert printable(text).encode().decode() == shown


def test_of_a_long_text_the_middle_goes() -> None:
    text = "no such op: " + "x" * 10**6 + "; expected one that computes"

    shown = printable(text, limit=60)
    assert len(shown) == 60
    assert shown.startswith("no such op: xxx")
    assert shown.endswith("that computes")
    assert printable(shown, limit=60) == shown


def test_what_grows_by_its_escapes_is_no_longer_than_allowed() -> None:
    assert len(printable("\ud800" * 100, limit=100)) == 100
