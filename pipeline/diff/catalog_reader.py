"""Reading: a catalog of any version of tfjs-zoo, as this version's types.

What is compared with may have been published by an older version or a newer one. A field that
is absent there is empty here and said to be absent, so that nobody takes it for a change; a
field that is unknown here is left out. It opens no file.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.disk.json_value import parse_json
from pipeline.errors import PublishError

_EMPTY: Mapping[Any, Any] = {list: [], dict: {}, str: "", int: 0, float: 0.0}
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A catalog as it was read.

    Attributes:
        shown: What people call it: a file, a folder, a URL.
        zoo: Its content.
        raw: Its entries as they stand, by model.
        absent: Fields that it has not, as "roles" or "checks".
    """

    shown: str
    zoo: Catalog
    raw: Mapping[str, Mapping[str, Any]]
    absent: frozenset[str]

    @property
    def models(self) -> Mapping[str, CatalogModel]:
        """Its models by name."""
        return {model.name: model for model in self.zoo.models}


def parse_catalog(content: bytes, *, shown: str) -> Reading:
    """Read models.json.

    Args:
        content: Its text.
        shown: What people call it.

    Raises:
        PublishError: It is no catalog, or one whose form changed altogether.
    """
    try:
        document = parse_json(content, CATALOG_FILE, error=PublishError)
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
    completed = _complete(Catalog, wire, absent)
    try:
        zoo = Catalog.model_validate(completed)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PublishError(
            f"{shown}: {where}: {first['msg']}",
            hint="compare with the version of tfjs-zoo that made it",
        ) from None
    return Reading(shown=shown, zoo=zoo, raw=models, absent=frozenset(absent))


def nothing_published(shown: str) -> Reading:
    """Return what is read where nothing was published yet."""
    empty = {"$schema": "", "schema": _SCHEMA, "models": [], "toolchain": {}}
    zoo = Catalog.model_validate({**empty, "zoo": {"name": "", "description": "", "homepage": ""}})
    return Reading(shown=shown, zoo=zoo, raw={}, absent=frozenset())


def _complete(kind: Any, wire: Any, absent: set[str]) -> Any:
    """Return a value with the fields that its type has, and no others."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _complete_model(kind, wire, absent) if isinstance(wire, dict) else wire
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin is list and isinstance(wire, list):
        return [_complete(inner[0], item, absent) for item in wire]
    if origin is dict and isinstance(wire, dict):
        return {key: _complete(inner[1], item, absent) for key, item in wire.items()}
    return wire


def _complete_model(
    kind: type[BaseModel], wire: Mapping[str, Any], absent: set[str]
) -> dict[str, Any]:
    known = {field.alias or name: field for name, field in kind.model_fields.items()}
    complete: dict[str, Any] = {}
    if kind.model_config.get("extra") == "allow":
        complete |= {key: value for key, value in wire.items() if key not in known}
    for key, field in known.items():
        if key in wire:
            complete[key] = _complete(field.annotation, wire[key], absent)
        elif field.is_required():
            absent.add(key)
            if (empty := _empty(field.annotation)) is not ...:
                complete[key] = empty
    return complete


def _empty(annotation: Any) -> Any:
    """Return the empty value of a type; an ellipsis where it has none."""
    origin = get_origin(annotation)
    if (origin or annotation) in _EMPTY:
        return _EMPTY[origin or annotation]
    if origin in (Union, types.UnionType) and type(None) in get_args(annotation):
        return None
    return ...
