"""Markdown: text of any origin, escaped, and tables. Pure.

The dialect is GitHub's. Text from manifests, models and servers shows as plain text.
"""

import html
import re
from collections.abc import Iterable, Sequence

from pipeline.text.line import clean_lines

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
_NEUTRAL = "\N{ZERO WIDTH SPACE}"


def escape_markdown(text: str | None) -> str:
    r"""Return a text as a line without Markdown: "\*a\* \| b" of "*a* | b"."""
    line = " ".join(part.strip() for part in clean_lines(text or ""))
    # GitHub must not make links of addresses, mentions of people and numbers of issues.
    line = line.replace("://", f":{_NEUTRAL}//").replace("www.", f"www{_NEUTRAL}.")
    escaped = html.escape(_SPECIAL.sub(r"\\\1", line), quote=False)
    return re.sub(r"([@#])", rf"\1{_NEUTRAL}", escaped)


def quote_code(text: str) -> str:
    """Return a name, a path or an address as code: "`models/gear`"."""
    line = " ".join(part.strip() for part in clean_lines(text))
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    # In a table, a bar ends the cell even within code.
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", r"\|") if line else ""


def format_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table: "| model | size |", "| --- | ---: |", "| a | 1 |".

    Args:
        heads: Titles of the columns; a title that begins with a blank stands over numbers.
        rows: Cells as Markdown.
    """
    marks = ["---:" if head.startswith(" ") else "---" for head in heads]
    lines = [_row([head.strip() for head in heads]), _row(marks)]
    return [*lines, *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
