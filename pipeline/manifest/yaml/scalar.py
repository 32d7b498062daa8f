"""Plain scalars: the values of words without quotes in a manifest.

They follow the core schema of YAML 1.2 (section 10.3.2), but floats need no point: `1e-3` is a
number, `on` and `2024-01-31` are text. PyYAML itself follows YAML 1.1, where `1e-3` is text and
`on` is true. It opens no file.
"""

import re

WORDS_OF_YAML_1_1 = frozenset(
    spelling
    for word in ("yes", "no", "on", "off")
    for spelling in (word, word.capitalize(), word.upper())
)
"""Booleans of YAML 1.1 and text of YAML 1.2, so that no two tools agree on them."""

_NAMED: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DIGITS_MAX = 4000  # Python refuses to read longer integers (sys.get_int_max_str_digits)


def parse_scalar(text: str) -> str | bool | float | None:
    """Return the value of a word without quotes; floats may be infinite."""
    if text in _NAMED:
        return _NAMED[text]
    if text[0] in _NUMBER_START and len(text) <= _DIGITS_MAX:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _PREFIXED_INTEGER.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _INFINITE.fullmatch(text):
            return float(text.replace(".", ""))
    return text
