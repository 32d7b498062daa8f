"""The pages of the last site: those of models that have not changed stay as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.catalog.index import entry_path
from pipeline.records.record import Part, Record


class Page(Part):
    """The page of a model."""

    key: str
    """Digest of all that decides it, apart from the program."""
    samples: tuple[str, ...]
    """Names of the pictures and sounds that it shows."""


class Pages(Record):
    """The pages of a site."""

    FILE: ClassVar[str] = "pages.json"

    program: str = ""
    """Digest of the program that made them."""
    models: dict[str, Page]


@dataclass(frozen=True, kw_only=True)
class EarlierPages:
    """The pages of the last site.

    Attributes:
        pages: What decided them.
        keep_file: Makes a file of the last site, by its path, a file of the new one too.
    """

    pages: Pages
    keep_file: Callable[[str, Path], None]

    def keep(self, model: str, key: str, folder: Path) -> Page | None:
        """Take over the files of a model if they would be the same; None if they would not."""
        page = self.pages.models.get(model)
        if page is None or page.key != key:
            return None
        for path in (f"models/{model}/index.html", entry_path(model)):
            self.keep_file(path, folder / path)
        return page
