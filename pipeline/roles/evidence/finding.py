"""Findings: the role of an output, the evidence for it, and its conventions.

This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.records.roles import RoleMap
from pipeline.roles.evidence.observations import Output


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The role that a rule claims for an output.

    Attributes:
        role: Name of the role.
        output: The output; None if the role needs none (`classes: null`).
        evidence: Sentences, for people.
        conventions: Answers to the role's conventions, as far as known.
        group: Roles inferred together: if one of them is contradicted, all of them fall.
    """

    role: str
    output: Output | None
    evidence: tuple[str, ...]
    conventions: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Why an output has no role although some evidence speaks for it.

    Attributes:
        output: The output.
        reason: A clause, for people.
        refutes: Whether the doubt also drops the claims of other rules on the output.
    """

    output: Output
    reason: str
    refutes: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A role of the model.

    Attributes:
        role: Name of the role.
        tensor: Tensor of its output; None if it needs none.
        source: Who says so: the manifest or the evidence.
        evidence: Sentences, for people.
        conventions: The meaning of the tensor's numbers, as far as known.
        usable: Whether the tensor can be used as it is, see `role_types.Role`.
    """

    role: str
    tensor: str | None
    source: Literal["manifest", "inferred"]
    evidence: tuple[str, ...]
    conventions: Mapping[str, str]
    usable: bool = True


@dataclass(frozen=True, kw_only=True)
class RoleFindings:
    """The roles of a model, and why its other outputs have none.

    Attributes:
        findings: The roles, each at most once.
        abstained: Why an output has no role, by its name.
    """

    findings: Sequence[Finding]
    abstained: Mapping[str, str]

    @property
    def map(self) -> dict[str, str | None]:
        """The tensor of each role, None if it needs none."""
        return {finding.role: finding.tensor for finding in self.findings}

    def record(self) -> RoleMap:
        """Return the findings as a record; not usable if its only output feeds another model."""
        roles: dict[str, tuple[str, ...]] = {}
        for finding in self.findings:
            if finding.tensor is not None:
                roles[finding.tensor] = (*roles.get(finding.tensor, ()), finding.role)
        return RoleMap(
            map=self.map,
            roles=roles,
            source={finding.role: finding.source for finding in self.findings},
            evidence={finding.role: finding.evidence for finding in self.findings},
            conventions={
                finding.role: dict(finding.conventions)
                for finding in self.findings
                if finding.conventions
            },
            abstained=dict(self.abstained),
            usable=not self.findings or any(finding.usable for finding in self.findings),
        )
