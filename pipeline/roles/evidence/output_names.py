"""Names: claims roles by the names of outputs, if nothing contradicts these.

A name counts within the family of the manifest's task. Without a task, two names of one family
must support each other: "age" alone may mean anything, beside "gender" it does not. This module
opens no file.
"""

from collections.abc import Iterator

from pipeline.roles.evidence.finding import Claim, Doubt
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.role_check import contradict, fits_name
from pipeline.vocabulary.families import has_role
from pipeline.vocabulary.object_roles import DETECTION, EMBEDDING, MATTING, TRANSCRIPTION
from pipeline.vocabulary.person_roles import ATTRIBUTES, LANDMARKS, POSE
from pipeline.vocabulary.role_names import name_role, state_number
from pipeline.vocabulary.role_types import Family

_VOUCHING = (DETECTION, ATTRIBUTES, POSE, LANDMARKS, MATTING, TRANSCRIPTION)
_MIN_VOUCHING = 2


def find_named(model: Observed) -> Iterator[Claim | Doubt]:
    """Yield a claim for each output whose name means a role."""
    named = {output: found for output in model.outputs if (found := name_role(output.name))}
    sound = {}
    for output, (role, words) in named.items():
        reason = contradict(role, output, model)
        if reason is None and fits_name(role, output):
            sound[output] = (role, words)
        elif reason:
            why = f"its name says {role}, but it {reason}"
            yield Doubt(output=output, reason=why, refutes=True)
    family = model.family or _guess_family({role for role, _ in sound.values()})
    for output, (role, words) in sound.items():
        if family and has_role(family, role):
            yield Claim(role=role, output=output, evidence=(_describe(output, words),))
    if family is MATTING:
        yield from _find_states(model)


def _guess_family(roles: set[str]) -> Family | None:
    """Return the only family that two names support; those of embeddings need no second name."""
    if roles and roles <= {role.name for role in EMBEDDING.roles}:
        return EMBEDDING
    counts = {
        family.name: len(roles & {role.name for role in family.roles}) for family in _VOUCHING
    }
    if "boxes" not in roles:
        counts[DETECTION.name] = 0
    most = max(counts.values())
    best = [family for family in _VOUCHING if counts[family.name] == most]
    return best[0] if most >= _MIN_VOUCHING and len(best) == 1 else None


def _find_states(model: Observed) -> Iterator[Claim]:
    inputs = {entry.name for entry in model.inputs}
    for output in model.outputs:
        number = state_number(output.name)
        if number is not None and f"r{number}i" in inputs:
            yield Claim(
                role=f"state{number}",
                output=output,
                evidence=(f"the output '{output.name}' goes back to the input 'r{number}i'",),
            )


def _describe(output: Output, words: str) -> str:
    if output.text:
        return f'its name says "{words}", and it holds strings'
    if not output.is_known:
        return f'its name says "{words}"; there are no values to check it'
    if not output.varies:
        return f'its name says "{words}"; all its values are {output.low:.4g}, which says nothing'
    return (
        f'its name says "{words}", and its values, from {output.low:.4g} to {output.high:.4g}, '
        "do not contradict it"
    )
