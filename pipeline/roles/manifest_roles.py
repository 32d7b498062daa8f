"""Stated roles: compares the roles of the manifest with the evidence.

The writer of a manifest may know facts that no rule can see, so a statement stands if nothing
contradicts it. But scores beyond 1, classes that are no whole numbers, or a detector's anchors in
place of its classes are mistakes: they are refused, with the evidence. A role outside the
vocabulary is allowed; a slip of a role in it is refused when the manifest is read. This module
opens no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import MappingError
from pipeline.records.signature import SignatureOutput
from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.role_check import contradict, disagree
from pipeline.roles.mapping import resolve_map
from pipeline.vocabulary.families import find_role

_RAW = {"rawBoxes": "boxes", "rawScores": "scores", "multiclassScores": "scores"}
"""Roles whose outputs may be stated as another role: a page may suppress raw boxes itself."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A role that the manifest states.

    Attributes:
        role: Name of the role.
        output: Its output; None for null.
        notes: Remarks on it, for people.
    """

    role: str
    output: Output | None
    notes: tuple[str, ...] = ()


def read_map(
    outputs: Sequence[SignatureOutput], roles: Mapping[str, str | None] | None, model: Observed
) -> list[Statement]:
    """Return the statements of the manifest.

    Raises:
        MappingError: A role names no output of the model, or several.
    """
    by_tensor = {output.tensor: output for output in model.outputs}
    statements = []
    for role, tensor in resolve_map(outputs, roles).items():
        known = find_role(role, model.family) is not None
        statements.append(
            Statement(
                role=role,
                output=None if tensor is None else by_tensor[tensor],
                notes=() if known else ("the vocabulary does not have this role",),
            )
        )
    return statements


def check_stated(statements: Sequence[Statement], claims: Sequence[Claim], model: Observed) -> None:
    """Refuse statements that the evidence contradicts.

    Args:
        statements: The statements of the manifest.
        claims: The claims of the evidence.
        model: The model.

    Raises:
        MappingError: At least one statement is contradicted; the message has a line for each.
    """
    faults = [fault for statement in statements if (fault := _find_fault(statement, claims, model))]
    if not faults:
        pair = disagree({statement.role: statement.output for statement in statements})
        if pair:
            output = next(s.output for s in statements if s.role == pair[0])
            faults.append(f"map: {pair[0]}: {output} {pair[1]}")
    if faults:
        raise MappingError("\n".join(faults), hint=_hint(statements, claims))


def _find_fault(statement: Statement, claims: Sequence[Claim], model: Observed) -> str | None:
    role, output = statement.role, statement.output
    if output is None or find_role(role, None) is None:
        return None
    reason = contradict(role, output, model)
    if reason is None:
        reason = _find_other(role, output, claims)
    return f"map: {role}: {output} {reason}" if reason else None


def _find_other(role: str, output: Output, claims: Iterable[Claim]) -> str | None:
    """Return the role that an output is proved to have instead, else None: "is anchors: …".

    Only roles that were inferred together (a group) prove that much.
    """
    for claim in claims:
        if claim.output is output and claim.group and claim.role != role:
            if _RAW.get(claim.role) == role:
                continue
            return f"is {claim.role}: {claim.evidence[0]}"
    return None


def _hint(statements: Sequence[Statement], claims: Sequence[Claim]) -> str | None:
    """Return a hint for the stated roles: "by the evidence it is classes: Identity_2:0"."""
    stated = {statement.role for statement in statements}
    better = [
        f"{claim.role}: {claim.output}"
        for claim in claims
        if claim.role in stated and claim.output is not None
    ]
    if better:
        return f"by the evidence it is {', '.join(better)}"
    return "Correct the map, or leave the role out."
