"""Finds commands of the converter in a text: a line of a shell, a script, a notebook, a README.

It opens no file, and runs no command.
"""

import re
import shlex
from collections.abc import Iterator, Sequence

_CONVERTERS = ("tensorflowjs_converter", "tensorflowjs.converters.converter")
_CONTINUED = re.compile(r"\\\r?\n\s*")
# Prompts, and what notebooks and lists put before a command.
_PROMPT = re.compile(r"^\s*(?:[$>%!]+|-|\*|[\w@~:/.-]*[$#]) +|^\s*!")
_ENDS = re.compile(r"^(?:[;&|]+|\d?>{1,2}|<)$")


def split_commands(text: str) -> list[list[str]]:
    """Return the arguments of each command of the converter in a text.

    Raises:
        ValueError: A quotation in such a command is not closed.
    """
    commands = []
    for line in _CONTINUED.sub(" ", text).splitlines():
        if any(converter in line for converter in _CONVERTERS):
            words = _split(_PROMPT.sub("", line).strip().strip("`"))
            commands += list(_find(words))
    return commands


def find_arguments(words: Sequence[str]) -> list[str] | None:
    """Return the words behind the converter's name; None for words without that name."""
    return next(_find(words), None)


def _split(line: str) -> list[str]:
    words = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    words.whitespace_split = True
    return list(words)


def _find(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield what stands behind each name of the converter, up to the command's end."""
    started: list[str] | None = None
    for word in words:
        if started is None:
            if _is_converter(word):
                started = []
        elif _ENDS.match(word):
            yield started
            started = None
        else:
            started.append(word)
    if started is not None:
        yield started


def _is_converter(word: str) -> bool:
    name = word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe").removesuffix(".py")
    return name in _CONVERTERS or word.endswith("tensorflowjs/converters/converter.py")
