"""The files of a zoo's site, made from its catalog alone."""

import re
from pathlib import Path

from pipeline.catalog.index import INDEX_FILE, build_index, split_catalog
from pipeline.catalog.types import Catalog
from pipeline.disk.canonical import format_json
from pipeline.manifest.fields import NAME_PATTERN
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import copy_tensorflow_js, write_assets, write_samples
from pipeline.site.list_page import describe_list
from pipeline.site.loader import write_loader
from pipeline.site.model_page import describe_model
from pipeline.site.page_templates import render_list, render_model, render_not_found


def build_site(catalog: Catalog, *, folder: Path, packages: Packages) -> None:
    """Write the pages of a zoo, the loader, and TensorFlow.js itself.

    The same catalog makes the same bytes: the pages read times, which vary, when they are shown.

    Args:
        catalog: The catalog.
        folder: An empty folder, which becomes part of dist/.
        packages: The TensorFlow.js that the pages test models with.
    """
    shown = [describe_model(model) for model in catalog.models]
    samples = {one.file for page in shown if page.trial for one in page.trial.examples}
    assets = {**write_assets(folder), **write_samples(folder, samples)}
    tfjs = copy_tensorflow_js(packages, folder)
    write_loader(catalog, folder=folder)
    _write_index(catalog, folder)
    _write(folder / "index.html", render_list(catalog, describe_list(catalog), assets=assets))
    _write(folder / "404.html", render_not_found(catalog))
    for page in shown:
        name = page.model.name
        # The manifest has checked the names; here they become folders.
        assert re.fullmatch(NAME_PATTERN, name), name
        text = render_model(catalog, page, assets=assets, tfjs=tfjs)
        _write(folder / "models" / name / "index.html", text)


def _write_index(catalog: Catalog, folder: Path) -> None:
    """Write the index of a catalog, and a catalog for each model alone."""
    (folder / INDEX_FILE).write_bytes(format_json(build_index(catalog).to_json()))
    for path, alone in split_catalog(catalog).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(format_json(alone.to_json()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
