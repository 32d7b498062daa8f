"""JSON objects of a line for each field, of which a reader parses the fields that it needs.

    {
    "one": {"bytes":3},
    "two": {"bytes":4}
    }

A field that stays as it is, is written again as text. It opens no file.
"""

import json
import re
from collections.abc import Iterable, Mapping

_KEY = re.compile(rb'("(?:[^"\\]|\\.)*"): ')
_OPEN, _CLOSE, _NEXT = b"{\n", b"\n}\n", b",\n"


def join_fields(fields: Mapping[str, bytes]) -> bytes:
    """Return the text of an object.

    Args:
        fields: The JSON of each field, without line breaks, by its key.
    """
    return b"".join([_OPEN, _NEXT.join(_join(fields.items())), _CLOSE])


def _join(fields: Iterable[tuple[str, bytes]]) -> Iterable[bytes]:
    return (json.dumps(key).encode() + b": " + text for key, text in fields)


def split_fields(content: bytes) -> dict[str, bytes] | None:
    """Return the JSON of each field of an object by its key; None of another form of text.

    Whether the fields are JSON, their reader sees.
    """
    if not content.startswith(_OPEN) or not content.endswith(_CLOSE):
        return None
    inner = content[len(_OPEN) : -len(_CLOSE)]
    fields: dict[str, bytes] = {}
    for line in inner.split(_NEXT) if inner else ():
        match = _KEY.match(line)
        if match is None:
            return None
        key = match[1]
        name = json.loads(key) if b"\\" in key else key[1:-1].decode()
        fields[name] = line[match.end() :]
    return fields
