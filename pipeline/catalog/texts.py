"""The text of `models.json` in pieces: one for each model, as long as the model stays as it is.

A catalog is put together from the texts of its entries, and taken apart into them again, without a
look at what they say. It is the canonical text (`pipeline.disk.canonical`), to the byte. Pure.
"""

import re
from collections.abc import Sequence

from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.canonical import format_json

_EMPTY = b'\n  "models": [],\n'
_ENTRY = re.compile(rb"^    \{\n.*?^    \}", re.MULTILINE | re.DOTALL)
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
    text = format_json(head.to_json())
    before, found, after = text.partition(_EMPTY)
    assert found
    if not entries:
        return text
    return b"".join([before, b'\n  "models": [\n', b",\n".join(entries), b"\n  ],\n", after])


def split_entries(text: bytes) -> list[bytes]:
    """Return the texts of the models of a catalog, in its order."""
    return _ENTRY.findall(text)
