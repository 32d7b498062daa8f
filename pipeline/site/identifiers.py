"""JavaScript variables for names of roles and outputs, which may be any text. Pure."""

import re
from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# Words of the language, and variables of the snippets themselves.
_RESERVED = frozenset(
    {
        *("await", "break", "case", "catch", "class", "const", "continue", "debugger"),
        *("default", "delete", "do", "else", "enum", "export", "extends", "false", "finally"),
        *("for", "function", "if", "import", "in", "instanceof", "let", "new", "null", "return"),
        *("static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void"),
        *("while", "with", "yield", "arguments", "eval"),
        *("input", "inputs", "model", "open", "pixels", "tf", "zoo"),
    }
)


def name_variables(keys: Iterable[str]) -> dict[str, str]:
    """Return a variable for each key: "boxes" for "boxes", "rawBoxes" for "raw boxes".

    Keys that are variables of JavaScript stay as they are; no variable stands for two keys.
    """
    taken: dict[str, str] = {}
    for key in keys:
        words = [word for word in re.split(r"[^A-Za-z0-9]+", key) if word]
        camel = "".join(
            word if i == 0 else word[:1].upper() + word[1:] for i, word in enumerate(words)
        )
        name = key if _IDENTIFIER.fullmatch(key) else camel
        if not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
            name = f"output{name[:1].upper()}{name[1:]}"
        number = 2
        unique = name
        while unique in taken.values():
            unique, number = f"{name}{number}", number + 1
        taken[key] = unique
    return taken
