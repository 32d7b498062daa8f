"""Faults of a manifest, each with its line and column. It opens no file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.text.line import crop_text
from pipeline.text.suggest import find_similar

_TEXT_MAX = 60


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of a manifest.

    Attributes:
        line: Line in the file, from 1.
        column: Character in the line, from 1.
        path: Keys and indices from the top of the document: ("models", 1, "variants", 2).
        message: The value that was found and the value that was expected, in one line.
        excerpt: Lines to print below the message, or "".
    """

    line: int
    column: int
    path: tuple[str | int, ...]
    message: str
    excerpt: str = ""


def format_faults(faults: Iterable[Fault], *, file: str) -> str:
    """Return all faults as text, a line each: "models.yaml:7:5: models[0].sourse: unknown field".

    The lines stand in the order of the file.
    """
    ordered = sorted(faults, key=lambda fault: (fault.line, fault.column))
    return "\n".join(_format_fault(fault, file) for fault in ordered)


def format_path(path: Sequence[str | int]) -> str:
    """Return a path as people write it: "models[1].variants[2]"."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{_format_key(step)}" for step in path)
    return "".join(parts).removeprefix(".")


def format_value(value: Any) -> str:
    """Return a value as messages name it, with its kind: "the text '3'", "the number 3"."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {shorten_value(str(value))}"
        case str():
            return f"the text {shorten_value(value)!r}" if value else "an empty text"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case _:
            return "a mapping" if value else "an empty mapping"


def shorten_value(text: str) -> str:
    """Return a text that a message can quote; the end of a long text is left out: "abc…"."""
    return crop_text(text, _TEXT_MAX)


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that a mistyped word most likely means; "--Input-format" may be one.

    The choices are in lower case with underscores, as fields and flags are.
    """
    spelled = word.lstrip("-").replace("-", "_").lower()
    return next(iter(find_similar(spelled, choices)), None)


def _format_key(key: str) -> str:
    return shorten_value(key if key.isprintable() else repr(key))


def _format_fault(fault: Fault, file: str) -> str:
    path = format_path(fault.path)
    where = f"{file}:{fault.line}:{fault.column}: " + (f"{path}: " if path else "")
    return where + fault.message + (f"\n{fault.excerpt}" if fault.excerpt else "")
