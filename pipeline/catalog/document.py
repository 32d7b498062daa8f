"""The catalog: `models.json`, the list of the models that a zoo offers. It opens no file."""

import functools
from collections.abc import Iterable, Mapping

from pipeline.catalog.types import Catalog, CatalogModel, CatalogZoo
from pipeline.disk.canonical import format_json
from pipeline.text.described_schema import DescribedSchema

CATALOG_FILE = "models.json"
SCHEMA_FILE = "models.schema.json"


@functools.cache
def format_schema() -> bytes:
    """Return the JSON Schema of `models.json`."""
    schema = Catalog.model_json_schema(schema_generator=DescribedSchema)
    return format_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def build_catalog(
    models: Iterable[CatalogModel], *, zoo: CatalogZoo, toolchain: Mapping[str, str | None]
) -> Catalog:
    """Return the catalog of a zoo, its models sorted by name."""
    return Catalog(
        json_schema=SCHEMA_FILE,
        schema_version=1,
        zoo=zoo,
        toolchain=dict(sorted(toolchain.items())),
        models=sorted(models, key=lambda model: model.name),
    )
