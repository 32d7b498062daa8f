"""The manifest's JSON Schema, for editors: generated from the types, docstrings included.

    python -m pipeline.manifest.json_schema

writes `models.schema.json` beside this module. A manifest points to it in its first line:
`# yaml-language-server: $schema=…/models.schema.json`.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import JsonSchemaMode
from pydantic_core import CoreSchema

from pipeline.catalog.known_sets import POINT_SETS
from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.manifest.model import CATALOG_KEYS, Defaults, Model
from pipeline.manifest.variant_section import DTYPES, MIN_BLOCK, SMALLEST
from pipeline.manifest.zoo import ZooSection
from pipeline.text.described_schema import DescribedSchema

SCHEMA_FILE = Path(__file__).with_name("models.schema.json")
_FIRST = ("name", "source", "sha256")


class _Manifest(BaseModel):
    """A model zoo: what is built of which sources, and how."""

    model_config = ConfigDict(extra="forbid")

    zoo: ZooSection = Field(default_factory=ZooSection)
    """The zoo as a whole."""

    defaults: Defaults = Field(default_factory=Defaults)
    """Fields for all models; a model overrides a field as a whole."""

    models: list[Model] = Field(min_length=1)
    """The models, each with its own name."""


class _Generator(DescribedSchema):
    """Pydantic's generator without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave titles out."""
        del schema
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        """Return the schema of the file as people write it."""
        document = super().generate(schema, mode)
        definitions = document["$defs"]
        for definition in (document, *definitions.values()):
            definition.pop("title", None)
            for field in definition["properties"].values():
                if "description" in field:
                    field["description"] = " ".join(field["description"].split())
        _describe_variants(definitions["Variant"])
        _describe_blocks(definitions["Block"])
        _describe_store(definitions["StoreSection"])
        _describe_points(definitions["PointsSection"])
        properties = definitions["Model"]["properties"]
        definitions["Model"]["properties"] = {key: properties[key] for key in _FIRST} | properties
        for kind in ("Model", "Defaults"):
            extra = definitions[kind]["properties"]["extra"]
            extra["propertyNames"] = {"not": {"enum": sorted(CATALOG_KEYS)}}
        document["patternProperties"] = {"^x-": {"description": "A place for anchors."}}
        return {"$schema": self.schema_dialect, **document}


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of models.yaml."""
    return _Manifest.model_json_schema(schema_generator=_Generator)


def _describe_points(definition: dict[str, Any]) -> None:
    """Let points also be the name of a known set."""
    mapping = dict(definition)
    definition.clear()
    definition["anyOf"] = [{"type": "string", "enum": list(POINT_SETS)}, mapping]


def _describe_variants(definition: dict[str, Any]) -> None:
    """Say that a variant is the name of a dtype, or a mapping that quantizes something."""
    mapping = {key: definition.pop(key) for key in list(definition) if key != "description"}
    flags: list[dict[str, Any]] = [{"required": [f"quantize_{dtype}"]} for dtype in DTYPES]
    names = [*DTYPES, SMALLEST]
    search: dict[str, Any] = {"properties": {"smallest": {"const": True}}, "required": [SMALLEST]}
    mapping["anyOf"] = [*flags, search, {"properties": {"name": {"enum": names}}}]
    mapping["dependentRequired"] = {field: ["quantize_uint8"] for field in ("per_channel", "block")}
    definition["anyOf"] = [{"enum": names}, mapping]


def _describe_blocks(definition: dict[str, Any]) -> None:
    """Say that blocks are a size, or a mapping."""
    mapping = {key: definition.pop(key) for key in list(definition) if key != "description"}
    size = {"type": "integer", "minimum": MIN_BLOCK}
    mapping["properties"]["size"] |= size
    definition["anyOf"] = [size, mapping]


def _describe_store(definition: dict[str, Any]) -> None:
    """Say that a store is a folder or URL, or a mapping."""
    mapping = {key: definition.pop(key) for key in list(definition) if key != "description"}
    definition["anyOf"] = [{"type": "string", "minLength": 1}, mapping]


if __name__ == "__main__":
    write_atomic(SCHEMA_FILE, format_json(manifest_schema(), sort_keys=False))
