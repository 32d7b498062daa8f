"""References: what a source model returns for inputs that tell right from wrong.

Inputs are made up until the model runs, then run again to find outputs that are random, and
changed for others where an output does not vary. What ran the model is the caller's: TensorFlow
in `pipeline.tf.reference`, TensorFlow.js in `pipeline.proof.tfjs_reference`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.sizes import list_sizes, resolve_shape
from pipeline.proof.tensors import Tensors, Vector, Vectors, write_vectors
from pipeline.proof.variation import describe_constant, describe_difference, describe_fault
from pipeline.proof.vectors import count_attempts, count_vectors, is_batch_free, make_inputs

Run = Callable[[Sequence[Tensors]], Sequence[Tensors | str]]
"""Runs a model on some inputs; returns the outputs for each, or why it failed on these."""

# Beyond this a third vector is left out: published files are to stay small.
MAX_BYTES = 16 * 1024**2
MIN_VECTORS = 2
REPLACEMENTS = 4
ROUNDS = 2
_BATCH = 2
_REASON_LENGTH = 300


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What is known of a model from running its source.

    Attributes:
        vectors: Inputs and outputs, without random outputs.
        random: By output, how two runs of one input differ.
        constant: By output, what it is on every vector.
        attempts: Choices of sizes that were tried until the model ran.
        notes: What happened on the way, for the log.
    """

    vectors: Sequence[Vector]
    random: Mapping[str, str]
    constant: Mapping[str, str]
    attempts: int
    notes: Sequence[str]


def make_reference(  # noqa: PLR0913  # what is run, and all that it is run with
    run: Run,
    signature: Mapping[str, Any],
    *,
    seed: str,
    task: str | None,
    given: Sequence[Tensors] | None,
    hints: Mapping[str, Any],
) -> Reference:
    """Find inputs that a model runs with, and what it returns for them.

    Args:
        run: Runs the model.
        signature: Content of signature.json.
        seed: Text that made-up inputs follow from; the model's name.
        task: What the model is for.
        given: Inputs of the manifest, in place of made-up ones.
        hints: What the graph says of the inputs; see `pipeline.proof.hints`.

    Raises:
        ManifestError: The model does not run with the inputs of the manifest.
        ConversionError: It runs with none that could be made up.
    """
    search = _Search(run, signature, seed, task, hints)
    runs = search.find_sizes() if given is None else search.run_given(given)
    random = search.find_random(runs)
    names = [o["name"] for o in signature["outputs"] if o["name"] not in random]
    if given is None:
        runs = search.replace_faulty(runs, names)
        runs = _drop_large(_drop_infinite(runs, names, search.notes), search.notes)
        search.check_batch(runs, names)
    constant = {name: reason for name in names if (reason := _describe(runs, name))}
    return Reference(
        vectors=[_finish(runs, i, names) for i in range(len(runs))],
        random=random,
        constant=constant,
        attempts=search.attempts,
        notes=search.notes,
    )


