"""Outcomes: what the steps after it need to know of a step, in `<step>.json`.

An outcome holds the status and the digests of the outputs and nothing else: no
parameters, no tools, no times. So a step that ran again and made the same files leaves
the same outcome, and everything after it stays up to date (early cut-off).
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.json_file import load_json
from pipeline.disk.json_value import JsonValue
from pipeline.errors import FormatError

Status = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a step ended.

    Attributes:
        status: "ok", "failed" (by itself) or "skipped" (not wanted, or not possible
            because a step before it has no result).
        reason: Why it failed or was skipped; None for "ok".
        outputs: SHA-256 of each file in the step's folder, by its path there.
    """

    status: Status
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)


def load_outcome(path: Path) -> Outcome | None:
    """Read an outcome; None where there is none, or none that can be read."""
    wire = load_json(path)
    try:
        return None if wire is None else _parse_outcome(wire)
    except FormatError:
        return None


def _parse_outcome(wire: JsonValue) -> Outcome:
    status, reason = wire.get("status"), wire.get("reason")
    if status.value not in get_args(Status):
        status.refuse(", ".join(get_args(Status)))
    return Outcome(
        status=status.value,
        reason=None if reason.is_absent else reason.text(),
        outputs={key: value.text() for key, value in wire.get("outputs").fields()},
    )


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome, unless the file says so already (its time of change is kept)."""
    content = format_json(
        {"status": outcome.status, "reason": outcome.reason, "outputs": dict(outcome.outputs)}
    )
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_atomic(path, content)
