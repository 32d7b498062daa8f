"""References: the outputs of a source model for inputs on which a wrong model would differ.

Inputs are made until the model runs. A second run finds random outputs. Inputs on which an output
does not vary are replaced. The caller runs the model: TensorFlow in
`pipeline.tf.saved_model.saved_model_reference`, TensorFlow.js in `pipeline.proof.tfjs_reference`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.proof.inputs.input_search import Run, Search
from pipeline.proof.inputs.trial_runs import (
    Trial,
    describe_output,
    drop_infinite,
    drop_large,
    drop_large_edges,
    find_second,
)
from pipeline.proof.inputs.variation import describe_fault
from pipeline.proof.vector_files import Tensors, Vector, Vectors, write_vectors
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The vectors of a source model, and the outputs that prove nothing.

    Attributes:
        vectors: Inputs and outputs, without random outputs.
        random: By output, the difference of two runs of one input.
        constant: By output, its value on every vector.
        attempts: Number of choices of sizes tried until the model ran.
        notes: Lines for the log.
    """

    vectors: Sequence[Vector]
    random: Mapping[str, str]
    constant: Mapping[str, str]
    attempts: int
    notes: Sequence[str]


def make_reference(  # noqa: PLR0913  # the model, and all options of its runs
    run: Run,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[str],
    *,
    seed: str,
    task: str | None,
    given: Sequence[Tensors] | None,
    contracts: Mapping[str, InputContract],
) -> Reference:
    """Find inputs with which a model runs, and return them with its outputs.

    Args:
        run: Runs the model.
        inputs: All inputs of the model.
        outputs: Names of its outputs.
        seed: Text from which made inputs follow: the name of the model.
        task: The task of the model, as in the manifest.
        given: Inputs of the manifest, which replace made inputs.
        contracts: What is known of each input, by name.

    Raises:
        ManifestError: The model does not run with the inputs of the manifest.
        ConversionError: It runs with none of the made inputs.
    """
    search = Search(run, inputs, seed, task, contracts)
    runs = search.find_sizes() if given is None else search.run_given(given)
    random = search.find_random(runs)
    names = [name for name in outputs if name not in random]
    if given is None:
        runs = search.replace_faulty(runs, names)
        runs = drop_large(drop_infinite(runs, names, search.notes), search.notes)
        search.check_batch(runs, names)
    constant = {name: reason for name in names if (reason := describe_output(runs, name))}
    if given is None:
        runs = [*runs, *drop_large_edges(search.run_edges(), runs, search.notes)]
    return Reference(
        vectors=[_finish(runs, i, names) for i in range(len(runs))],
        random=random,
        constant=constant,
        attempts=search.attempts,
        notes=search.notes,
    )


def without_inputs(reference: Reference, names: Iterable[str]) -> Reference:
    """Return a reference without the inputs that the published model lacks."""
    lost = set(names)
    vectors = [
        replace(v, inputs={n: values for n, values in v.inputs.items() if n not in lost})
        for v in reference.vectors
    ]
    return replace(reference, vectors=vectors)


def write_reference(
    folder: Path, reference: Reference, *, seed: str, runtime: str
) -> dict[str, Any]:
    """Write vectors.json and vectors.bin.

    Args:
        folder: The folder to write to.
        reference: The vectors of the source.
        seed: Text from which made inputs follow.
        runtime: The runtime of the source, e.g. "tensorflow 2.19.0".

    Returns:
        runtime, vectors (their number), attempts, random, constant and notes: JSON values.
    """
    vectors = Vectors(
        vectors=reference.vectors,
        seed=seed,
        runtime=runtime,
        random=reference.random,
        constant=reference.constant,
    )
    write_vectors(folder, vectors)
    return {
        "runtime": runtime,
        "vectors": len(reference.vectors),
        "attempts": reference.attempts,
        "random": dict(reference.random),
        "constant": dict(reference.constant),
        "notes": list(reference.notes),
    }


def _finish(runs: Sequence[Trial], i: int, names: Sequence[str]) -> Vector:
    """Return a run in its published form, with a note: "a batch of 2; scores is 0 throughout"."""
    made = runs[i]
    notes = [] if made.note is None else [made.note]
    if made.batch > 1:
        alone = find_second(runs, made)
        second = "" if alone is None else f"; the second sample is that of vector {alone}"
        notes.append(f"a batch of {made.batch}{second}")
    faults = {name: describe_fault(made.outputs[name]) for name in names}
    notes += [f"{name} is {fault}" for name, fault in faults.items() if fault]
    outputs = {name: made.outputs[name] for name in names}
    return Vector(
        inputs=made.inputs,
        outputs=outputs,
        note="; ".join(notes) or None,
        kind=made.kind,
        group=made.group,
    )
