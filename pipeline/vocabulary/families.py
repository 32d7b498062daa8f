"""Families: all families of models with the roles of their outputs.

A role is a promise to whoever loads the model: its meaning and its conventions explain the tensor.
`vocabulary_document.py` makes `docs/roles.md` from this module. It opens no file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text.suggest import did_you_mean, find_similar, join_words
from pipeline.vocabulary.object_roles import (
    CLASSIFICATION,
    DEPTH,
    DETECTION,
    EMBEDDING,
    FEATURES,
    IMAGE,
    MATTING,
    REGRESSION,
    SEGMENTATION,
    TRANSCRIPTION,
)
from pipeline.vocabulary.person_roles import ATTRIBUTES, LANDMARKS, POSE
from pipeline.vocabulary.role_names import name_role
from pipeline.vocabulary.role_types import CONVENTIONS, Family, Role

# The first family whose ending fits a task is its family, so longer endings come first.
FAMILIES: tuple[Family, ...] = (
    POSE,
    LANDMARKS,
    DETECTION,
    CLASSIFICATION,
    ATTRIBUTES,
    SEGMENTATION,
    MATTING,
    EMBEDDING,
    FEATURES,
    REGRESSION,
    DEPTH,
    IMAGE,
    TRANSCRIPTION,
)

CLOSE_SPELLING = 0.8
"""Similarity (difflib's ratio) from which a name counts as a slip of another."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A role within its family.

    Attributes:
        family: The family.
        role: The role itself.
    """

    family: Family
    role: Role


def find_family(task: str | None) -> Family | None:
    """Return the family of a manifest's task, else None.

    A task belongs to a family that lists the task or its ending: `face-detection` ends in
    `-detection`.
    """
    if task is None:
        return None
    for family in FAMILIES:
        if task in family.tasks:
            return family
    return next((f for f in FAMILIES if task.endswith(f.endings)), None)


def entries() -> Iterator[Entry]:
    """Yield every role of every family."""
    for family in FAMILIES:
        for role in family.roles:
            yield Entry(family=family, role=role)


def role_names() -> frozenset[str]:
    """Return the names of all roles, with a number in place of `N`."""
    return frozenset(entry.role.name for entry in entries())


def find_role(name: str, family: Family | None) -> Role | None:
    """Return a role of a family by its name, else the first role of that name."""
    bare = name.rstrip("0123456789")
    found = [entry for entry in entries() if entry.role.name in (name, f"{bare}N")]
    own = [entry.role for entry in found if entry.family is family]
    return next(iter([*own, *(entry.role for entry in found)]), None)


def has_role(family: Family, name: str) -> bool:
    """Return whether models of a family may have a role, the family's own or another's."""
    bare = name.rstrip("0123456789")
    own = {role.name for role in family.roles} | set(family.also)
    return name in own or f"{bare}N" in own


def near_role(name: str) -> str | None:
    """Return the role that an unknown name probably means, else None.

    A name spelled almost like a role is a slip, and the usual name of an output ("detection_boxes")
    means its role. Other names ("gesture") are roles of their writer's own.
    """
    words = {word.lower(): word for word in sorted(role_names())}
    plain = name.lower().replace("_", "")
    near = find_similar(plain, words, similarity=CLOSE_SPELLING)
    if not near:
        return None
    alias = name_role(name)
    return alias[0] if alias else words[near[0]]


def describe_role_fault(name: str, task: str | None) -> str | None:
    """Return why no output of a model can have a stated role, else None.

    "there is no such role; did you mean 'boxes'?" is one. A name of the writer's own is no fault.

    Args:
        name: The role.
        task: The task of the model, if the manifest states it.
    """
    if find_role(name, None) is None:
        near = near_role(name)
        return f"there is no such role{did_you_mean([near])}" if near else None
    family = find_family(task)
    if family is None or has_role(family, name):
        return None
    names = join_words((role.name for role in family.roles), "or")
    return (
        f"no role of a model for {task}; expected {names}, another task, or a name that the "
        "vocabulary does not have"
    )


def convention_values(role: str, name: str) -> tuple[str, ...]:
    """Return the values that a convention can have for a role; none if it has no list of them.

    The order of a box has four letters, and that of a point two.
    """
    values = tuple(CONVENTIONS[name].values)
    if name != "order" or find_role(role, None) is None:
        return values
    is_box = "form" in convention_names(role, None)
    return tuple(value for value in values if (len(value) > len("yx")) == is_box)


def convention_names(role: str, family: Family | None) -> frozenset[str]:
    """Return the conventions of a role; those of all families if the model's is unknown."""
    known = find_role(role, family)
    if known is None:
        return frozenset()
    if family is not None:
        return frozenset(known.conventions)
    alike = [entry.role for entry in entries() if entry.role.name == known.name]
    return frozenset(name for one in alike for name in one.conventions)
