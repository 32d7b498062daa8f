"""Outcomes: the facts on a step's end that later steps depend on, in `<step>.json`.

An outcome holds the status, the reason of a failure and the digests of the outputs, and no
parameters, tools or times. So a step that ran again and made the same files leaves the same
outcome, and everything after it stays up to date (early cut-off).
"""

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.records.record import Part

Status = Literal["ok", "failed", "skipped"]


class Outcome(Part):
    """How a step ended."""

    status: Status
    """"failed" by itself; "skipped" if not wanted, or if a step before it has no result."""
    reason: str | None = None
    """Why it failed or was skipped; None for "ok"."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file in the step's folder, by its path there."""


def load_outcome(path: Path) -> Outcome | None:
    """Read an outcome; None if the file is missing or damaged.

    Raises:
        OSError: It is there and cannot be read. Taken for a lost one, a step would leave out what
            its receipt says that it read.
    """
    try:
        return parse_json(Outcome, path.read_bytes())
    except (FileNotFoundError, WrongJsonError):
        return None


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome; an equal file keeps its time of change."""
    content = format_json(outcome.to_json())
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_atomic(path, content)
