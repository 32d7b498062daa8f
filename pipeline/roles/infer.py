"""Inference: infers the roles of a model's outputs from evidence.

Every rule makes claims, and claims that differ cancel out. So a wrong role takes a wrong rule that
no right rule contradicts, while a missing role costs little: the manifest may state it. A role
that the manifest states stands, unless values contradict it. This module opens no file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pipeline.records.signature import Signature
from pipeline.roles.evidence.class_scores import find_classification
from pipeline.roles.evidence.feature_vectors import find_features, read_length
from pipeline.roles.evidence.finding import Claim, Doubt, Finding, RoleFindings
from pipeline.roles.evidence.image_outputs import find_images, read_activation
from pipeline.roles.evidence.landmarks import find_landmarks, read_points
from pipeline.roles.evidence.observations import Observed, Output, observe
from pipeline.roles.evidence.output_names import find_named
from pipeline.roles.evidence.pose import describe_maps, find_pose
from pipeline.roles.evidence.raw_detections import find_arg_max, find_detection
from pipeline.roles.evidence.structure import Structure
from pipeline.roles.manifest_conventions import state_conventions
from pipeline.roles.manifest_roles import Statement, check_stated, read_map
from pipeline.tfjs.model.topology import Topology
from pipeline.tfjs.model.weights import Array
from pipeline.vocabulary.families import convention_names, find_role

_RULES: tuple[Callable[[Observed], Iterable[Claim | Doubt]], ...] = (
    find_named,
    find_detection,
    find_classification,
    find_pose,
    find_landmarks,
    find_images,
    find_features,
)
"""A new kind of evidence is a module and a line here."""

_NO_EVIDENCE = "neither its name nor its form, its values or its place in the graph tell its role"
_NO_VALUES = "there are no values to tell its role from"
_CONSTANT = "its values are the same on all vectors and tell nothing"


def infer_roles(  # noqa: PLR0913  # all sources of evidence, by name
    *,
    signature: Signature,
    topology: Topology,
    task: str | None,
    outputs: Sequence[Mapping[str, Array]],
    manifest_map: Mapping[str, str | None] | None,
    inputs: Sequence[Mapping[str, Array]] = (),
    conventions: Mapping[str, Mapping[str, str | int]] | None = None,
) -> RoleFindings:
    """Infer the roles of a model's outputs, with the evidence.

    Args:
        signature: Inputs and outputs.
        topology: The base's graph.
        task: The manifest's `task`.
        outputs: Outputs of the model on each vector, by name; random outputs may be left out.
        manifest_map: The manifest's `map`: source name or tensor by role.
        inputs: Inputs of each vector, by name, which show the size of images if it is open.
        conventions: The manifest's `conventions`, by role.

    Raises:
        MappingError: The manifest's map names no output, or values contradict it.
    """
    model = observe(
        signature, structure=Structure(topology), task=task, vectors=outputs, inputs=inputs
    )
    claims, doubts = _collect(model)
    statements = read_map(signature.outputs, manifest_map, model)
    check_stated(statements, claims, model)
    stated = [_state(statement, claims, model) for statement in statements]
    inferred = [_finding(claim, model) for claim in _fill(claims, statements)]
    found = state_conventions([*stated, *inferred], conventions or {})
    taken = {finding.tensor for finding in found}
    abstained = {
        output.name: doubts.get(output) or _default_reason(output)
        for output in model.outputs
        if output.tensor not in taken
    }
    return RoleFindings(findings=found, abstained=abstained)


def _collect(model: Observed) -> tuple[list[Claim], dict[Output, str]]:
    """Return the claims that stand, one for each role, and why other outputs have no role."""
    found = [item for rule in _RULES for item in rule(model)]
    doubts = {item.output: item.reason for item in found if isinstance(item, Doubt)}
    claims = _merge([item for item in found if isinstance(item, Claim)])
    refuted = {item.output for item in found if isinstance(item, Doubt) and item.refutes}
    claims = [claim for claim in claims if claim.output not in refuted]
    claims, conflicts = _settle(claims)
    wrong = describe_maps({claim.role: claim.output for claim in claims}, model)
    for claim in claims:
        if claim.role in wrong and claim.output:
            conflicts[claim.output] = f"its name says {claim.role}, but it {wrong[claim.role]}"
    claims = [claim for claim in claims if claim.role not in wrong]
    claims += find_arg_max(model, {claim.role: claim.output for claim in claims})
    return claims, {**doubts, **conflicts}


def _merge(claims: Sequence[Claim]) -> list[Claim]:
    """Join claims of one role for one output; conventions that differ are dropped."""
    merged: dict[tuple[str, Output | None], Claim] = {}
    for claim in claims:
        key = (claim.role, claim.output)
        if key not in merged:
            merged[key] = claim
            continue
        first = merged[key]
        both = {**first.conventions, **claim.conventions}
        agreed = {
            name: value
            for name, value in both.items()
            if {first.conventions.get(name, value), claim.conventions.get(name, value)} == {value}
        }
        merged[key] = replace(
            first,
            evidence=(*first.evidence, *claim.evidence),
            conventions=agreed,
            group=first.group or claim.group,
        )
    return list(merged.values())


def _settle(claims: Sequence[Claim]) -> tuple[list[Claim], dict[Output, str]]:
    """Drop claims that contradict one another: two outputs of one role, two roles of one output.

    Roles of a group are inferred together, so with one claim all claims of its group fall.
    """
    disputed = set()
    reasons: dict[Output, str] = {}
    for i, first in enumerate(claims):
        for j in range(i + 1, len(claims)):
            other = claims[j]
            same_role = first.role == other.role
            if same_role == (first.output is other.output) or not (
                same_role or (first.output is not None and first.output is other.output)
            ):
                continue
            disputed |= {i, j}
            for claim in (first, other):
                if claim.output is not None:
                    reasons[claim.output] = _describe_dispute(first, other)
    groups = {claims[i].group for i in disputed} - {None}
    kept = [
        claim for i, claim in enumerate(claims) if i not in disputed and claim.group not in groups
    ]
    return kept, reasons


def _describe_dispute(first: Claim, other: Claim) -> str:
    if first.role == other.role:
        return f"evidence for {first.role} points to {first.output} and to {other.output}"
    return f"evidence points to {first.role} and to {other.role}"


def _fill(claims: Sequence[Claim], statements: Sequence[Statement]) -> list[Claim]:
    """Return the claims that the manifest's statements leave room for.

    If the two give a role to different outputs, the manifest means another set of outputs (raw
    boxes with raw scores), and the evidence adds nothing.
    """
    stated = {statement.role: statement.output for statement in statements}
    taken = {output for output in stated.values() if output is not None}
    differs = any(
        claim.role in stated and stated[claim.role] is not claim.output for claim in claims
    )
    crossed = any(claim.output in taken and claim.role not in stated for claim in claims)
    if differs or crossed:
        return []
    return [claim for claim in claims if claim.role not in stated]


def _state(statement: Statement, claims: Sequence[Claim], model: Observed) -> Finding:
    agreeing = [
        claim
        for claim in claims
        if claim.role == statement.role and claim.output is statement.output
    ]
    evidence = ["stated in the manifest", *statement.notes]
    conventions: dict[str, str] = {}
    for claim in agreeing:
        evidence += claim.evidence
        conventions |= claim.conventions
    claim = Claim(
        role=statement.role,
        output=statement.output,
        evidence=tuple(evidence),
        conventions=conventions,
    )
    return replace(_finding(claim, model), source="manifest")


def _finding(claim: Claim, model: Observed) -> Finding:
    role = find_role(claim.role, model.family)
    conventions = dict(claim.conventions)
    if role is not None and claim.output is not None:
        wanted = convention_names(claim.role, model.family)
        known = _read(claim.role, claim.output, model) | conventions
        conventions = {name: value for name, value in known.items() if name in wanted}
    return Finding(
        role=claim.role,
        tensor=claim.output.tensor if claim.output else None,
        source="inferred",
        evidence=claim.evidence,
        conventions={name: conventions[name] for name in sorted(conventions)},
        usable=role.usable if role else True,
    )


def _read(role: str, output: Output, model: Observed) -> dict[str, str]:
    """Return the conventions that an output's values and structure show, for any source of role."""
    if output.text:
        return {}
    known = read_activation(output, model)
    if role == "landmarks":
        known |= read_points(output, model)
    if role == "heatmaps" and output.plane:
        known["points"] = str(output.plane[2])
    if role == "embedding" and (length := read_length(output)):
        known["length"] = length
    return known


def _default_reason(output: Output) -> str:
    if not output.text and not output.is_known:
        return _NO_VALUES
    return _NO_EVIDENCE if output.text or output.varies else _CONSTANT
