r"""Printable text: what comes from models, servers and libraries, made safe to show and to write.

Names of classes, ops, tensors and files, and messages of libraries, may hold anything: half a
surrogate pair, which no encoding takes; sequences that move a terminal's cursor; controls that
turn the order of characters round; a megabyte. Each such character is shown by its escape in
JSON and JavaScript, `\u001b` or `\u202e`, so that nothing is hidden, nothing works, and JSON stays
JSON; only colours, which Keras gives its messages, are left out. It opens no file.
"""

import re
import unicodedata

# Zero-width joiners and spaces, without which scripts and emoji fall apart.
_JOINERS = frozenset("\u200b\u200c\u200d")
# A message has lines; a tab stays until it is shown.
_LAYOUT = frozenset("\n\t")
_CUT = " … "
# Select graphic rendition of ECMA-48: colours, bold, concealed.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def printable(text: str, *, limit: int | None = None) -> str:
    r"""Return a text in which each character can be written, seen and does nothing else.

    "a\x1b[2Jb" is `a\u001b[2Jb`. Applied twice it changes nothing.

    Args:
        text: Any text, of any origin.
        limit: Most characters; of a longer text the middle goes, because messages often end
            with their expectation.
    """
    if limit is not None and len(text) > limit:
        # What stands in the middle is not looked at, however long it is.
        text = cut_middle(text, limit)
    if not text.isprintable():
        text = _COLOUR.sub("", text)
        text = "".join(char if _is_harmless(char) else _escape(char) for char in text)
    return text if limit is None else cut_middle(text, limit)


def cut_middle(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters: "the beginning … the end"."""
    if len(text) <= limit:
        return text
    tail = (limit - len(_CUT)) // 3
    return text[: limit - len(_CUT) - tail] + _CUT + text[len(text) - tail :]


def _escape(char: str) -> str:
    """Return a character as JSON escapes it; beyond U+FFFF as the two halves of its pair."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _is_harmless(char: str) -> bool:
    if char.isprintable() or char in _LAYOUT or char in _JOINERS:
        return True
    return unicodedata.category(char) == "Zs"  # spaces of other widths
