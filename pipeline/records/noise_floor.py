"""The noise floor: how far rounding alone moves the outputs of a base, vector by vector."""

from typing import ClassVar

from pipeline.records.record import Part, Record


class OutputFloor(Part):
    """How far rounding moves an output on one vector."""

    error: float
    """Largest difference of a value, in the output's unit; 0 for text."""
    rms: float
    """Root of the mean square of the differences, in the output's unit; 0 for text."""
    agreement: float
    """Share of rows that agree as a set, for outputs whose rows rounding may exchange."""


class NoiseFloor(Record):
    """How far rounding moves the outputs of a base."""

    FILE: ClassVar[str] = "floor.json"

    reason: str | None
    """Why it was not measured, as in "TensorFlow.js runs its tables"; None if it was."""
    outputs: dict[str, list[OutputFloor]]
    """By output, one entry for each vector; empty if it was not measured."""
