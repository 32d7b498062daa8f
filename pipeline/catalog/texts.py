"""The text of `models.json` in pieces: one for each model, as long as the model stays as it is.

A catalog is put together from the texts of its entries, and taken apart into them again, without a
look at what they say. It is the canonical text (`pipeline.disk.canonical`), to the byte. This
module opens no file.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.canonical import digest_bytes, format_json
from pipeline.disk.typed_json import describe_fault
from pipeline.errors import DamagedFileError

_EMPTY = b'\n  "models": [],\n'
# Strings of JSON have no line breaks, and what an entry holds stands farther to the right.
_FIRST = b'\n  "models": [\n    {\n'
_NEXT = b"\n    },\n    {\n"
_LAST = b"\n    }\n  ],\n"
_BRACE, _ENTRY_END = b"    {\n", b"\n    }"
_INDENT = b"    "
SEPARATOR = b",\n"
"""The text between two entries."""


@dataclass(frozen=True, kw_only=True)
class CatalogTexts:
    """A catalog whose entries are read when they are asked for.

    Attributes:
        head: The catalog without its models.
        sha256: Digest of its whole text.
        digests: Digest of the text of each entry by the model's name, sorted by name.
        read: Returns the text of the entry of a model.
        folder: Folder of the step that wrote it; None of a catalog in memory.
    """

    head: Catalog
    sha256: str
    digests: Mapping[str, str]
    read: Callable[[str], bytes]
    folder: Path | None = None

    def load(self, name: str) -> tuple[CatalogModel, bytes]:
        """Return the entry of a model, and its text.

        Raises:
            DamagedFileError: It is not as it was written, or another version wrote it.
            OSError: It cannot be read.
        """
        text = self.read(name)
        try:
            return CatalogModel.model_validate(json.loads(text)), text
        except ValidationError as error:
            message = f"{CATALOG_FILE}: {name}: {describe_fault(error)}"
            raise DamagedFileError(message, folder=self.folder) from None


def take_texts(catalog: Catalog) -> CatalogTexts:
    """Return the texts of a catalog in memory."""
    head = head_of(catalog)
    texts = {model.name: format_entry(model) for model in catalog.models}
    return CatalogTexts(
        head=head,
        sha256=digest_bytes(join_entries(head, list(texts.values()))),
        digests={name: digest_bytes(text) for name, text in texts.items()},
        read=texts.__getitem__,
    )


def head_of(catalog: Catalog) -> Catalog:
    """Return a catalog without its models."""
    return catalog.model_copy(update={"models": []})


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
    before, after = frame_entries(head, is_empty=not entries)
    return b"".join([before, SEPARATOR.join(entries), after])


def frame_entries(head: Catalog, *, is_empty: bool) -> tuple[bytes, bytes]:
    """Return the text of a catalog before its entries, and the text after them.

    Args:
        head: The catalog without its models.
        is_empty: Whether there are no models.
    """
    assert not head.models
    before, found, after = format_json(head.to_json()).partition(_EMPTY)
    assert found
    return _frame(before, after, is_empty=is_empty)


def _frame(before: bytes, after: bytes, *, is_empty: bool) -> tuple[bytes, bytes]:
    if is_empty:
        return before + _EMPTY, after
    return before + b'\n  "models": [\n', b"\n  ],\n" + after


def split_entries(text: bytes) -> list[memoryview]:
    """Return the texts of the models of a catalog, in its order; none of another form of text."""
    return _take_apart(text)[1]


def _take_apart(text: bytes) -> tuple[bytes, list[memoryview], bytes]:
    """Return the text before the models, the texts of the models, and the text after them."""
    first = text.find(_FIRST)
    last = text.find(_LAST, first)
    if first < 0 or last < 0:
        return text, [], b""
    view, entries = memoryview(text), []
    start, end = first + len(_FIRST) - len(_BRACE), last + len(_ENTRY_END)
    while (found := text.find(_NEXT, start, end)) >= 0:
        entries.append(view[start : found + len(_ENTRY_END)])
        start = found + len(_NEXT) - len(_BRACE)
    return text[:first], [*entries, view[start:end]], text[last + len(_LAST) :]


def drop_common(one: bytes, other: bytes) -> tuple[bytes, bytes, int]:
    """Return two catalogs without the entries that both have, and the number of these.

    A text in another form than the canonical stays as it is.
    """
    parts = [_take_apart(one), _take_apart(other)]
    common = set(parts[0][1]) & set(parts[1][1])
    if not common:
        return one, other, 0
    left = [_join_rest(*part, common) for part in parts]
    return left[0], left[1], len(common)


def _join_rest(
    before: bytes, entries: Sequence[memoryview], after: bytes, common: set[memoryview]
) -> bytes:
    rest = [entry for entry in entries if entry not in common]
    before, after = _frame(before, after, is_empty=not rest)
    return b"".join([before, SEPARATOR.join(rest), after])
