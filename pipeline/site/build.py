"""The files of a zoo's site, made from its catalog alone."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.catalog.index import INDEX_FILE, build_index, entry_path, head_of_one
from pipeline.catalog.texts import format_entry, join_entries
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.canonical import digest_json, format_json
from pipeline.manifest.fields import NAME_PATTERN
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import copy_tensorflow_js, write_assets, write_samples
from pipeline.site.earlier_pages import EarlierPages, Page, Pages
from pipeline.site.list_page import describe_list
from pipeline.site.loader import write_loader
from pipeline.site.model_page import describe_model
from pipeline.site.page_templates import render_list, render_model, render_not_found


def build_site(
    catalog: Catalog,
    *,
    folder: Path,
    packages: Packages,
    texts: Mapping[str, bytes] | None = None,
    earlier: EarlierPages | None = None,
) -> Pages:
    """Write the pages of a zoo, the loader, and TensorFlow.js itself.

    The same catalog makes the same bytes: the pages read times, which vary, when they are shown.

    Args:
        catalog: The catalog.
        folder: An empty folder, which becomes part of dist/.
        packages: The TensorFlow.js that the pages test models with.
        texts: The text of each model's entry, by name; None to write it from the catalog.
        earlier: The pages of the last site, which stay for models that have not changed.

    Returns:
        What decided the page of each model.
    """
    writer = _Writer(catalog, folder, packages)
    pages: dict[str, Page] = {}
    for model in catalog.models:
        # The manifest has checked the names; here they become folders.
        assert re.fullmatch(NAME_PATTERN, model.name), model.name
        text = texts[model.name] if texts is not None else format_entry(model)
        key = hashlib.sha256(writer.common + text).hexdigest()
        kept = earlier.keep(model.name, key, folder) if earlier else None
        pages[model.name] = kept or writer.write(model, text, key)
    writer.write_rest({sample for page in pages.values() for sample in page.samples})
    return Pages(models=pages)


class _Writer:
    """Writes the files of a site."""

    def __init__(self, catalog: Catalog, folder: Path, packages: Packages) -> None:
        self._catalog = catalog
        self._folder = folder
        self._assets = write_assets(folder)
        self._tfjs = copy_tensorflow_js(packages, folder)
        self._alone = head_of_one(catalog)
        head = [self._alone.to_json(), dict(self._assets), self._tfjs]
        self.common = digest_json(head).encode()

    def write(self, model: CatalogModel, text: bytes, key: str) -> Page:
        """Write the page of a model, and its catalog alone."""
        page = describe_model(model)
        samples = {one.file for one in page.trial.examples} if page.trial else set()
        assets = {**self._assets, **write_samples(self._folder, samples)}
        shown = render_model(self._catalog, page, assets=assets, tfjs=self._tfjs)
        _write(self._folder / "models" / model.name / "index.html", shown)
        (self._folder / entry_path(model.name)).write_bytes(join_entries(self._alone, [text]))
        return Page(key=key, samples=tuple(sorted(samples)))

    def write_rest(self, samples: set[str]) -> None:
        """Write the files of the zoo as a whole.

        Args:
            samples: Names of the pictures and sounds that its pages show.
        """
        catalog, folder = self._catalog, self._folder
        assets = {**self._assets, **write_samples(folder, samples)}
        write_loader(catalog, folder=folder)
        (folder / INDEX_FILE).write_bytes(format_json(build_index(catalog).to_json()))
        _write(folder / "index.html", render_list(catalog, describe_list(catalog), assets=assets))
        _write(folder / "404.html", render_not_found(catalog))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
