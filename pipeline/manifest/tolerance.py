"""Tolerances: how far a published model may be from its source. It opens no file."""

from typing import Self

from pydantic import Field, model_validator

from pipeline.manifest.fields import Fraction, Section, Share, Text, fault

REASON_NEEDED_ABOVE = 0.01
REASON_NEEDED_BELOW = 0.9


class OutputTolerance(Section):
    """Limits for one output."""

    max_relative_error: Fraction | None = None
    """Largest difference as a fraction of the range of the source's output: 0.001 is 0.1 %.
    Above 0.01 a `reason` is needed."""

    max_absolute_error: Fraction | None = None
    """Largest difference in the output's own unit."""

    min_agreement: Share | None = None
    """Smallest share of boxes, rows or choices that agree, where an output is judged as a set.
    Below 0.9 a `reason` is needed."""

    reason: Text | None = None
    """Why a difference of more than 1 %, or so small an agreement, is right for this model."""

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        error = self.max_relative_error
        if error is not None and error > REASON_NEEDED_ABOVE and self.reason is None:
            raise fault(f"max_relative_error {error:g} is above 1 %; expected a 'reason' beside it")
        share = self.min_agreement
        if share is not None and share < REASON_NEEDED_BELOW and self.reason is None:
            raise fault(f"min_agreement {share:g} is below 0.9; expected a 'reason' beside it")
        return self


class Tolerance(OutputTolerance):
    """Limits for all outputs of a model or variant, and for some of them."""

    outputs: dict[Text, OutputTolerance] = Field(default_factory=dict)
    """Other limits for single outputs, by the output's name."""
