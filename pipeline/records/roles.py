"""Roles: what each output of a model is for, and how that is known."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, PlainSerializer

from pipeline.records.record import Record

SEPARATOR = ", "


def _split(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str):
        raise ValueError(f"roles as one text, such as 'scores{SEPARATOR}classes'")  # noqa: TRY004  # pydantic reports no TypeError
    return tuple(value.split(SEPARATOR))


JoinedRoles = Annotated[
    tuple[str, ...], BeforeValidator(_split), PlainSerializer(SEPARATOR.join, return_type=str)
]
"""Roles that share an output, in JSON as one text: "scores, classes"."""


class RoleMap(Record):
    """What `map` finds: the role of each output."""

    FILE: ClassVar[str] = "map.json"

    map: dict[str, str | None]
    """Output tensor of each role; None where the role follows from others."""
    roles: dict[str, JoinedRoles]
    """Roles of each output tensor that has any."""
    source: dict[str, Literal["manifest", "inferred"]]
    """Who states each role."""
    evidence: dict[str, tuple[str, ...]]
    """Why each role is believed, in sentences."""
    conventions: dict[str, dict[str, str]]
    """How the output of a role is to be read, such as the order of a box."""
    abstained: dict[str, str]
    """Why an output has no role although something speaks for one, by its name."""
    usable: bool
    """Whether the outputs can be used as they are; those that only another model reads cannot."""
