"""Stated conventions: how the output of a role is to be read, where only the manifest says it.

What the evidence shows stands: a statement that differs from it is refused. Names and values were
checked when the manifest was read. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.errors import MappingError
from pipeline.roles.evidence.finding import Finding
from pipeline.text.suggest import did_you_mean, find_similar, join_words


def state_conventions(
    found: Sequence[Finding], stated: Mapping[str, Mapping[str, str | int]]
) -> list[Finding]:
    """Return the roles that were found, with the conventions that the manifest states.

    Raises:
        MappingError: The manifest states one of a role that no output has, or one that the
            evidence contradicts.
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
        text = str(value)
        if known.setdefault(name, text) != text:
            raise MappingError(
                f"conventions: {finding.role}: {name} is {known[name]} by the evidence, not {text}"
            )
    evidence = (*finding.evidence, f"{join_words(sorted(stated))} stated in the manifest")
    return replace(
        finding, conventions={name: known[name] for name in sorted(known)}, evidence=evidence
    )
