"""Canonical JSON: one text for one value, so that equal results are equal bytes.

Strict (no NaN, no Infinity), UTF-8, keys sorted unless the caller's order has a meaning. Half
a surrogate pair, which UTF-8 does not have, is written as JSON's escape of it. It opens no file.
"""

import hashlib
import json
from typing import Any


def format_json(value: Any, *, indent: int | None = 2, sort_keys: bool = True) -> bytes:
    """Return the canonical text of a JSON value, with a final newline.

    Args:
        value: Dicts with string keys, lists or tuples, str, int, finite float, bool, None.
        indent: Spaces per level; None for one line without blanks.
        sort_keys: False keeps the order of the dicts as they are, where it has a meaning.

    Raises:
        ValueError: A float is not finite.
    """
    separators = (",", ": ") if indent is not None else (",", ":")
    text = json.dumps(
        value,
        allow_nan=False,
        ensure_ascii=False,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
    # Python's escape of half a pair, \ud800, is JSON's; it can stand in a string only.
    return text.encode(errors="backslashreplace") + b"\n"


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical text, as 64 hexadecimal digits."""
    return digest_bytes(format_json(value, indent=None))


def digest_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
