"""Foreign JSON: values that say where they stand if they are not what they should be.

    groups = parse_foreign_json(raw, "model.json").get("weightsManifest").items()
    groups[0].get("paths").texts()

raises "model.json: weightsManifest[0].paths: 3; expected a list of texts". A stranger's document
may be empty, cut off, binary, or nested a million deep; it may hold NaN, numbers of a million
digits, half a surrogate pair. `parse_foreign_json` refuses all of these in words. Records that we
write ourselves are read into types: `pipeline.disk.typed_json`. This module opens no file.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pipeline.errors import FormatError, PipelineError
from pipeline.text.printable import printable

# Deeper than any model, and far from where Python gives up.
MAX_DEPTH = 100
# What JavaScript counts without a gap: Number.MAX_SAFE_INTEGER.
MAX_WHOLE = 2**53 - 1
_MAX_SHOWN = 60
_MISSING = object()
_UNREADABLE = ", which is no JSON; no browser reads this file"

Place = tuple["Place", str | int] | None
"""Keys and numbers that lead to a value, from the last to the first."""


class JsonValue:
    """A value in a JSON document.

    Attributes:
        value: The decoded value.
        name: People's name for the document, for messages.
        error: The kind of error that it raises.
    """

    __slots__ = ("_place", "error", "name", "value")

    def __init__(
        self,
        value: Any,
        name: str,
        *,
        place: Place = None,
        error: type[PipelineError] = FormatError,
    ) -> None:
        self.value = value
        self.name = name
        self.error = error
        self._place = place

    @property
    def where(self) -> str:
        """The document and the place in it: "model.json: weightsManifest[0].paths"."""
        place = format_place(self._place)
        return f"{self.name}: {place}" if place else self.name

    @property
    def is_absent(self) -> bool:
        """Whether the value is missing or null."""
        return self.value is None or self.value is _MISSING

    def get(self, key: str) -> "JsonValue":
        """Return a field of an object; `is_absent` tells whether the field is missing."""
        if not isinstance(self.value, Mapping):
            self.refuse("an object")
        return self._child(self.value.get(key, _MISSING), key)

    def fields(self) -> Iterator[tuple[str, "JsonValue"]]:
        """Iterate over the fields of an object."""
        if not isinstance(self.value, Mapping):
            self.refuse("an object")
        return ((key, self._child(child, key)) for key, child in self.value.items())

    def items(self) -> Iterator["JsonValue"]:
        """Iterate over the items of a list."""
        if not isinstance(self.value, list | tuple):
            self.refuse("a list")
        return (self._child(child, number) for number, child in enumerate(self.value))

    def optional_items(self) -> Iterator["JsonValue"]:
        """Iterate over the items of a list; an absent list has none."""
        return iter(()) if self.is_absent else self.items()

    def text(self, expected: str = "a text") -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            self.refuse(expected)
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        if not isinstance(self.value, list | tuple):
            self.refuse("a list of texts")
        return tuple(child.text() for child in self.items())

    def whole(self, *, least: int = 0) -> int:
        """Return a whole number of `least` or more that JavaScript can count."""
        if type(self.value) is not int or not least <= self.value <= MAX_WHOLE:
            self.refuse(f"a whole number of {least} or more")
        return self.value

    def number(self) -> float:
        """Return a finite number."""
        if type(self.value) in (int, float):
            try:
                return float(self.value)
            except OverflowError:
                pass
        return self.refuse("a number")

    def flag(self) -> bool:
        """Return true or false."""
        if type(self.value) is not bool:
            self.refuse("true or false")
        return self.value

    def refuse(self, expected: str, *, hint: str | None = None) -> NoReturn:
        """Refuse the value; `expected` completes the message: "a list of texts".

        Raises:
            PipelineError: Always, of the kind `error`: "a.json: x: 3; expected a list of texts".
        """
        raise self.error(f"{self.where}: {describe(self.value)}; expected {expected}", hint=hint)

    def _child(self, value: Any, key: str | int) -> "JsonValue":
        return JsonValue(value, self.name, place=(self._place, key), error=self.error)


def parse_foreign_json(
    raw: bytes | str,
    name: str,
    *,
    error: type[PipelineError] = FormatError,
    hint: str | None = None,
) -> JsonValue:
    """Decode a document that others wrote; refuse it if no browser can read it.

    Args:
        raw: Its text; bytes in UTF-8, with or without a byte order mark.
        name: People's name for it, for messages: "model.json".
        error: The kind of error that its values raise.
        hint: How to get rid of a number that JSON lacks, such as NaN.

    Raises:
        PipelineError: It is not JSON, is nested too deeply, or holds NaN, Infinity or half a
            surrogate pair.
    """
    document = decode_json(raw, name, error=error)
    fault = _find_fault(document.value)
    if fault is not None:
        raise error(f"{name}: {fault}", hint=hint if fault.endswith(_UNREADABLE) else None)
    return document


def decode_json(
    raw: bytes | str, name: str, *, error: type[PipelineError] = FormatError
) -> JsonValue:
    """Decode a document that we wrote ourselves; a damaged disk may have lost some of it.

    Its values are trusted to be what browsers read; the arguments are `parse_foreign_json`'s.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
        return JsonValue(json.loads(text), name, error=error)
    except UnicodeDecodeError:
        raise error(f"{name}: not a text in UTF-8; expected JSON") from None
    except RecursionError:
        raise error(f"{name}: nested too deeply to be a model") from None
    except MemoryError:
        raise error(f"{name}: {len(raw):,} bytes, too many for this machine's memory") from None
    except ValueError as cause:
        raise error(f"{name}: not JSON ({_name_cause(cause)})") from None


def _name_cause(cause: ValueError) -> str:
    digits = str(cause).startswith("Exceeds the limit")
    return "a number of thousands of digits" if digits else str(cause)


def describe(value: Any) -> str:
    """Return a value as messages show it: "3", "a list of 2", "missing"."""
    if value is _MISSING:
        return "missing"
    if isinstance(value, Mapping):
        return f"an object of {len(value)}" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_WHOLE:
        return "a number beyond 2^53"
    return printable(json.dumps(value, ensure_ascii=False), limit=_MAX_SHOWN)


def format_place(place: Place) -> str:
    """Return the path of a value: "weightsManifest[0].paths"."""
    steps: list[str] = []
    while place is not None:
        place, key = place
        steps.append(f"[{key}]" if isinstance(key, int) else f".{printable(key, limit=_MAX_SHOWN)}")
    return "".join(reversed(steps)).removeprefix(".")


def _find_fault(content: Any) -> str | None:
    """Return the first fault: "weights[3] is nan, which is no JSON"; None without any."""
    pending: list[tuple[Any, Place, int]] = [(content, None, 0)]
    while pending:
        value, place, depth = pending.pop()
        if not isinstance(value, dict | list):
            fault = _find_scalar_fault(value)
            if fault is not None:
                return f"{format_place(place)} is {fault}"
            continue
        if depth == MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} deep, too deeply to be a model"
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str) and not _is_text(key):
                return f"{format_place((place, key))}: half a character; expected a text as key"
            pending.append((child, (place, key), depth + 1))
    return None


def _find_scalar_fault(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}{_UNREADABLE}"
    if isinstance(value, str) and not _is_text(value):
        return f"{describe(value)}, with half a character; expected a text"
    return None


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
