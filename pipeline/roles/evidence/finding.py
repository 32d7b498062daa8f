"""Findings: what role an output has, why, and how it is to be read.

It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.records.roles import RoleMap
from pipeline.roles.evidence.observations import Output


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one line of evidence says.

    Attributes:
        role: Name of the role.
        output: The output that has it; None says that the role needs none (`classes: null`).
        evidence: Sentences, for people.
        conventions: Answers to the role's conventions, as far as they are known.
        group: Roles that were told from one another, and fall together: with one of them
            contradicted, the others are not known any more.
    """

    role: str
    output: Output | None
    evidence: tuple[str, ...]
    conventions: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Why an output has no role although something speaks for one.

    Attributes:
        output: The output.
        reason: In words.
        refutes: Whether it speaks against whatever else is claimed of the output.
    """

    output: Output
    reason: str
    refutes: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A role of the model.

    Attributes:
        role: Name of the role.
        tensor: Tensor of its output; None where it needs none.
        source: Who says so.
        evidence: Why, in sentences.
        conventions: How the tensor is to be read, as far as that is known.
        usable: Whether the tensor can be used as it is, see `terms.Role`.
    """

    role: str
    tensor: str | None
    source: Literal["manifest", "inferred"]
    evidence: tuple[str, ...]
    conventions: Mapping[str, str]
    usable: bool = True


@dataclass(frozen=True, kw_only=True)
class RoleFindings:
    """All that is known of a model's roles.

    Attributes:
        findings: A role each, no two of one name.
        abstained: Why an output has no role, by its name.
    """

    findings: Sequence[Finding]
    abstained: Mapping[str, str]

    @property
    def map(self) -> dict[str, str | None]:
        """The tensor of each role, None where it needs none."""
        return {finding.role: finding.tensor for finding in self.findings}

    def record(self) -> RoleMap:
        """Return the findings as a record; not usable if the only output waits for a model."""
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
