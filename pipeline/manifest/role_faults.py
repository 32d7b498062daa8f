"""Faults of roles in a manifest: `map` and `conventions`, as far as the vocabulary shows them.

Which output has a role is checked when the model is there: `steps/map.py`. It opens no file.
"""

import re
from collections.abc import Iterator

from pipeline.manifest.fault import Fault
from pipeline.manifest.sections import ManifestModel
from pipeline.manifest.sentences import describe_choice
from pipeline.vocabulary.families import convention_values, describe_role_fault, find_role
from pipeline.vocabulary.role_types import CONVENTIONS


def check_roles(listed: ManifestModel) -> Iterator[Fault]:
    """Yield the faults of a model's roles and conventions."""
    stated = listed.model.map or {}
    for role in stated:
        if message := describe_role_fault(role, listed.model.task):
            yield listed.fault(("map", role), message, at_key=True)
    for role, conventions in listed.model.conventions.items():
        message = describe_role_fault(role, listed.model.task)
        if message is None and find_role(role, None) is None and role not in stated:
            message = "the vocabulary has no such role; expected it in 'map', too"
        if message:
            yield listed.fault(("conventions", role), message, at_key=True)
        for name, value in conventions.items():
            yield from _check_convention(listed, role, name, str(value))


def _check_convention(listed: ManifestModel, role: str, name: str, value: str) -> Iterator[Fault]:
    location = ("conventions", role, name)
    if name not in CONVENTIONS:
        unknown = describe_choice(name, list(CONVENTIONS), "convention")
        yield listed.fault(location, unknown, at_key=True)
    elif wrong := _describe_value(role, name, value):
        yield listed.fault(location, wrong)


def _describe_value(role: str, name: str, value: str) -> str | None:
    """Return the message for a value that a convention of a role cannot have, else None."""
    convention = CONVENTIONS[name]
    if convention.values:
        values = convention_values(role, name)
        return None if value in values else describe_choice(value, values, f"value of {name!r}")
    if re.fullmatch(convention.pattern, value):
        return None
    return f"found {value!r}; expected a value such as {convention.example}"
