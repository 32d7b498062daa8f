"""Searches: inputs with which a model runs, found by trying.

What runs the model is the caller's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.inputs.input_shapes import list_sizes, resolve_shape
from pipeline.proof.inputs.made_inputs import (
    count_attempts,
    count_vectors,
    is_batch_free,
    make_inputs,
)
from pipeline.proof.inputs.trial_runs import (
    BATCH,
    MIN_VECTORS,
    Trial,
    count_faults,
    find_second,
    is_pair,
    is_split,
    weigh,
)
from pipeline.proof.inputs.variation import describe_difference
from pipeline.proof.vector_files import Tensors
from pipeline.records.signature import TensorSpec

Run = Callable[[Sequence[Tensors]], Sequence[Tensors | str]]
"""Runs a model on some inputs; returns the outputs for each, or why it failed on these."""

REPLACEMENTS = 3
ROUNDS = 2
_REASON_LENGTH = 300


class Search:
    """The search for inputs of one model."""

    def __init__(
        self,
        run: Run,
        specs: Sequence[TensorSpec],
        seed: str,
        task: str | None,
        hints: Mapping[str, Any],
    ) -> None:
        self._run = run
        self._specs = specs
        self._seed = seed
        self._task = task
        self._hints = hints
        self._attempt = 0
        self.notes: list[str] = []

    @property
    def attempts(self) -> int:
        """Choices of sizes tried."""
        return self._attempt + 1

    def run_given(self, given: Sequence[Tensors]) -> list[Trial]:
        """Run the model on inputs of the manifest."""
        runs = []
        for i, (inputs, outputs) in enumerate(zip(given, self._run(given), strict=True)):
            if isinstance(outputs, str):
                raise ManifestError(f"test_inputs[{i}]: the model does not run: {shorten(outputs)}")
            runs.append(Trial(index=None, inputs=inputs, outputs=outputs))
        return runs

    def find_sizes(self) -> list[Trial]:
        """Return the first runs with the first sizes with which the model runs."""
        count = count_attempts(self._specs, task=self._task, hints=self._hints)
        failed: list[str] = []
        for self._attempt in range(count):
            # All at once at first: to start a runtime may cost more than to run.
            fault = self._probe() if failed else None
            runs = self._first_runs() if fault is None else fault
            if not isinstance(runs, str):
                return runs
            failed.append(f"{self._describe_sizes()}: {shorten(runs)}")
            self.notes.append(f"does not run with {failed[-1]}")
        raise ConversionError(
            f"the source model runs with none of {count} made-up inputs, such as {failed[0]}",
            hint="give inputs that it runs with: `test_inputs:` in the manifest",
        )

    def check_batch(self, runs: Sequence[Trial], names: Sequence[str]) -> None:
        """Note outputs of a sample that depend on what else is in its batch."""
        for together in runs:
            alone = find_second(runs, together)
            if alone is None or not is_split(runs[alone].inputs, together.inputs):
                continue
            for name in names:
                values, single = together.outputs[name], runs[alone].outputs[name]
                if is_pair(single, values) and (why := describe_difference(single, values[1:])):
                    self.notes.append(f"{name} depends on the batch: it {why}, alone and in two")

    def find_random(self, runs: Sequence[Trial]) -> dict[str, str]:
        """Run the first inputs again and return how outputs differ from the first time.

        What samples does so whatever it is fed, and a run takes long on the cpu backend.
        """
        made = runs[0]
        (outputs,) = self._run([made.inputs])
        if isinstance(outputs, str):
            raise ConversionError(
                f"the source model ran once and then not again with the same inputs: "
                f"{shorten(outputs)}"
            )
        found: dict[str, str] = {}
        for name, values in made.outputs.items():
            reason = describe_difference(values, outputs[name])
            if reason:
                found[name] = reason
        return found

    def replace_faulty(self, runs: list[Trial], names: Sequence[str]) -> list[Trial]:
        """Change runs on which an output does not vary for others, where these are better."""
        for number in range(ROUNDS):
            before = weigh(runs, names)
            if not any(before):
                break
            first = len(runs) + number * REPLACEMENTS
            batches = {
                made.batch for made in runs if made.batch == 1 or count_faults([made], names)
            }
            for batch in sorted(batches):
                indices = range(first, first + REPLACEMENTS)
                others, _ = self._run_batches(dict.fromkeys(indices, batch))
                for better in others:
                    runs = self._take(runs, better, names)
            if weigh(runs, names) == before:
                # What none of these could move, such as a fixed count, no other will.
                break
        return runs

    def _take(self, runs: list[Trial], better: Trial, names: Sequence[str]) -> list[Trial]:
        """Return the runs with one changed for another, where that is the better choice."""
        choices = [
            [*runs[:i], better, *runs[i + 1 :]]
            for i, old in enumerate(runs)
            if old.batch == better.batch
        ]
        best = min([runs, *choices], key=lambda choice: weigh(choice, names))
        if best is not runs:
            old = next(made.index for made in runs if made not in best)
            self.notes.append(f"input {old} is changed for {better.index}, on which more varies")
        return best

    def _probe(self) -> str | None:
        """Return why the model fails on the first input; None when it does not."""
        (outputs,) = self._run([self._make(0)])
        return outputs if isinstance(outputs, str) else None

    def _first_runs(self) -> list[Trial] | str:
        """Return a run for every vector, or why the model fails on all of them."""
        count = count_vectors(self._specs, hints=self._hints)
        batches = dict.fromkeys(range(count), 1)
        if is_batch_free(self._specs, task=self._task):
            batches[1] = BATCH
        runs, faults = self._run_batches(batches)
        if not runs:
            return faults[0]
        if batches[1] > 1 and 1 in faults:
            self.notes.append(f"a batch of {BATCH} does not run: {shorten(faults.pop(1))}")
            alone, more = self._run_batches({1: 1})
            runs, faults = [*runs, *alone], faults | more
        if faults:
            # The values of an input may matter, such as coordinates that leave an image.
            others, _ = self._run_batches(dict.fromkeys(range(count, count + REPLACEMENTS), 1))
            for index, fault in faults.items():
                self.notes.append(f"input {index} does not run: {shorten(fault)}")
            runs = [*runs, *others][: max(MIN_VECTORS, len(runs))]
        if len(runs) < MIN_VECTORS:
            index, fault = next(iter(faults.items()))
            raise ConversionError(
                f"the source model runs with made-up input {runs[0].index} only and not with "
                f"{index}, of the same shapes: {shorten(fault)}",
                hint="give inputs that it runs with: `test_inputs:` in the manifest",
            )
        return sorted(runs, key=lambda made: made.index or 0)

    def _run_batches(self, batches: Mapping[int, int]) -> tuple[list[Trial], dict[int, str]]:
        """Run some inputs, each by its index in a batch; return what ran, and why others not."""
        inputs = {index: self._make(index, batch=batch) for index, batch in batches.items()}
        results = dict(zip(inputs, self._run(list(inputs.values())), strict=True))
        runs = [
            Trial(index=index, inputs=inputs[index], outputs=outputs, batch=batches[index])
            for index, outputs in results.items()
            if not isinstance(outputs, str)
        ]
        return runs, {index: why for index, why in results.items() if isinstance(why, str)}

    def _make(self, index: int, *, batch: int = 1) -> Tensors:
        return make_inputs(
            self._specs,
            seed=self._seed,
            index=index,
            attempt=self._attempt,
            batch=batch,
            task=self._task,
            hints=self._hints,
        )

    def _describe_sizes(self) -> str:
        """Return the inputs of the attempt by dtype and shape."""
        sizes = list_sizes(self._specs, task=self._task, hints=self._hints)[self._attempt]
        shapes = ((one, resolve_shape(one, sizes, task=self._task)) for one in self._specs)
        return ", ".join(f"{one.name} {one.dtype} {shape}" for one, shape in shapes)


def shorten(text: str) -> str:
    """Return an error's text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}…"
