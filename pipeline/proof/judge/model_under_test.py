"""The model under test: its outputs, roles and vectors, and the check of one output.

This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.proof.judge.fidelity import Array, Fidelity
from pipeline.proof.judge.figures import figures_json, round_figure
from pipeline.proof.judge.selection import selects_rows
from pipeline.proof.judge.value_limits import Limit
from pipeline.proof.vector_files import Tensors, Vectors
from pipeline.records.noise_floor import OutputFloor
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
        floors: Noise floor of each output on each vector; empty if it was not measured.
        no_floor: Why it was not measured, or None.
        numbers: Of a part of the model's vectors, their positions in the whole; None for all.
    """

    outputs: Sequence[str]
    roles: Mapping[str, Sequence[str]]
    selection: Mapping[str, Sequence[str]]
    vectors: Vectors
    box_form: str | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, Sequence[OutputFloor]] = field(default_factory=dict)
    no_floor: str | None = None
    numbers: Sequence[int] | None = None

    def part(self, numbers: Sequence[int]) -> "ModelUnderTest":
        """Return the model with some of its vectors only."""
        return replace(
            self,
            vectors=replace(self.vectors, vectors=[self.vectors.vectors[i] for i in numbers]),
            floors={name: [floors[i] for i in numbers] for name, floors in self.floors.items()},
            numbers=numbers,
        )

    def number(self, vector: int) -> int:
        """Return the position of a vector among all of the model, which messages name."""
        return vector if self.numbers is None else self.numbers[vector]

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
        """The batch of each vector; see `shared_batch`."""
        return [shared_batch(vector.inputs) for vector in self.vectors.vectors]

    def reference(self, name: str) -> list[Array]:
        """Return the source's values of an output on each vector."""
        return [vector.outputs[name] for vector in self.vectors.vectors]


def shared_batch(inputs: Tensors) -> int | None:
    """Return the first size that all inputs of a vector share; None if they differ."""
    sizes = {array.shape[0] for array in inputs.values() if array.ndim}
    return sizes.pop() if len(sizes) == 1 else None


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
        explained: Largest error that float arithmetic explains, as a fraction of the range; None
            if it was not measured.
    """

    gate: str = "values"
    fault: str | None = None
    unproved: str | None = None
    fidelity: Fidelity | None = None
    metrics: Figures = field(default_factory=dict)
    limit: Limit | None = None
    explained: float | None = None

    def renumbered(self, numbers: Sequence[int] | None) -> "OutputCheck":
        """Return the check with the worst vector by its number among all vectors."""
        fidelity = self.fidelity
        if numbers is None or fidelity is None or fidelity.worst is None:
            return self
        worst = replace(fidelity.worst, vector=numbers[fidelity.worst.vector])
        return replace(self, fidelity=replace(fidelity, worst=worst))

    def record(self, limit: Limit) -> CatalogFigures:
        """Return the figures in the catalog's form, with the limit of the output."""
        measured = limit.errors is not None
        return CatalogFigures(
            gate=self.gate,
            metrics=figures_json(self.metrics),
            tolerance=CatalogTolerance(
                max_rel_error=round_figure(self.explained) if measured else limit.relative,
                max_abs_error=limit.absolute,
                min_agreement=limit.agreement,
                explained_rel_error=round_figure(self.explained),
                source=limit.source,
                reason="float arithmetic explains it" if measured else limit.reason,
            ),
            **(self.fidelity.to_json() if self.fidelity else {}),
        )
