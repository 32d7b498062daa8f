"""The pieces of a catalog: `pieces.json`, which says where the entry of each model stands in it.

With it a catalog is read entry by entry, and the next one takes over the entries that stay as they
are. It belongs to the build and is not published.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Self

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.texts import SEPARATOR, CatalogTexts, frame_entries
from pipeline.catalog.types import Catalog
from pipeline.catalog.verdict_words import ModelVerdicts
from pipeline.disk.canonical import digest_bytes
from pipeline.disk.files import remember_digest
from pipeline.disk.versions import digest_program
from pipeline.errors import DamagedFileError
from pipeline.records.record import Part
from pipeline.records.record_lines import load_lines, save_lines

PIECES_FILE = "pieces.json"


class Piece(Part):
    """The part of a model in the catalog."""

    key: str
    """Digest of all that decides it."""
    bytes: int
    """Size of its entry's text."""
    sha256: str
    """Digest of its entry's text."""
    verdicts: ModelVerdicts
    """How its variants were judged."""
    shares: bool = False
    """Whether it has shards in common with other models; they lie in a folder of their own."""


class CatalogFrame(Part):
    """The catalog apart from its models."""

    program: str
    """Digest of the program that made it."""
    head: Catalog
    """The catalog without its models."""
    start: int
    """Number of bytes before the first entry."""
    sha256: str
    """Digest of the whole catalog."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The pieces of a catalog: its frame, and the part of each model by name, sorted."""

    frame: CatalogFrame
    models: Mapping[str, Piece]


def load_pieces(folder: Path) -> Pieces:
    """Read the pieces in the folder of the step `catalog`.

    Raises:
        DamagedFileError: Another version of tfjs-zoo wrote them, or they are damaged.
        OSError: They cannot be read.
    """
    frame, models = load_lines(folder / PIECES_FILE, CatalogFrame, Piece)
    return Pieces(frame=frame, models=models)


class CatalogWriter:
    """Writes a `models.json` entry by entry, because a large one fills the memory.

    Args:
        folder: Folder of the step.
        head: The catalog without its models.
        is_empty: Whether there are no models.
    """

    def __init__(self, folder: Path, head: Catalog, *, is_empty: bool) -> None:
        self._folder = folder
        self._head = head
        self._before, self._after = frame_entries(head, is_empty=is_empty)
        self._digest = hashlib.sha256()
        self._models: dict[str, Piece] = {}

    def __enter__(self) -> Self:
        """Write what is before the entries."""
        self._file = (self._folder / CATALOG_FILE).open("wb")
        self._write(self._before)
        return self

    def add(self, name: str, piece: Piece, text: bytes) -> None:
        """Write the entry of a model."""
        self._write(SEPARATOR + text if self._models else text)
        self._models[name] = piece

    def __exit__(self, kind: object, *_error: object) -> None:
        """Write what is after the entries, and the pieces."""
        with self._file:
            if kind is not None:
                return
            self._write(self._after)
        sha256 = self._digest.hexdigest()
        remember_digest(self._folder / CATALOG_FILE, sha256)
        frame = CatalogFrame(
            program=digest_program(), head=self._head, start=len(self._before), sha256=sha256
        )
        save_lines(self._folder / PIECES_FILE, frame, self._models)

    def _write(self, text: bytes) -> None:
        self._digest.update(text)
        self._file.write(text)


def open_catalog(folder: Path) -> CatalogTexts:
    """Open the result of the step `catalog`; entries are read when they are asked for.

    Raises:
        DamagedFileError: Another version of tfjs-zoo wrote it, or it is damaged.
        OSError: It cannot be read.
    """
    return texts_of(load_pieces(folder), folder)


def texts_of(pieces: Pieces, folder: Path) -> CatalogTexts:
    """Return the texts of a catalog whose pieces are known."""
    sizes = [piece.bytes + len(SEPARATOR) for piece in pieces.models.values()]
    starts = dict(zip(pieces.models, accumulate(sizes, initial=pieces.frame.start), strict=False))

    def read(name: str) -> bytes:
        piece = pieces.models[name]
        with (folder / CATALOG_FILE).open("rb") as file:
            file.seek(starts[name])
            text = file.read(piece.bytes)
        if digest_bytes(text) != piece.sha256:
            raise DamagedFileError(
                f"{CATALOG_FILE}: {name} is not as it was written", folder=folder
            )
        return text

    digests = {name: piece.sha256 for name, piece in pieces.models.items()}
    return CatalogTexts(
        head=pieces.frame.head,
        sha256=pieces.frame.sha256,
        digests=digests,
        read=read,
        folder=folder,
    )
