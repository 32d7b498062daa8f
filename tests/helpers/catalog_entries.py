"""Entries of a catalog, and catalogs of them, as the JSON of models.json."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.catalog.card import failed_model, stale_model
from pipeline.catalog.document import SCHEMA_FILE
from pipeline.catalog.types import CatalogModel, ModelIdentity

Json = dict[str, Any]

_UNSTATED: Json = {
    **dict.fromkeys(("title", "description", "task", "license", "licenseUrl", "homepage")),
    "tags": [],
}
_IDENTITY = {field.alias or name for name, field in ModelIdentity.model_fields.items()}


def failed_entry(identity: Mapping[str, Any], *, uri: str, reason: str | None) -> Json:
    """Return the entry of a model that failed.

    Args:
        identity: Fields that the manifest states; those that are left out are null.
        uri: Its source.
        reason: Why it failed.
    """
    return failed_model(_identity(identity), uri=uri, reason=reason).to_json()


def stale_entry(entry: Mapping[str, Any], *, reason: str, since: str) -> Json:
    """Return the entry of a model that failed after an earlier build of it succeeded."""
    model = CatalogModel.model_validate(entry)
    return stale_model(model, _identity(entry), reason=reason, since=since).to_json()


def catalog_of(
    entries: Iterable[Mapping[str, Any]], *, zoo: Mapping[str, Any], **tools: Any
) -> Json:
    """Return a catalog; its entries need not be whole."""
    return {
        "$schema": SCHEMA_FILE,
        "schema": 1,
        "zoo": {"name": "Test zoo", "description": None, "homepage": None, **zoo},
        "toolchain": tools,
        "models": sorted(entries, key=lambda entry: str(entry["name"])),
    }


def _identity(entry: Mapping[str, Any]) -> ModelIdentity:
    results = {field.alias or name for name, field in CatalogModel.model_fields.items()}
    stated = {key: value for key, value in entry.items() if key not in results - _IDENTITY}
    return ModelIdentity.model_validate(_UNSTATED | stated)
