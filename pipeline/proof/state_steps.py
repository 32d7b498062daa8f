"""A sequence of runs of a model with state: each run gets what the run before it has returned.

The other vectors give state any value; these show what a page sees that starts at the beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.proof.inputs.input_search import Run
from pipeline.proof.make_reference import Reference
from pipeline.proof.vector_files import Vector
from pipeline.tfjs.model.weights import Array

_NUM_STEPS = 4

State = Mapping[str, Sequence[float] | None]
"""Values at the start of each input that is state, row-major; None for zeros."""


def add_steps(reference: Reference, run: Run, state: State) -> Reference:
    """Return a reference with a sequence of runs behind its vectors.

    Args:
        reference: Has the inputs of each run; state starts anew.
        run: Runs the model.
        state: Values at the start.
    """
    vectors = list(reference.vectors)
    if not vectors or not state:
        return reference
    carried = {name: _start(values, vectors[0].inputs[name]) for name, values in state.items()}
    steps: list[Vector] = []
    for number in range(_NUM_STEPS):
        inputs = {**vectors[number % len(vectors)].inputs, **carried}
        (outputs,) = run([inputs])
        if isinstance(outputs, str):
            note = f"a run from the start of its state failed: {outputs}"
            return replace(reference, notes=[*reference.notes, note])
        known = {name: outputs[name] for name in vectors[0].outputs}
        steps.append(
            Vector(inputs=inputs, outputs=known, note=f"step {number + 1} from the start of state")
        )
        carried = {name: outputs[name] for name in state}
    return replace(reference, vectors=[*vectors, *steps])


def _start(values: Sequence[float] | None, like: Array) -> Array:
    if values is None:
        return np.zeros_like(like)
    return np.array(values).astype(like.dtype).reshape(like.shape)
