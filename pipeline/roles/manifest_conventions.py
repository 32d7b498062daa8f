"""Stated conventions: how the output of a role is to be read, where only the manifest says it.

What the evidence shows stands: a statement that differs from it is refused. This module opens no
file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.errors import MappingError
from pipeline.roles.evidence.finding import Finding
from pipeline.roles.role_types import CONVENTIONS
from pipeline.text.suggest import did_you_mean, find_similar, join_words


def state_conventions(
    found: Sequence[Finding], stated: Mapping[str, Mapping[str, str | int]]
) -> list[Finding]:
    """Return the roles that were found, with the conventions that the manifest states.

    Raises:
        MappingError: The manifest states one of a role that no output has, an unknown one, or one
            that the evidence contradicts.
    """
    by_role = {finding.role: finding for finding in found}
    for role, conventions in stated.items():
        if role not in by_role:
            similar = did_you_mean(find_similar(role, by_role))
            raise MappingError(
                f"conventions: {role}: no output has this role{similar}",
                hint=f"its roles are {join_words(sorted(by_role)) or 'none'}",
            )
        by_role[role] = _add(by_role[role], conventions)
    return [by_role[finding.role] for finding in found]


def _add(finding: Finding, stated: Mapping[str, str | int]) -> Finding:
    known = dict(finding.conventions)
    for name, value in stated.items():
        text = _check(finding.role, name, str(value))
        if known.setdefault(name, text) != text:
            raise MappingError(
                f"conventions: {finding.role}: {name} is {known[name]} by the evidence, not {text}"
            )
    evidence = (*finding.evidence, f"{join_words(sorted(stated))} stated in the manifest")
    return replace(
        finding, conventions={name: known[name] for name in sorted(known)}, evidence=evidence
    )


def _check(role: str, name: str, value: str) -> str:
    where = f"conventions: {role}"
    if name not in CONVENTIONS:
        similar = did_you_mean(find_similar(name, list(CONVENTIONS)))
        raise MappingError(f"{where}: there is no convention {name!r}{similar}")
    values = CONVENTIONS[name].values
    if values and value not in values:
        raise MappingError(
            f"{where}: {name} is {value!r}; expected {join_words(list(values), 'or')}"
        )
    return value
