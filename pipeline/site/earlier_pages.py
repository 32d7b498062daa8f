"""The pages of the last site: those of models that have not changed stay as they are.

`pages.json` has a line for each model: the digest of all that decides its page, and all that the
files of the zoo as a whole show of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.catalog.index import entry_path
from pipeline.records.record import Part
from pipeline.records.record_lines import load_lines, save_lines
from pipeline.site.listed_model import ListedModel

PAGES_FILE = "pages.json"


class Page(Part):
    """The page of a model."""

    key: str
    """Digest of all that decides it, apart from the program."""
    samples: tuple[str, ...]
    """Names of the pictures and sounds that it shows."""
    listed: ListedModel
    """The model as the files of the zoo as a whole show it."""
    row: str = ""
    """Its row in the list, as HTML."""


class _Head(Part):
    program: str
    axis: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages of a site.

    Attributes:
        models: The page of each model by name.
        axis: The smallest and the largest size in the list, by which all rows follow.
        kept: Names of the models whose pages are those of the last site.
    """

    models: Mapping[str, Page]
    axis: tuple[int, int]
    kept: frozenset[str] = frozenset()


def save_pages(folder: Path, pages: Pages, *, program: str) -> None:
    """Write what decided the pages of a site, and the digest of the program that made them."""
    save_lines(folder / PAGES_FILE, _Head(program=program, axis=pages.axis), pages.models)


def load_pages(folder: Path, *, program: str) -> Pages | None:
    """Read what decided the pages of a site; None if another program made them.

    Raises:
        DamagedFileError: The file is not what was written.
        OSError: It cannot be read.
    """
    head, models = load_lines(folder / PAGES_FILE, _Head, Page)
    return Pages(models=models, axis=head.axis) if head.program == program else None


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
