"""Roles in words: the meaning of each output of a model, for its page. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.catalog.types import CatalogModel
from pipeline.vocabulary.families import entries, find_family, find_role
from pipeline.vocabulary.role_types import CONVENTIONS

# For a role whose meaning differs between families, if its values come out of a softmax.
_OF_SOFTMAX = "Probability of each of several classes that exclude one another."


@dataclass(frozen=True, kw_only=True)
class ConventionText:
    """A convention of a tensor, in words.

    Attributes:
        name: The convention: "order".
        value: Its value: "yxyx".
        meaning: The value in words; "" for a value that needs no words.
    """

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class RoleText:
    """A role in words.

    Attributes:
        name: Its name in `map`.
        output: Name of its output; None for a role that follows from others.
        meaning: Meaning of its values; "" for a role that the vocabulary does not have.
        stated: Whether the manifest states the role.
        readings: Its conventions.
        evidence: The evidence for the role, in sentences.
    """

    name: str
    output: str | None
    meaning: str
    stated: bool
    readings: Sequence[ConventionText]
    evidence: Sequence[str]


def sort_roles(model: CatalogModel) -> list[str]:
    """Return a model's roles in the order of the vocabulary, the most important first."""
    family = find_family(model.task)
    order = [role.name for role in family.roles] if family else []
    order += list(family.also) if family else []
    places = {name: number for number, name in enumerate(order)}

    def place(role: str) -> tuple[int, str]:
        bare = f"{role.rstrip('0123456789')}N"
        return (places.get(role, places.get(bare, len(places))), role)

    return sorted(model.map, key=place)


def describe_roles(model: CatalogModel) -> list[RoleText]:
    """Return the roles of a model in words."""
    names = {output.tensor: output.name for output in model.outputs}
    return [_describe(model, role, names) for role in sort_roles(model)]


def _describe(model: CatalogModel, name: str, names: dict[str, str]) -> RoleText:
    role = model.roles.get(name)
    tensor = model.map[name]
    return RoleText(
        name=name,
        output=None if tensor is None else names.get(tensor, tensor),
        meaning=_explain(model, name).replace("`", ""),
        stated=role is None or role.source == "manifest",
        readings=[_read(*item) for item in role.conventions.items()] if role else [],
        evidence=role.evidence if role else [],
    )


def _explain(model: CatalogModel, name: str) -> str:
    """Return the meaning of a role in a model: "Corners of each box, in pixels".

    It is "" where the meaning differs between families and the model's family is not known.
    """
    family = find_family(model.task)
    known = find_role(name, family)
    if known is None:
        return ""
    own = family is not None and known in family.roles
    meanings = {entry.role.meaning for entry in entries() if entry.role.name == known.name}
    if own or len(meanings) == 1:
        return known.meaning
    role = model.roles.get(name)
    softmax = role is not None and role.conventions.get("normalization") == "softmax"
    return _OF_SOFTMAX if softmax else ""


def _read(name: str, value: str) -> ConventionText:
    convention = CONVENTIONS.get(name)
    meaning = convention.values.get(value, "") if convention else ""
    return ConventionText(name=name, value=value, meaning=meaning)
