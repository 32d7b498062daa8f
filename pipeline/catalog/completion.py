"""Completion: what another version of tfjs-zoo wrote into a catalog, as this version's types.

A field that is absent there is empty here; a field that is unknown here is left out. It opens
no file.
"""

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.catalog.types import CatalogModel
from pipeline.disk.typed_json import describe_fault
from pipeline.errors import PipelineError

_EMPTY: Mapping[Any, Any] = {list: [], dict: {}, str: "", int: 0, float: 0.0}


def parse_model(wire: Any, shown: str, *, error: type[PipelineError]) -> CatalogModel:
    """Read an entry of a catalog, or a card.

    Args:
        wire: Its decoded JSON, from any version.
        shown: What people call it: "card.json", "models[3]".
        error: What is raised where it cannot be read.

    Raises:
        PipelineError: A field has a value of another kind, or a status is missing.
    """
    if not isinstance(wire, dict):
        raise error(f"{shown}: expected an object")
    try:
        return CatalogModel.model_validate(wire)
    except ValidationError:
        pass  # written by another version, or damaged
    try:
        return CatalogModel.model_validate(complete_fields(CatalogModel, wire, set()))
    except ValidationError as fault:
        raise error(f"{shown}: {describe_fault(fault)}") from None


def complete_fields(kind: Any, wire: Any, absent: set[str]) -> Any:
    """Return a value with the fields that its type has, and no others.

    Args:
        kind: Its type: a class of the catalog, or a list or dictionary of one.
        wire: Its decoded JSON.
        absent: Takes the names in JSON of the fields that it does not have.
    """
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _complete_object(kind, wire, absent) if isinstance(wire, dict) else wire
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin is list and isinstance(wire, list):
        return [complete_fields(inner[0], item, absent) for item in wire]
    if origin is dict and isinstance(wire, dict):
        return {key: complete_fields(inner[1], item, absent) for key, item in wire.items()}
    return wire


def _complete_object(
    kind: type[BaseModel], wire: Mapping[str, Any], absent: set[str]
) -> dict[str, Any]:
    known = {field.alias or name: field for name, field in kind.model_fields.items()}
    complete: dict[str, Any] = {}
    if kind.model_config.get("extra") == "allow":
        complete |= {key: value for key, value in wire.items() if key not in known}
    for key, field in known.items():
        if key in wire:
            complete[key] = complete_fields(field.annotation, wire[key], absent)
        elif key not in getattr(kind, "LEFT_OUT", ()):
            absent.add(key)
            empty = _empty(field.annotation)
            if field.is_required() and empty is not ...:
                complete[key] = empty
    return complete


def _empty(annotation: Any) -> Any:
    """Return the empty value of a type; an ellipsis where it has none."""
    origin = get_origin(annotation)
    if (origin or annotation) in _EMPTY:
        return _EMPTY[origin or annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _complete_object(annotation, {}, set())
    if origin in (Union, types.UnionType) and type(None) in get_args(annotation):
        return None
    return ...
