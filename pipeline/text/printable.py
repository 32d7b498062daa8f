r"""Printable text: text from models, servers and libraries, safe to show and to write.

Names of classes, ops, tensors and files, and messages of libraries, may hold anything: half a
surrogate pair, which no encoding takes; sequences that move a terminal's cursor; controls that
reverse the order of characters; a megabyte. Each such character is replaced by its escape in
JSON and JavaScript, `\u001b` or `\u202e`: it is visible, has no effect, and JSON stays JSON.
Colours, which Keras puts into its messages, are removed. The module opens no file.
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
    r"""Return a text whose characters can all be written and seen, and have no other effect.

    "a\x1b[2Jb" is `a\u001b[2Jb`. Applied twice it changes nothing.

    Args:
        text: Any text, of any origin.
        limit: Number of characters at most. A longer text loses its middle, because messages
            often end with what was expected.
    """
    if limit is not None and len(text) > limit:
        # The middle is not looked at, however long it is.
        text = cut_middle(text, limit)
    if not text.isprintable():
        text = _COLOUR.sub("", text)
        text = "".join(char if _is_harmless(char) else _escape(char) for char in text)
    return text if limit is None else cut_middle(text, limit)


def cut_middle(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters: "its beginning … its end"."""
    if len(text) <= limit:
        return text
    tail = (limit - len(_CUT)) // 3
    return text[: limit - len(_CUT) - tail] + _CUT + text[len(text) - tail :]


def _escape(char: str) -> str:
    r"""Return a character as JSON escapes it: `\u202e`, or a surrogate pair beyond U+FFFF."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _is_harmless(char: str) -> bool:
    if char.isprintable() or char in _LAYOUT or char in _JOINERS:
        return True
    return unicodedata.category(char) == "Zs"  # spaces of other widths
