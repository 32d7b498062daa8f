"""Documents that no registry should answer with."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.errors import FetchError

MAX_LENGTH = 400

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "\ud800",
    "a\x1b[2J\u202e",
    [],
    [[]],
    {},
    {"": 0},
]

TEXTS = [
    b"",
    b"\0",
    b"\xff\xfe\x00",
    b"<!doctype html><title>Log in</title>",
    b"{",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"1" * 100_000,
    b"1e999",
    b"NaN",
    b'"\\ud800"',
    b'{"versions": ' + b"9" * 6000 + b"}",
    b"\xef\xbb\xbf{}",
    b"{}{}",
]


def spoil(value: Any) -> Iterator[Any]:
    """Yield a document again and again, each time with another value in one place of it."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from ({**value, key: other} for other in spoil(child))
            yield {name: one for name, one in value.items() if name != key}
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from ([*value[:number], other, *value[number + 1 :]] for other in spoil(child))
    yield from VALUES


def format_spoilt(value: Any) -> list[bytes]:
    """Return what `spoil` yields as bytes, and the texts that are no such document at all."""
    return [*TEXTS, *(json.dumps(one).encode() for one in spoil(value))]


def collect_messages(bodies: list[bytes], answer: Callable[[bytes], object]) -> list[str | None]:
    """Return what is said of each answer, None where nothing is.

    Raises:
        Exception: One that is none of our errors.
        AssertionError: One cannot be shown as it is.
    """
    messages: list[str | None] = []
    for body in bodies:
        messages.append(None)
        try:
            answer(body)
        except FetchError as error:
            messages[-1] = error.message
        message = messages[-1] or ""

        assert message.isprintable(), body[:100]
        assert len(message) < MAX_LENGTH, body[:100]
    return messages
