"""Entries of a catalog for tests of the pages, and zoos with their pages in a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog_entries import catalog_of, failed_entry
from loader_zoo import PublishedZoo, check, tensor
from tfjs_runtime import packages

from pipeline.catalog.document import SCHEMA_FILE, format_schema
from pipeline.catalog.texts import take_texts
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.site.build import build_site
from pipeline.site.model_page import describe_model
from pipeline.site.page_templates import render_model
from pipeline.site.trial import CAPTIONS

Json = dict[str, Any]

ASSETS = dict.fromkeys(
    (
        "card.js",
        "early.js",
        "icon.svg",
        "list.js",
        "no-script.css",
        "page.js",
        "selftest.js",
        "style.css",
        "timings.js",
        "try.js",
        "zip.js",
        *CAPTIONS,
        "LICENSES.md",
    ),
    "assets/one",
)
LIMIT: Json = {"maxRelError": 2e-3, "maxAbsError": None, "minAgreement": 0.99, "reason": None}


def figures(error: float | None = None, *, gate: str = "values", **others: Any) -> Json:
    """Return the figures of an output."""
    known = {} if error is None else {"maxRelError": error, "maxAbsError": 10 * error}
    return {"gate": gate, "metrics": {}, "tolerance": LIMIT, **known, **others}


def variant(name: str = "float32", size: int | None = 4096, **others: Any) -> Json:
    """Return a variant: published where it has a size."""
    path = f"models/one/{name}-1/model.json"
    files = [] if size is None else [{"path": path, "bytes": size, "sha256": "a" * 64}]
    return {
        "name": name,
        "status": "withheld" if size is None else "ok",
        "reason": "too far off" if size is None else None,
        "modelPath": None if size is None else path,
        "bytes": size,
        "files": files,
        "weights": {},
        "keptFloat32": [],
        "checks": {"wasm": check(outputs={"y": figures(1e-4)})},
        **others,
    }


def entry(name: str = "one", **others: Any) -> Json:
    """Return the entry of a model that takes `x` and gives `y`."""
    return {
        **failed_entry({"name": name}, uri="npm:a@1.0.0#b", reason=None),
        "status": "ok",
        "format": "graph-model",
        "requiresAsync": False,
        "parameters": 8,
        "inputs": [tensor_in(0, "x", [-1, 8])],
        "outputs": [tensor(0, "y", [-1, 4], tensor="Identity:0")],
        "variants": [variant()],
        **others,
    }


def tensor_in(number: int, name: str, shape: Sequence[int] | None, **others: Any) -> Json:
    """Return an input of the catalog."""
    made = tensor(number, name, shape, **others)
    return {key: value for key, value in made.items() if key not in {"role", "proof"}}


def model(**others: Any) -> CatalogModel:
    """Return an entry as the pages take it."""
    return CatalogModel.model_validate(entry(**others))


def catalog(*entries: Mapping[str, Any], **zoo: Any) -> Catalog:
    """Return a catalog."""
    return Catalog.model_validate(catalog_of(entries, zoo=zoo, tfjs="4.22.0", tensorflow=None))


def page_of(one: Mapping[str, Any]) -> str:
    """Return the page of a model."""
    zoo = catalog(one)
    page = describe_model(zoo.models[0])
    return render_model(zoo, page, assets=ASSETS, tfjs="tfjs/4.22.0")


class SiteZoo(PublishedZoo):
    """A published zoo with its pages, and TensorFlow.js from the user's cache."""

    def write(self) -> "SiteZoo":
        """Write catalog, pages and loader."""
        made = self.write_catalog()
        (self.folder / SCHEMA_FILE).write_bytes(format_schema())
        build_site(take_texts(made), folder=self.folder, packages=packages())
        return self


def add_pages(dist: Path, content: Mapping[str, Any]) -> None:
    """Write the pages of a built zoo beside its models."""
    build_site(take_texts(Catalog.model_validate(content)), folder=dist, packages=packages())
