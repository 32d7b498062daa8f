"""Lines: text with styles, for terminals, files and pipes. Pure.

A terminal shows the styles as colours; files and pipes get the bare text. Text from models and
servers loses its control characters here, so that no message can move the cursor.

Widths are counted in cells of a terminal, as rich counts them: "東" takes two, an accent that
combines takes none. The lines themselves are no `rich.text.Text`: importing it takes 20 ms of
computing, and pipes and a run with nothing to do need none of it.
"""

import re
from collections.abc import Iterable
from typing import Literal

from pipeline.text.printable import printable

Style = Literal["", "good", "bad", "warn", "dim", "bold"]
Cell = tuple[str, Style]
Line = tuple[Cell, ...]

BLANK: Line = ()
ELLIPSIS = "…"
# Most signs have one character for one, so that columns stay aligned; "→" is in free text only.
FALLBACKS = str.maketrans(
    {"✓": "+", "✗": "x", "–": "-", "·": "-", "…": "~", "→": "->", "×": "x", "≥": ">=", "≤": "<="}  # noqa: RUF001  # the signs that we print
)
# A label leaves a message this many cells at least.
_MIN_ROOM = 20

# The end of a clause, and the sign that more follow.
_CLAUSE_END = re.compile(r"; (?!expected )|(?<=\w\w\.) ")
_MORE = "; …"
# The width that a first clause may take, in widths.
_LONGEST = 3

# CSI and OSC sequences of ECMA-48, then every other control character.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# No-break spaces belong to the word.
_WORDS = re.compile(r" *[^ ]+")


def plain_text(lines: Iterable[Line]) -> str:
    r"""Return lines without their styles: "✓ convert gear  0.2 s\n✓ catalog  0.1 s\n"."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def clean_lines(text: str) -> list[str]:
    r"""Split a message of any origin into lines without control characters.

    "\x1b[31ma\x1b[0m\r\n\n  b" is `["a", "  b"]`.
    """
    text = text.replace("\r\n", "\n").expandtabs(4)
    lines = [_CONTROLS.sub("", line) for line in _ESCAPES.sub("", text).split("\n")]
    return [line.rstrip() for line in lines if line.strip()]


def first_line(text: str | None) -> str:
    r"""Return the first line of a message that is not blank: "why" of "\n  why\nand more"."""
    lines = clean_lines(text or "")
    return lines[0].strip() if lines else ""


def wrap_text(text: str, style: Style, *, indent: str, width: int | None) -> list[Line]:
    """Return a message as indented lines: "  a reason that is too" and "  long for it".

    Words are never broken, so that a path or an address can be copied.

    Args:
        text: The message; each of its lines begins a line of its own and keeps its own indent.
        style: Style of all lines.
        indent: Blanks before each line.
        width: Cells of a line, with the indent; None leaves long lines whole.
    """
    lines: list[Line] = []
    for line in clean_lines(text):
        inner = indent + line[: len(line) - len(line.lstrip())]
        room = None if width is None else max(_MIN_ROOM, width - len(inner))
        lines += [((inner + piece, style),) for piece in _wrap(line.strip(), room)]
    return lines


def _wrap(text: str, room: int | None) -> list[str]:
    if room is None or count_cells(text) <= room:
        return [text]
    pieces = [""]
    for word in _WORDS.findall(text):
        if pieces[-1] and count_cells(pieces[-1] + word) > room:
            pieces.append(word.lstrip(" "))
        else:
            pieces[-1] += word
    return pieces


def label_text(label: Cell, text: str, style: Style, *, width: int | None) -> list[Line]:
    """Return a message behind a label, wrapped under itself; no line for an empty message.

    "  hint     " and "free space" are the line "  hint     free space".

    Args:
        label: The label, with the blanks before and after it.
        text: The message.
        style: Style of the message.
        width: Cells of a line, with the label; None leaves long lines whole.
    """
    indent = " " * count_cells(label[0])
    lines = wrap_text(text, style, indent=indent, width=width)
    if not lines:
        return []
    ((first, _),) = lines[0]
    return [(label, (first.removeprefix(indent), style)), *lines[1:]]


def count_cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: 7 for "東京.pb"."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415  # 10 ms, and most texts are ASCII

    return cell_len(text)


def count_line_cells(line: Line) -> int:
    """Return how many cells of a terminal a line takes."""
    return sum(count_cells(text) for text, _ in line)


def crop_line(line: Line, width: int | None) -> Line:
    """Return a line of at most `width` cells: "✓ convert a…"; None leaves it whole."""
    if width is None or count_line_cells(line) <= width:
        return line
    kept: list[Cell] = []
    room = max(1, width) - len(ELLIPSIS)
    for text, style in line:
        kept.append((_take(text, room), style))
        room -= count_cells(text)
        if room < 0:
            break
    return (*kept, (ELLIPSIS, "dim"))


def crop_text(text: str, width: int) -> str:
    """Return a text of at most `width` cells: "object-dete…"."""
    return text if count_cells(text) <= width else _take(text, width - len(ELLIPSIS)) + ELLIPSIS


def crop_middle(text: str, width: int) -> str:
    """Return a text of at most `width` cells that keeps both its ends: "movenet-…ghtning"."""
    if count_cells(text) <= width:
        return text
    tail = (width - len(ELLIPSIS)) // 2
    head = width - len(ELLIPSIS) - tail
    return _take(text, head) + ELLIPSIS + _take(text[::-1], tail)[::-1]


def crop_clauses(text: str, width: int) -> str:
    """Return the first clauses of a text, as many as `width` cells hold: "it lacks Erf; …".

    A clause ends at a semicolon or a full stop, and "; expected at most 1 %" belongs to the clause
    before it: a figure without its limit says nothing. The first clause is whole, unless it is
    three times as long.
    """
    if count_cells(text) <= width:
        return text
    kept = ""
    for end in (found.start() for found in _CLAUSE_END.finditer(text)):
        if kept and count_cells(text[:end]) > width - len(_MORE):
            break
        kept = text[:end]
    more = _MORE.removeprefix(";") if kept.endswith(".") else _MORE
    return crop_middle(kept + more if kept else text, _LONGEST * width)


def _take(text: str, width: int) -> str:
    """Return the beginning of a text; half of a wide character becomes a blank."""
    if count_cells(text) <= width:
        return text
    if text.isascii():
        return text[: max(0, width)]
    from rich.cells import set_cell_size  # noqa: PLC0415  # as in count_cells

    return set_cell_size(text, max(0, width))


def pad_text(text: str, width: int, *, right: bool = False) -> str:
    """Return a text of `width` cells: "ok    ", or "    ok" where it stands to the right."""
    blanks = " " * (width - count_cells(text))
    return blanks + text if right else text + blanks


def encode_text(text: str, encoding: str | None) -> str:
    """Return the text in the characters that a stream can take: "+ gear" in ASCII for "✓ gear"."""
    text = printable(text)
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(FALLBACKS)
        return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    except LookupError:  # codecs.open() calls itself "unknown"
        return text
    return text
