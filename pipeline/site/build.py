"""The files of a zoo's site, made from its catalog alone."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.catalog.index import INDEX_FILE, Index, entry_path, head_of_one
from pipeline.catalog.texts import CatalogTexts, join_entries
from pipeline.disk.canonical import digest_json, format_json
from pipeline.manifest.fields import NAME_PATTERN
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import copy_tensorflow_js, write_assets, write_samples
from pipeline.site.earlier_pages import EarlierPages, Page, Pages
from pipeline.site.list_page import ListPage, describe_list
from pipeline.site.listed_model import list_model
from pipeline.site.loader import write_loader
from pipeline.site.model_page import describe_model
from pipeline.site.page_templates import (
    render_list,
    render_model,
    render_not_found,
    render_row,
)


def build_site(
    catalog: CatalogTexts,
    *,
    folder: Path,
    packages: Packages,
    earlier: EarlierPages | None = None,
) -> Pages:
    """Write the pages of a zoo, the loader, and TensorFlow.js itself.

    The same catalog makes the same bytes: the pages read times, which vary, when they are shown.
    Only the entries of models whose pages are new are read.

    Args:
        catalog: The catalog.
        folder: An empty folder, which becomes part of dist/.
        packages: The TensorFlow.js that the pages test models with.
        earlier: The pages of the last site, which stay for models that have not changed.

    Returns:
        What decided the page of each model.

    Raises:
        DamagedFileError: An entry is not as the catalog's step wrote it.
    """
    writer = _Writer(catalog, folder, packages)
    pages: dict[str, Page] = {}
    kept: set[str] = set()
    for name, digest in catalog.digests.items():
        # The manifest has checked the names; here they become folders.
        assert re.fullmatch(NAME_PATTERN, name), name
        key = hashlib.sha256(writer.common + digest.encode()).hexdigest()
        page = earlier.keep(name, key, folder) if earlier else None
        if page is not None:
            kept.add(name)
        pages[name] = page or writer.write(name, key)
    shown = describe_list([page.listed for page in pages.values()])
    axis = earlier.pages.axis if earlier else None
    for row in shown.rows:
        page = pages[row.model.name]
        if not page.row or shown.axis != axis:
            pages[row.model.name] = page.model_copy(update={"row": render_row(row)})
    writer.write_rest(pages, shown)
    return Pages(models=pages, axis=shown.axis, kept=frozenset(kept))


class _Writer:
    """Writes the files of a site."""

    def __init__(self, catalog: CatalogTexts, folder: Path, packages: Packages) -> None:
        self._catalog = catalog
        self._folder = folder
        self._assets = write_assets(folder)
        self._tfjs = copy_tensorflow_js(packages, folder)
        self._alone = head_of_one(catalog.head)
        head = [self._alone.to_json(), dict(self._assets), self._tfjs]
        self.common = digest_json(head).encode()

    def write(self, name: str, key: str) -> Page:
        """Write the page of a model, and its catalog alone."""
        model, text = self._catalog.load(name)
        page = describe_model(model)
        samples = {one.file for one in page.trial.examples} if page.trial else set()
        assets = {**self._assets, **write_samples(self._folder, samples)}
        shown = render_model(self._catalog.head, page, assets=assets, tfjs=self._tfjs)
        _write(self._folder / "models" / name / "index.html", shown)
        (self._folder / entry_path(name)).write_bytes(join_entries(self._alone, [text]))
        return Page(key=key, samples=tuple(sorted(samples)), listed=list_model(model))

    def write_rest(self, pages: Mapping[str, Page], shown: ListPage) -> None:
        """Write the files of the zoo as a whole."""
        head, folder = self._catalog.head, self._folder
        samples = {sample for page in pages.values() for sample in page.samples}
        assets = {**self._assets, **write_samples(folder, samples)}
        listed = [page.listed for page in pages.values()]
        types = (one.types for one in listed)
        write_loader(head, sha256=self._catalog.sha256, types=types, folder=folder)
        index = Index(schema_version=1, zoo=head.zoo, models=[one.index for one in listed])
        (folder / INDEX_FILE).write_bytes(format_json(index.to_json()))
        rows = (page.row for page in pages.values())
        _write(folder / "index.html", render_list(head, shown, rows, assets=assets))
        _write(folder / "404.html", render_not_found(head))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
