"""The text of a model card: a file beside the manifest, or of the model's package or repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ManifestError
from pipeline.text.front_matter import split_front_matter
from pipeline.text.quantity import format_bytes

_MAX_BYTES = 512 * 1024
_HINT = "expected a text in Markdown: cards/cat.md beside models.yaml, or #README.md"


@dataclass(frozen=True, kw_only=True)
class CardText:
    """A model card.

    Attributes:
        whole: The text as its author wrote it.
        body: The text behind its front matter.
        datasets: The data sets that its front matter lists.
    """

    whole: str
    body: str
    datasets: tuple[str, ...]


def read_card(given: str, file: Path) -> CardText:
    """Read a model card.

    Args:
        given: Its path or address, as the manifest names it.
        file: The file.

    Raises:
        ManifestError: It is not there, no text, or too long to be a card.
    """
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= _MAX_BYTES else b""
    except OSError as error:
        raise ManifestError(f"card: {given}: {error.strerror}", hint=_HINT) from None
    if size > _MAX_BYTES:
        found = format_bytes(size)
        raise ManifestError(f"card: {given}: {found}; expected at most 512 KiB", hint=_HINT)
    try:
        whole = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(f"card: {given}: no text in UTF-8", hint=_HINT) from None
    fields, body = split_front_matter(whole)
    return CardText(whole=whole, body=body, datasets=tuple(_list_names(fields.get("datasets"))))


def _list_names(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [name for name in listed if isinstance(name, str)]
