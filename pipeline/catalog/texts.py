"""The text of `models.json` in pieces: one for each model, as long as the model stays as it is.

A catalog is put together from the texts of its entries, and taken apart into them again, without a
look at what they say. It is the canonical text (`pipeline.disk.canonical`), to the byte. Pure.
"""

from collections.abc import Sequence

from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.canonical import format_json

_EMPTY = b'\n  "models": [],\n'
# Strings of JSON have no line breaks, and what an entry holds stands farther to the right.
_FIRST = b'\n  "models": [\n    {\n'
_NEXT = b"\n    },\n    {\n"
_LAST = b"\n    }\n  ],\n"
_INDENT = b"    "


def format_entry(model: CatalogModel) -> bytes:
    """Return the text of a model's entry as it stands in a catalog, without a final newline."""
    text = format_json(model.to_json()).rstrip(b"\n")
    return _INDENT + text.replace(b"\n", b"\n" + _INDENT)


def join_entries(head: Catalog, entries: Sequence[bytes]) -> bytes:
    """Return the text of a catalog.

    Args:
        head: The catalog without its models.
        entries: The texts of its models, sorted by name.
    """
    assert not head.models
    before, found, after = format_json(head.to_json()).partition(_EMPTY)
    assert found
    return _join(before, entries, after)


def _join(before: bytes, entries: Sequence[bytes], after: bytes) -> bytes:
    if not entries:
        return b"".join([before, _EMPTY, after])
    return b"".join([before, b'\n  "models": [\n', b",\n".join(entries), b"\n  ],\n", after])


def split_entries(text: bytes) -> list[bytes]:
    """Return the texts of the models of a catalog, in its order; none of another form of text."""
    return _take_apart(text)[1]


def _take_apart(text: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return the text before the models, the texts of the models, and the text after them."""
    before, _, rest = text.partition(_FIRST)
    inner, found, after = rest.partition(_LAST)
    if not found:
        return text, [], b""
    return before, [b"    {\n%b\n    }" % entry for entry in inner.split(_NEXT)], after


def drop_common(one: bytes, other: bytes) -> tuple[bytes, bytes, int]:
    """Return two catalogs without the entries that both have, and the number of these.

    A text in another form than the canonical stays as it is.
    """
    parts = [_take_apart(one), _take_apart(other)]
    common = set(parts[0][1]) & set(parts[1][1])
    if not common:
        return one, other, 0
    left = [
        _join(before, [entry for entry in entries if entry not in common], after)
        for before, entries, after in parts
    ]
    return left[0], left[1], len(common)
