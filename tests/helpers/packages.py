"""Real packages for tests, through the project's own fetchers and the user's cache."""

import os
from pathlib import Path

from pipeline.disk.layout import cache_folder
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import Fetched, fetch_source


def fetch_into(
    folder: Path, source: str, *, root: Path | None = None, cache: Path | None = None
) -> Fetched:
    """Fetch a source into a folder, which is made.

    Args:
        folder: Where its files shall lie.
        source: As in a manifest.
        root: What relative sources are relative to; the folder itself if None.
        cache: Folder of downloads; the user's own if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return fetch_source(
        parse_source(source),
        root=root or folder,
        folder=folder,
        cache=cache or cache_folder(os.environ),
        sha256=None,
        progress=lambda _done, _total: None,
    )


def fetch_package(folder: Path, source: str) -> Path:
    """Fetch a source into a folder and return the path of its entry."""
    return folder / fetch_into(folder, source).entry
