"""Trials: runs of a model on made inputs, and a measure of how much a set of runs proves.

It runs no model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.proof.inputs.variation import describe_constant, describe_fault
from pipeline.proof.vector_files import Tensors, VectorKind

# Beyond these sizes the last vectors are left out, so that published files stay small.
MAX_BYTES = 16 * 1024**2
EDGE_BYTES = 4 * 1024**2
MIN_VECTORS = 2
BATCH = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One run.

    Attributes:
        index: Number of its made inputs; None for inputs of the manifest.
        inputs: All inputs by name.
        outputs: All outputs by name.
        batch: Number of samples.
        second: Index of the made inputs that are the second sample of a batch.
        kind: Where its inputs are from; see `Vector`.
        group: Vectors of one group are judged together; see `Vector`.
        note: What the inputs are, for people; None for samples.
    """

    index: int | None
    inputs: Tensors
    outputs: Tensors
    batch: int = 1
    second: int | None = None
    kind: VectorKind = "made"
    group: str | None = None
    note: str | None = None


def find_second(runs: Sequence[Trial], together: Trial) -> int | None:
    """Return the index of the run of a batch's second sample, None without such a run."""
    wanted = together.second
    alone = (i for i, made in enumerate(runs) if made.batch == 1 and made.index == wanted)
    return None if wanted is None else next(alone, None)


def is_split(alone: Tensors, together: Tensors) -> bool:
    """Return whether the second sample of a batch is the sample of the other run."""
    seconds = {
        name: values[1:] if is_pair(alone[name], values) else values
        for name, values in together.items()
    }
    return all(np.array_equal(values, seconds[name]) for name, values in alone.items())


def is_pair(alone: Any, together: Any) -> bool:
    """Return whether an array has the other's shape, with two samples in place of one."""
    shape = (BATCH, *alone.shape[1:])
    return bool(alone.shape[:1] == (1,) and together.shape == shape)


def _samples(runs: Iterable[Trial], name: str) -> list[Any]:
    """Return an output of each run, with the first sample only if the run has several."""
    outputs = ((made.outputs[name], made.batch) for made in runs)
    return [
        values[:1] if batch > 1 and values.shape[:1] == (batch,) else values
        for values, batch in outputs
    ]


def describe_output(runs: Sequence[Trial], name: str) -> str | None:
    """Return why an output proves nothing on all runs together, else None: "0 on every vector"."""
    return describe_constant(_samples(runs, name))


def weigh(runs: Sequence[Trial], names: Sequence[str]) -> tuple[int, int, int]:
    """Return the faults of a set of runs as a sort key, the worst fault first.

    It counts runs with NaN or infinity in the source's own outputs, outputs that prove nothing, and
    outputs that prove little on a single run.
    """
    infinite = sum(not _is_finite(made, names) for made in runs)
    return (
        infinite,
        sum(describe_output(runs, n) is not None for n in names),
        count_faults(runs, names),
    )


def count_faults(runs: Sequence[Trial], names: Sequence[str]) -> int:
    """Return how many outputs prove little on a single run."""
    return sum(describe_fault(made.outputs[name]) is not None for made in runs for name in names)


def _is_finite(made: Trial, names: Sequence[str]) -> bool:
    floats = (made.outputs[name] for name in names if made.outputs[name].dtype.kind in "fc")
    return all(bool(np.isfinite(values).all()) for values in floats)


def drop_infinite(runs: list[Trial], names: Sequence[str], notes: list[str]) -> list[Trial]:
    """Leave out runs in which the source itself returns NaN or infinity, if enough remain."""
    finite = [made for made in runs if _is_finite(made, names)]
    if not MIN_VECTORS <= len(finite) < len(runs):
        return runs
    lost = ", ".join(str(made.index) for made in runs if made not in finite)
    notes.append(f"left out, because the source returns NaN or infinity: input {lost}")
    return finite


def drop_large(runs: list[Trial], notes: list[str]) -> list[Trial]:
    """Leave out the last runs if all runs together have too many bytes."""
    while len(runs) > MIN_VECTORS and _count_bytes(runs) > MAX_BYTES:
        notes.append(f"vector {len(runs) - 1} is left out: all are above {MAX_BYTES:,} bytes")
        runs = runs[:-1]
    return runs


def drop_large_edges(edges: list[Trial], runs: Sequence[Trial], notes: list[str]) -> list[Trial]:
    """Leave out the last edges if they have too many bytes, alone or with all other runs."""
    kept = list(edges)
    while kept and (_count_bytes(kept) > EDGE_BYTES or _count_bytes([*runs, *kept]) > MAX_BYTES):
        notes.append(f"left out for its bytes: {kept.pop().note}")
    return kept


def _count_bytes(runs: Iterable[Trial]) -> int:
    return sum(map(_num_bytes, runs))


def _num_bytes(made: Trial) -> int:
    return sum(values.nbytes for side in (made.inputs, made.outputs) for values in side.values())
