"""Floor figures: how far stirred runs of a graph are from its plain run.

This module opens no file and runs no model.
"""

from collections.abc import Mapping, Sequence

from pipeline.proof.judge.fidelity import Array, compare, measure_scale
from pipeline.proof.judge.figures import round_figure, round_share
from pipeline.proof.judge.model_under_test import shared_batch
from pipeline.proof.judge.row_matching import compare_rows
from pipeline.proof.judge.selection import selects_rows
from pipeline.proof.judge.value_limits import DEFAULTS
from pipeline.proof.vector_files import Tensors
from pipeline.records.noise_floor import OutputFloor

Floors = Mapping[str, Sequence[OutputFloor]]
"""By output, one floor for each vector."""


def find_floor(
    plain: Sequence[Tensors],
    moved: Sequence[Tensors],
    selection: Mapping[str, Sequence[str]],
    inputs: Sequence[Tensors],
) -> dict[str, list[OutputFloor]]:
    """Return how far a stirred run is from the plain one.

    Args:
        plain: The outputs on each vector.
        moved: The outputs of the stirred graph on each vector.
        selection: Ops that select behind an output, by name; raw outputs are left out.
        inputs: The inputs of each vector.
    """
    return {
        name: [
            _measure(r[name], a[name], selection.get(name, ()), shared_batch(one))
            for r, a, one in zip(plain, moved, inputs, strict=True)
        ]
        for name in plain[0]
    }


def merge_floors(known: Floors, more: Floors) -> dict[str, list[OutputFloor]]:
    """Return the larger floor of each output and vector; `known` may be empty."""
    return {
        name: [
            _larger(one, other) for one, other in zip(known.get(name, floors), floors, strict=True)
        ]
        for name, floors in more.items()
    }


def _larger(one: OutputFloor, other: OutputFloor) -> OutputFloor:
    return OutputFloor(
        error=max(one.error, other.error),
        rms=max(one.rms, other.rms),
        agreement=min(one.agreement, other.agreement),
    )


def _measure(plain: Array, moved: Array, ops: Sequence[str], batch: int | None) -> OutputFloor:
    error = rms = None
    if plain.shape == moved.shape and plain.dtype.kind not in "OSU":
        figures = compare([plain], [moved], atol=0.0, rtol=0.0)
        error, rms = figures.max_abs_error, figures.rms_errors[0]
    return OutputFloor(
        error=round_figure(error) or 0.0,
        rms=round_figure(rms) or 0.0,
        agreement=round_share(_agreement(plain, moved, ops, batch)) or 0.0,
    )


def _agreement(plain: Array, moved: Array, ops: Sequence[str], batch: int | None) -> float:
    """Return the share of rows or values that stay within the limit of float32."""
    if not ops:
        return 1.0
    limit = DEFAULTS["float32"]
    numeric = plain.dtype.kind not in "OSU"
    atol = limit.allowed(measure_scale([plain])) if numeric else 0.0
    if selects_rows(ops):
        return compare_rows([plain], [moved], atol=atol, rtol=limit.rtol, batches=[batch]).agreement
    exact = plain.dtype.kind not in "fc"
    figures = compare(
        [plain], [moved], atol=0.0 if exact else atol, rtol=0.0 if exact else limit.rtol
    )
    return 1.0 - figures.mismatches / figures.num_values if figures.num_values else 1.0
