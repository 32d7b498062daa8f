"""The index: `index.json`, a line for each model, and a catalog of one model for each. Pure.

`models.json` has all that is known of all models: some 10 kB each. A page that shows a list, or
uses one model, reads these in its place.
"""

from typing import Literal

from pydantic import Field

from pipeline.catalog.types import Catalog, CatalogModel, CatalogZoo
from pipeline.records.reading import Method
from pipeline.records.record import CamelPart

INDEX_FILE = "index.json"
ENTRY_FILE = "catalog.json"


class IndexModel(CamelPart):
    """A model in the index."""

    name: str
    title: str | None
    description: str | None
    task: str | None
    tags: list[str]
    license: str | None
    status: Literal["ok", "stale", "failed"]
    method: Method | None
    """The method of the loader that gives its results."""
    bytes: int | None
    """Size of the smallest variant that is published; null where none is."""
    catalog: str
    """The catalog of this model alone, relative to the index."""


class Index(CamelPart):
    """All models of a zoo, a line each."""

    schema_version: Literal[1] = Field(alias="schema")
    zoo: CatalogZoo
    models: list[IndexModel]


def entry_path(name: str) -> str:
    """Return where the catalog of one model lies: "models/handtrack/catalog.json"."""
    return f"models/{name}/{ENTRY_FILE}"


def index_model(model: CatalogModel) -> IndexModel:
    """Return the line of a model in the index."""
    sizes = [one.bytes for one in model.variants if one.status == "ok" and one.bytes is not None]
    return IndexModel(
        name=model.name,
        title=model.title,
        description=model.description,
        task=model.task,
        tags=model.tags,
        license=model.license,
        status=model.status,
        method=model.results.method if model.results else None,
        bytes=min(sizes, default=None),
        catalog=entry_path(model.name),
    )


def head_of_one(catalog: Catalog) -> Catalog:
    """Return the catalog of one model alone without the model; its paths are those of the whole."""
    return catalog.model_copy(update={"models": [], "json_schema": f"../../{catalog.json_schema}"})
