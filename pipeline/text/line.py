"""Lines: text with styles that a terminal may show and everything else may ignore. Pure.

A line is written once, for all outputs: as colours by the live view, as bare text for files
and pipes. What comes from models and servers is cleaned of control characters, so that no
message can move the cursor.
"""

import re
import textwrap
from collections.abc import Iterable
from typing import Literal

from pipeline.text.printable import printable

Style = Literal["", "good", "bad", "warn", "dim", "bold"]
Line = tuple[tuple[str, Style], ...]

BLANK: Line = ()
ELLIPSIS = "…"
# One character for one, so that what was aligned stays so. "→" is in free text only.
FALLBACKS = str.maketrans(
    {"✓": "+", "✗": "x", "–": "-", "·": "-", "…": "~", "→": "->", "×": "x", "≥": ">=", "≤": "<="}  # noqa: RUF001
)

# CSI and OSC sequences of ECMA-48, then every other control character.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def plain_text(lines: Iterable[Line]) -> str:
    """Return lines without their styles, each ended by a newline and free of trailing blanks."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def clean_lines(text: str) -> list[str]:
    """Split a message of whatever origin into its lines, without control characters."""
    text = text.replace("\r\n", "\n").expandtabs(4)
    lines = [_CONTROLS.sub("", line) for line in _ESCAPES.sub("", text).split("\n")]
    return [line.rstrip() for line in lines if line.strip()]


def first_line(text: str | None) -> str:
    """Return the first line of a message that says something; "" where none does."""
    lines = clean_lines(text or "")
    return lines[0].strip() if lines else ""


def wrap_text(text: str, style: Style, *, indent: str, width: int | None) -> list[Line]:
    """Return a message as indented lines, wrapped at `width`; None leaves long lines whole.

    Words are never broken: a path or an address can be copied as it stands.
    """
    lines: list[Line] = []
    for line in clean_lines(text):
        inner = indent + line[: len(line) - len(line.lstrip())]
        pieces = [line.strip()]
        if width is not None:
            pieces = textwrap.wrap(
                line.strip(),
                max(20, width - len(inner)),
                break_long_words=False,
                break_on_hyphens=False,
            )
        lines += [((inner + piece, style),) for piece in pieces]
    return lines


def crop_line(line: Line, width: int | None) -> Line:
    """Return a line of at most `width` characters, its end marked where it was longer."""
    if width is None or sum(len(text) for text, _ in line) <= width:
        return line
    kept: list[tuple[str, Style]] = []
    room = max(1, width) - len(ELLIPSIS)
    for text, style in line:
        kept.append((text[:room], style))
        room -= len(text)
        if room < 0:
            break
    return (*kept, (ELLIPSIS, "dim"))


def crop_text(text: str, width: int) -> str:
    """Return a text of at most `width` characters, its end marked where it was longer."""
    return text if len(text) <= width else text[: max(0, width - 1)] + ELLIPSIS


def crop_middle(text: str, width: int) -> str:
    """Return a text of at most `width` characters; names often differ at their ends only."""
    if len(text) <= width:
        return text
    tail = (width - len(ELLIPSIS)) // 2
    return text[: width - len(ELLIPSIS) - tail] + ELLIPSIS + text[len(text) - tail :]


def encode_text(text: str, encoding: str | None) -> str:
    """Return the text that a stream of this encoding can take and a terminal only shows."""
    text = printable(text)
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(FALLBACKS)
        return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    except LookupError:  # codecs.open() calls itself "unknown"
        return text
    return text