def without_inputs(reference: Reference, names: Iterable[str]) -> Reference:
    """Return a reference whose vectors lack some inputs: those that the published model lacks."""
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
        folder: Where to write.
        reference: What the source returned.
        seed: Text that made-up inputs follow from.
        runtime: What ran the source, e.g. "tensorflow 2.19.0".

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One run.

    Attributes:
        index: Number of its made-up inputs; None for those of the manifest.
        inputs: All of them.
        outputs: All of them.
        batch: Samples; the second is the one of the index before.
    """

    index: int | None
    inputs: Tensors
    outputs: Tensors
    batch: int = 1


class _Search:
    """The search for inputs of one model."""

    def __init__(
        self,
        run: Run,
        signature: Mapping[str, Any],
        seed: str,
        task: str | None,
        hints: Mapping[str, Any],
    ) -> None:
        self._run = run
        self._signature = signature
        self._seed = seed
        self._task = task
        self._hints = hints
        self._attempt = 0
        self.notes: list[str] = []

    @property
    def attempts(self) -> int:
        """Choices of sizes tried."""
        return self._attempt + 1

    def run_given(self, given: Sequence[Tensors]) -> list[_Run]:
        """Run the model on inputs of the manifest."""
        runs = []
        for i, (inputs, outputs) in enumerate(zip(given, self._run(given), strict=True)):
            if isinstance(outputs, str):
                raise ManifestError(
                    f"test_inputs[{i}]: the model does not run: {_shorten(outputs)}"
                )
            runs.append(_Run(index=None, inputs=inputs, outputs=outputs))
        return runs

    def find_sizes(self) -> list[_Run]:
        """Return the first runs with the first sizes with which the model runs."""
        count = count_attempts(self._signature, task=self._task, hints=self._hints)
        failed: list[str] = []
        for self._attempt in range(count):
            # All at once at first: to start a runtime may cost more than to run.
            fault = self._probe() if failed else None
            runs = self._first_runs() if fault is None else fault
            if not isinstance(runs, str):
                return runs
            failed.append(f"{self._describe_sizes()}: {_shorten(runs)}")
            self.notes.append(f"does not run with {failed[-1]}")
        raise ConversionError(
            f"the source model runs with none of {count} made-up inputs, such as {failed[0]}",
            hint="give inputs that it runs with: `test_inputs:` in the manifest",
        )

    def check_batch(self, runs: Sequence[_Run], names: Sequence[str]) -> None:
        """Note outputs of a sample that depend on what else is in its batch."""
        for together in runs:
            alone = _second_alone(runs, together)
            if alone is None or not _is_split(runs[alone].inputs, together.inputs):
                continue
            for name in names:
                values, single = together.outputs[name], runs[alone].outputs[name]
                if _is_batch(single, values) and (why := describe_difference(single, values[1:])):
                    self.notes.append(f"{name} depends on the batch: it {why}, alone and in two")

    def find_random(self, runs: Sequence[_Run]) -> dict[str, str]:
        """Run all again and return how outputs differ from the first time."""
        found: dict[str, str] = {}
        again = self._run([made.inputs for made in runs])
        for made, outputs in zip(runs, again, strict=True):
            if isinstance(outputs, str):
                raise ConversionError(
                    f"the source model ran once and then not again with the same inputs: "
                    f"{_shorten(outputs)}"
                )
            for name, values in made.outputs.items():
                reason = describe_difference(values, outputs[name])
                if reason:
                    found.setdefault(name, reason)
        return found

    def replace_faulty(self, runs: list[_Run], names: Sequence[str]) -> list[_Run]:
        """Change runs on which an output does not vary for others, where these are better."""
        for number in range(ROUNDS):
            if not any(_penalty(runs, names)):
                break
            first = len(runs) + number * REPLACEMENTS
            batches = {made.batch for made in runs if made.batch == 1 or _faults([made], names)}
            for batch in sorted(batches):
                indices = range(first, first + REPLACEMENTS)
                others, _ = self._run_batches(dict.fromkeys(indices, batch))
                for better in others:
                    runs = self._take(runs, better, names)
        return runs

    def _take(self, runs: list[_Run], better: _Run, names: Sequence[str]) -> list[_Run]:
        """Return the runs with one changed for another, where that is the better choice."""
        choices = [
            [*runs[:i], better, *runs[i + 1 :]]
            for i, old in enumerate(runs)
            if old.batch == better.batch
        ]
        best = min([runs, *choices], key=lambda choice: _penalty(choice, names))
        if best is not runs:
            old = next(made.index for made in runs if made not in best)
            self.notes.append(f"input {old} is changed for {better.index}, on which more varies")
        return best

    def _probe(self) -> str | None:
        """Return why the model fails on the first input; None when it does not."""
        (outputs,) = self._run([self._make(0)])
        return outputs if isinstance(outputs, str) else None

    def _first_runs(self) -> list[_Run] | str:
        """Return a run for every vector, or why the model fails on all of them."""
        count = count_vectors(self._signature, hints=self._hints)
        batches = dict.fromkeys(range(count), 1)
        if is_batch_free(self._signature, task=self._task):
            batches[1] = _BATCH
        runs, faults = self._run_batches(batches)
        if not runs:
            return faults[0]
        if batches[1] > 1 and 1 in faults:
            self.notes.append(f"a batch of {_BATCH} does not run: {_shorten(faults.pop(1))}")
            alone, more = self._run_batches({1: 1})
            runs, faults = [*runs, *alone], faults | more
        if faults:
            # The values of an input may matter, such as coordinates that leave an image.
            others, _ = self._run_batches(dict.fromkeys(range(count, count + REPLACEMENTS), 1))
            for index, fault in faults.items():
                self.notes.append(f"input {index} does not run: {_shorten(fault)}")
            runs = [*runs, *others][: max(MIN_VECTORS, len(runs))]
        if len(runs) < MIN_VECTORS:
            index, fault = next(iter(faults.items()))
            raise ConversionError(
                f"the source model runs with made-up input {runs[0].index} only and not with "
                f"{index}, of the same shapes: {_shorten(fault)}",
                hint="give inputs that it runs with: `test_inputs:` in the manifest",
            )
        return sorted(runs, key=lambda made: made.index or 0)

    def _run_batches(self, batches: Mapping[int, int]) -> tuple[list[_Run], dict[int, str]]:
        """Run some inputs, each by its index in a batch; return what ran, and why others not."""
        inputs = {index: self._make(index, batch=batch) for index, batch in batches.items()}
        results = dict(zip(inputs, self._run(list(inputs.values())), strict=True))
        runs = [
            _Run(index=index, inputs=inputs[index], outputs=outputs, batch=batches[index])
            for index, outputs in results.items()
            if not isinstance(outputs, str)
        ]
        return runs, {index: why for index, why in results.items() if isinstance(why, str)}

    def _make(self, index: int, *, batch: int = 1) -> Tensors:
        return make_inputs(
            self._signature,
            seed=self._seed,
            index=index,
            attempt=self._attempt,
            batch=batch,
            task=self._task,
            hints=self._hints,
        )

    def _describe_sizes(self) -> str:
        """Return the inputs of the attempt by dtype and shape."""
        entries = self._signature["inputs"]
        sizes = list_sizes(entries, task=self._task, hints=self._hints)[self._attempt]
        shapes = ((one, resolve_shape(one, sizes, task=self._task)) for one in entries)
        return ", ".join(f"{one['name']} {one['dtype']} {shape}" for one, shape in shapes)


def _second_alone(runs: Sequence[_Run], together: _Run) -> int | None:
    """Return the position of the run of the second sample of a batch, None where there is none."""
    wanted = (together.index or 0) - 1
    alone = (i for i, made in enumerate(runs) if made.batch == 1 and made.index == wanted)
    return next(alone, None) if together.batch > 1 else None


def _is_split(alone: Tensors, together: Tensors) -> bool:
    """Return whether the second sample of a batch is the sample that was run alone."""
    seconds = {
        name: values[1:] if _is_batch(alone[name], values) else values
        for name, values in together.items()
    }
    return all(np.array_equal(values, seconds[name]) for name, values in alone.items())


def _is_batch(alone: Any, together: Any) -> bool:
    shape = (_BATCH, *alone.shape[1:])
    return bool(alone.shape[:1] == (1,) and together.shape == shape)


def _samples(runs: Iterable[_Run], name: str) -> list[Any]:
    """Return an output of each run, of one sample where the run has several."""
    outputs = ((made.outputs[name], made.batch) for made in runs)
    return [
        values[:1] if batch > 1 and values.shape[:1] == (batch,) else values
        for values, batch in outputs
    ]


def _describe(runs: Sequence[_Run], name: str) -> str | None:
    return describe_constant(_samples(runs, name))


def _penalty(runs: Sequence[_Run], names: Sequence[str]) -> tuple[int, int, int]:
    """Return how much a set of runs lacks, worst first.

    NaN and infinity in the source's own outputs, outputs that prove nothing, and single outputs
    that are poor witnesses.
    """
    infinite = sum(not _is_finite(made, names) for made in runs)
    return infinite, sum(_describe(runs, n) is not None for n in names), _faults(runs, names)


def _faults(runs: Sequence[_Run], names: Sequence[str]) -> int:
    return sum(describe_fault(made.outputs[name]) is not None for made in runs for name in names)


def _is_finite(made: _Run, names: Sequence[str]) -> bool:
    floats = (made.outputs[name] for name in names if made.outputs[name].dtype.kind in "fc")
    return all(bool(np.isfinite(values).all()) for values in floats)


def _drop_infinite(runs: list[_Run], names: Sequence[str], notes: list[str]) -> list[_Run]:
    """Leave out runs in which the source itself returns NaN or infinity, if enough remain."""
    finite = [made for made in runs if _is_finite(made, names)]
    if not MIN_VECTORS <= len(finite) < len(runs):
        return runs
    lost = ", ".join(str(made.index) for made in runs if made not in finite)
    notes.append(f"left out, because the source returns NaN or infinity: input {lost}")
    return finite


def _drop_large(runs: list[_Run], notes: list[str]) -> list[_Run]:
    """Leave out the last runs where all together are too many bytes."""
    while len(runs) > MIN_VECTORS and sum(map(_num_bytes, runs)) > MAX_BYTES:
        notes.append(f"vector {len(runs) - 1} is left out: all are above {MAX_BYTES:,} bytes")
        runs = runs[:-1]
    return runs


def _num_bytes(made: _Run) -> int:
    return sum(values.nbytes for side in (made.inputs, made.outputs) for values in side.values())


def _finish(runs: Sequence[_Run], i: int, names: Sequence[str]) -> Vector:
    """Return a run as it is published, with what is to be said of it."""
    made = runs[i]
    notes = []
    if made.batch > 1:
        alone = _second_alone(runs, made)
        second = "" if alone is None else f"; the second sample is that of vector {alone}"
        notes.append(f"a batch of {made.batch}{second}")
    faults = {name: describe_fault(made.outputs[name]) for name in names}
    notes += [f"{name} is {fault}" for name, fault in faults.items() if fault]
    outputs = {name: made.outputs[name] for name in names}
    return Vector(inputs=made.inputs, outputs=outputs, note="; ".join(notes) or None)


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}…"
