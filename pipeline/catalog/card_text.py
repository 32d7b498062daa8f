"""The text of a model card: a file beside the manifest, or of the model's package or repository."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ManifestError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.fetch import fetch_source
from pipeline.text.front_matter import split_front_matter
from pipeline.text.quantity import format_bytes

_MAX_BYTES = 512 * 1024
_HINT = "expected a text in Markdown: card.md beside models.yaml, or npm:pkg@1.2.3#README.md"


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


def read_card(given: str, *, root: Path, cache: Path, progress: Progress) -> CardText:
    """Read a model card.

    Args:
        given: A path relative to the manifest, or a source.
        root: Folder of the manifest.
        cache: Folder of downloads.
        progress: Called with bytes done, and bytes in all if known.

    Raises:
        FetchError: It is not there, or does not come.
        ManifestError: It is no text, or too long to be a card.
    """
    with tempfile.TemporaryDirectory(prefix="tfjs-zoo-") as name:
        folder = Path(name)
        fetched = fetch_source(
            parse_source(given),
            root=root,
            folder=folder,
            cache=cache,
            sha256=None,
            progress=progress,
        )
        file = folder / fetched.entry
        if not file.is_file():
            raise ManifestError(f"card: {given}: a folder", hint=_HINT)
        if file.stat().st_size > _MAX_BYTES:
            size = format_bytes(file.stat().st_size)
            raise ManifestError(f"card: {given}: {size}; expected at most 512 KiB", hint=_HINT)
        content = file.read_bytes()
    try:
        whole = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(f"card: {given}: no text in UTF-8", hint=_HINT) from None
    fields, body = split_front_matter(whole)
    return CardText(whole=whole, body=body, datasets=tuple(_list_names(fields.get("datasets"))))


def _list_names(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [name for name in listed if isinstance(name, str)]
