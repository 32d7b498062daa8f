"""Outcomes: what the steps after it need to know of a step, in `<step>.json`.

An outcome holds the status and the digests of the outputs and nothing else: no
parameters, no tools, no times. So a step that ran again and made the same files leaves
the same outcome, and everything after it stays up to date (early cut-off).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.canonical import format_json
from pipeline.files import write_atomic

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
    try:
        wire = json.loads(path.read_bytes())
        return Outcome(status=wire["status"], reason=wire["reason"], outputs=wire["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome, unless the file says so already (its time of change is kept)."""
    content = format_json(
        {"status": outcome.status, "reason": outcome.reason, "outputs": dict(outcome.outputs)}
    )
    if not path.exists() or path.read_bytes() != content:
        write_atomic(path, content)
