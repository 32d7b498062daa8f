"""Catalogs to be compared, read from any version of tfjs-zoo into this version's types.

An older or newer version may have published a catalog. A field that it lacks is empty here and
listed as absent, so that nobody takes it for a change; a field that is unknown here is left out.
It opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from pipeline.catalog.completion import complete_fields
from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.texts import drop_common
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.json_value import parse_foreign_json
from pipeline.disk.typed_json import describe_fault
from pipeline.errors import PublishError

_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class ComparedCatalog:
    """A catalog of a comparison.

    Attributes:
        shown: The file, folder or URL that messages name.
        zoo: Its content.
        raw: Its entries as decoded JSON, by model.
        absent: Names of fields that it lacks: "roles", "checks".
        num_same: Number of further models, with the same entries in the other catalog.
    """

    shown: str
    zoo: Catalog
    raw: Mapping[str, Mapping[str, Any]]
    absent: frozenset[str]
    num_same: int = 0

    @property
    def models(self) -> Mapping[str, CatalogModel]:
        """Its models by name."""
        return {model.name: model for model in self.zoo.models}


def parse_catalog(content: bytes, *, shown: str) -> ComparedCatalog:
    """Read models.json.

    Args:
        content: Its text.
        shown: The file, folder or URL that messages name.

    Raises:
        PublishError: The text is no catalog, or a catalog of another form.
    """
    try:
        document = parse_foreign_json(content, CATALOG_FILE, error=PublishError)
        entries = list(document.get("models").items())
        models = {entry.get("name").text(): entry.value for entry in entries}
        schema = document.get("schema").whole()
    except PublishError as error:
        raise PublishError(
            f"{shown}: is no catalog of a zoo; expected a models.json", hint=error.message
        ) from None
    wire = document.value
    if schema != _SCHEMA:
        raise PublishError(
            f"{shown}: has form {schema}; expected {_SCHEMA}",
            hint="compare with the version of tfjs-zoo that made it",
        )
    absent: set[str] = set()
    completed = complete_fields(Catalog, wire, absent)
    try:
        zoo = Catalog.model_validate(completed)
    except ValidationError as error:
        raise PublishError(
            f"{shown}: {describe_fault(error)}",
            hint="compare with the version of tfjs-zoo that made it",
        ) from None
    return ComparedCatalog(shown=shown, zoo=zoo, raw=models, absent=frozenset(absent))


def parse_pair(
    before: bytes, after: bytes, *, shown: tuple[str, str]
) -> tuple[ComparedCatalog, ComparedCatalog]:
    """Read two catalogs to be compared, without the models whose entries are the same.

    Args:
        before: The text of the earlier one.
        after: The text of the later one.
        shown: Their names in messages.

    Raises:
        PublishError: A text is no catalog, or a catalog of another form.
    """
    *texts, num_same = drop_common(before, after)
    first, second = (
        replace(parse_catalog(text, shown=name), num_same=num_same)
        for text, name in zip(texts, shown, strict=True)
    )
    return first, second


def nothing_published(shown: str) -> ComparedCatalog:
    """Return the empty catalog of a target to which nothing was published yet."""
    empty = {"$schema": "", "schema": _SCHEMA, "models": [], "toolchain": {}}
    zoo = Catalog.model_validate({**empty, "zoo": {"name": "", "description": "", "homepage": ""}})
    return ComparedCatalog(shown=shown, zoo=zoo, raw={}, absent=frozenset())
