"""The model under test: its outputs, roles and vectors, and the check of one output.

This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.proof.judge.fidelity import Array, Fidelity
from pipeline.proof.judge.figures import figures_json
from pipeline.proof.judge.gate import Limit
from pipeline.proof.judge.selection import selects_rows
from pipeline.proof.vector_files import Vectors
from pipeline.records.verdicts import CatalogFigures, CatalogTolerance

Figures = Mapping[str, float | int | None]

_DETECTOR_ROLES = ("boxes", "scores", "classes", "count")


@dataclass(frozen=True, kw_only=True)
class ModelUnderTest:
    """The facts of a model that a judgement of its runs needs.

    Attributes:
        outputs: Names of its outputs.
        roles: Roles of each output, by name; an output without a role may be left out.
        selection: Ops that select behind an output, by name; raw outputs are left out.
        vectors: Inputs, and the outputs of the source for them.
        box_form: "centre" if a box is a centre and a size, else corners.
        steps: Difference of two neighbouring values of quantized outputs, by name.
    """

    outputs: Sequence[str]
    roles: Mapping[str, Sequence[str]]
    selection: Mapping[str, Sequence[str]]
    vectors: Vectors
    box_form: str | None = None
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def detector(self) -> dict[str, str]:
        """Outputs of a detector behind a selection of rows, by role; empty if it is no detector."""
        outputs = {
            role: name
            for name in self.outputs
            for role in self.roles.get(name, ())
            if role in _DETECTOR_ROLES and selects_rows(self.selection.get(name, ()))
        }
        return outputs if {"boxes", "scores"} <= outputs.keys() else {}

    @property
    def batches(self) -> list[int | None]:
        """On each vector, the first size that all inputs share; None if they differ."""
        sizes = (
            {array.shape[0] for array in vector.inputs.values() if array.ndim}
            for vector in self.vectors.vectors
        )
        return [one.pop() if len(one) == 1 else None for one in sizes]

    def reference(self, name: str) -> list[Array]:
        """Return the source's values of an output on each vector."""
        return [vector.outputs[name] for vector in self.vectors.vectors]


@dataclass(frozen=True, kw_only=True)
class OutputCheck:
    """The judgement on one output.

    Attributes:
        gate: The gate that decided: `values`, `boxes`, `rows`, `choice` or `keypoints`.
        fault: Why the output does not pass, or None.
        unproved: Why passing proves nothing, or None.
        fidelity: Figures of its values; None if shapes differ or it is random.
        metrics: Figures of its task.
        limit: The limit that it had to keep; None if it is random.
    """

    gate: str = "values"
    fault: str | None = None
    unproved: str | None = None
    fidelity: Fidelity | None = None
    metrics: Figures = field(default_factory=dict)
    limit: Limit | None = None

    def record(self, limit: Limit) -> CatalogFigures:
        """Return the figures in the catalog's form, with the limit of the output."""
        return CatalogFigures(
            gate=self.gate,
            metrics=figures_json(self.metrics),
            tolerance=CatalogTolerance(
                max_rel_error=limit.relative,
                max_abs_error=limit.absolute,
                min_agreement=limit.agreement,
                reason=limit.reason,
            ),
            **(self.fidelity.to_json() if self.fidelity else {}),
        )
