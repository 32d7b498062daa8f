"""The catalog: `models.json`, what a zoo offers. It opens no file."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.catalog.types import Catalog
from pipeline.disk.canonical import format_json

CATALOG_FILE = "models.json"
SCHEMA_FILE = "models.schema.json"


def format_schema() -> bytes:
    """Return the JSON Schema of `models.json`."""
    schema = Catalog.model_json_schema(by_alias=True)
    return format_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def failed_entry(identity: Mapping[str, Any], *, uri: str, reason: str | None) -> dict[str, Any]:
    """Return the entry of a model of which nothing can be offered.

    Args:
        identity: What the manifest says of it: name, title, licence, the keys of `extra`.
        uri: Its source, without credentials.
        reason: What went wrong.
    """
    return {
        **identity,
        "status": "failed",
        "reason": reason,
        "staleSince": None,
        "source": {
            "uri": uri,
            "format": None,
            "sha256": None,
            "tagSets": None,
            "signatureKey": None,
            "signatures": None,
        },
        "format": None,
        "requiresAsync": None,
        "parameters": None,
        "ops": {},
        "modelPath": None,
        "map": {},
        "roles": {},
        "unassigned": {},
        "usable": None,
        "inputs": [],
        "outputs": [],
        "repairs": [],
        "vectors": [],
        "variants": [],
    }


def stale_entry(card: Mapping[str, Any], *, reason: str | None, since: str) -> dict[str, Any]:
    """Return the entry of a model of which an earlier result is offered.

    Args:
        card: The entry as it was when the model last succeeded.
        reason: What went wrong since.
        since: When it first did, in UTC.
    """
    return {**card, "status": "stale", "reason": reason, "staleSince": since}


def build_catalog(
    models: Iterable[Mapping[str, Any]],
    *,
    zoo: Mapping[str, Any],
    toolchain: Mapping[str, str | None],
) -> dict[str, Any]:
    """Assemble the catalog of a zoo from the entries of its models."""
    return {
        "$schema": SCHEMA_FILE,
        "schema": 1,
        "zoo": dict(zoo),
        "toolchain": dict(toolchain),
        "models": sorted(models, key=lambda model: str(model["name"])),
    }
