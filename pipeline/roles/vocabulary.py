"""Vocabulary: the roles that an output may have, by what a model does, and what each means.

A role is a promise to whoever loads the model: its meaning and its conventions say how to read
the tensor. `docs/roles.md` is made of this module (document.py). It opens no file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.roles.object_roles import (
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
from pipeline.roles.person_roles import ATTRIBUTES, LANDMARKS, POSE
from pipeline.roles.role_names import name_role
from pipeline.roles.role_types import Family, Role
from pipeline.text.suggest import find_similar

# The first family that fits a task's ending has it, so the longer endings come first.
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
"""How alike (difflib's ratio) two names must be for one to be a slip of the other."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A role within its family.

    Attributes:
        family: What the model does.
        role: The role itself.
    """

    family: Family
    role: Role


def find_family(task: str | None) -> Family | None:
    """Return the family of a task as the manifest writes it, or None where it has none.

    A task belongs to a family that lists it, or that has a word for how it ends:
    `face-detection` ends in `-detection`.
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
    """Return a role by its name, as the family means it, else as the first that has it."""
    bare = name.rstrip("0123456789")
    found = [entry for entry in entries() if entry.role.name in (name, f"{bare}N")]
    own = [entry.role for entry in found if entry.family is family]
    return next(iter([*own, *(entry.role for entry in found)]), None)


def has_role(family: Family, name: str) -> bool:
    """Return whether models of a family have a role, their own or one lent by another."""
    bare = name.rstrip("0123456789")
    own = {role.name for role in family.roles} | set(family.also)
    return name in own or f"{bare}N" in own


def near_role(name: str) -> str | None:
    """Return the role that a name which is none was probably meant to be.

    What is spelled almost like a role is a slip; "detection_boxes", as an output is called that
    has a role, means the role. Other names ("gesture") are their writer's own.
    """
    words = {word.lower(): word for word in sorted(role_names())}
    plain = name.lower().replace("_", "")
    near = find_similar(plain, words, similarity=CLOSE_SPELLING)
    if not near:
        return None
    alias = name_role(name)
    return alias[0] if alias else words[near[0]]


def convention_names(role: str, family: Family | None) -> frozenset[str]:
    """Return the conventions of a role, of any family's where the model's is not known."""
    known = find_role(role, family)
    if known is None:
        return frozenset()
    if family is not None:
        return frozenset(known.conventions)
    alike = [entry.role for entry in entries() if entry.role.name == known.name]
    return frozenset(name for one in alike for name in one.conventions)
