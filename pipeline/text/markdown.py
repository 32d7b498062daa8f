"""Markdown: texts of any origin made safe for it, and tables. Pure.

GitHub's dialect. What comes from manifests, models and servers shows as the text that it is.
"""

import html
import re
from collections.abc import Iterable, Sequence

from pipeline.text.line import clean_lines

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
_NEUTRAL = "\N{ZERO WIDTH SPACE}"


def escape_markdown(text: str | None) -> str:
    """Return a text in one line in which nothing means anything."""
    line = " ".join(part.strip() for part in clean_lines(text or ""))
    # An address, a mention of a person or a number of an issue is no link here.
    line = line.replace("://", f":{_NEUTRAL}//").replace("www.", f"www{_NEUTRAL}.")
    escaped = html.escape(_SPECIAL.sub(r"\\\1", line), quote=False)
    return re.sub(r"([@#])", rf"\1{_NEUTRAL}", escaped)


def quote_code(text: str) -> str:
    """Return a text as code: a name, a path, an address, to be copied."""
    line = " ".join(part.strip() for part in clean_lines(text))
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    # In a table the bar is taken before the code is.
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", r"\|") if line else ""


def format_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; a head that begins with a blank stands over numbers."""
    marks = ["---:" if head.startswith(" ") else "---" for head in heads]
    lines = [_row([head.strip() for head in heads]), _row(marks)]
    return [*lines, *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
