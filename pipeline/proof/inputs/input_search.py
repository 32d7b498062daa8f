"""Search: finds inputs with which a model runs, by trying sizes and values.

It runs no model itself: the caller hands it a function that does.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.inputs.input_shapes import list_sizes, resolve_shape
from pipeline.proof.inputs.made_inputs import (
    count_attempts,
    count_groups,
    is_batch_free,
    make_inputs,
    name_group,
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
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Run = Callable[[Sequence[Tensors]], Sequence[Tensors | str]]
"""Runs a model on several inputs; returns for each its outputs, or the error as text."""

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
        contracts: Mapping[str, InputContract],
    ) -> None:
        self._run = run
        self._specs = specs
        self._seed = seed
        self._task = task
        self._contracts = contracts
        self._groups = count_groups(specs, task=task, contracts=contracts)
        self._attempt = 0
        self.notes: list[str] = []

    @property
    def attempts(self) -> int:
        """Number of choices of sizes tried."""
        return self._attempt + 1

    def run_given(self, given: Sequence[Tensors]) -> list[Trial]:
        """Run the model on the inputs that the manifest gives."""
        runs = []
        for i, (inputs, outputs) in enumerate(zip(given, self._run(given), strict=True)):
            if isinstance(outputs, str):
                raise ManifestError(f"test_inputs[{i}]: the model does not run: {shorten(outputs)}")
            runs.append(Trial(index=None, inputs=inputs, outputs=outputs))
        return runs

    def find_sizes(self) -> list[Trial]:
        """Return the runs with the first sizes with which the model runs."""
        count = count_attempts(self._specs, task=self._task, contracts=self._contracts)
        failed: list[str] = []
        for self._attempt in range(count):
            # First all inputs at once: the start of a runtime may take longer than a run.
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
        """Note the outputs of a sample that depend on the other samples of its batch."""
        for together in runs:
            alone = find_second(runs, together)
            if alone is None or not is_split(runs[alone].inputs, together.inputs):
                continue
            for name in names:
                values, single = together.outputs[name], runs[alone].outputs[name]
                if is_pair(single, values) and (why := describe_difference(single, values[1:])):
                    self.notes.append(f"{name} depends on the batch: it {why}, alone and in two")

    def find_random(self, runs: Sequence[Trial]) -> dict[str, str]:
        """Return the outputs that differ when the first inputs run again, each with the difference.

        One input is enough: a model that samples, samples on every input; the cpu backend is slow.
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
        """Replace runs on which an output does not vary by better ones."""
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
                # An output that none of these inputs changed, such as a fixed count, is constant.
                break
        return runs

    def _take(self, runs: list[Trial], better: Trial, names: Sequence[str]) -> list[Trial]:
        """Return the runs, with one replaced if that makes the set better."""
        choices = [
            [*runs[:i], better, *runs[i + 1 :]]
            for i, old in enumerate(runs)
            if (old.batch, old.group) == (better.batch, better.group)
        ]
        best = min([runs, *choices], key=lambda choice: weigh(choice, names))
        if best is not runs:
            old = next(made.index for made in runs if made not in best)
            self.notes.append(f"input {old} is changed for {better.index}, on which more varies")
        return best

    def _probe(self) -> str | None:
        """Return the error of the model on the first input; None when it runs."""
        (outputs,) = self._run([self._make(0)])
        return outputs if isinstance(outputs, str) else None

    def _first_runs(self) -> list[Trial] | str:
        """Return a run for every vector, or the error if the model fails on all of them.

        There is one vector for each range in which images are made, and one more: a batch with
        the first vector's sample, in its range.
        """
        count, last = self._groups + 1, self._groups
        batches = dict.fromkeys(range(count), 1)
        if is_batch_free(self._specs, task=self._task):
            batches[last] = BATCH
        runs, faults = self._run_batches(batches)
        if not runs:
            return faults[0]
        if batches[last] > 1 and last in faults:
            self.notes.append(f"a batch of {BATCH} does not run: {shorten(faults.pop(last))}")
            alone, more = self._run_batches({last: 1})
            runs, faults = [*runs, *alone], faults | more
        if faults:
            # The values of an input may matter, for instance coordinates outside an image.
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
        """Run the inputs of some indices in batches; return the runs, and errors by index."""
        inputs = {index: self._make(index, batch=batch) for index, batch in batches.items()}
        results = dict(zip(inputs, self._run(list(inputs.values())), strict=True))
        runs = [
            Trial(
                index=index,
                inputs=inputs[index],
                outputs=outputs,
                batch=batches[index],
                second=index - self._groups if batches[index] > 1 else None,
                group=self._name_group(index),
            )
            for index, outputs in results.items()
            if not isinstance(outputs, str)
        ]
        return runs, {index: why for index, why in results.items() if isinstance(why, str)}

    def _name_group(self, index: int) -> str | None:
        return name_group(self._specs, index, task=self._task, contracts=self._contracts)

    def _make(self, index: int, *, batch: int = 1) -> Tensors:
        return make_inputs(
            self._specs,
            seed=self._seed,
            index=index,
            attempt=self._attempt,
            batch=batch,
            task=self._task,
            contracts=self._contracts,
        )

    def _describe_sizes(self) -> str:
        """Return the inputs of the attempt by dtype and shape: "x: float32 (1, 64)"."""
        sizes = list_sizes(self._specs, task=self._task, contracts=self._contracts)[self._attempt]
        shapes = ((one, resolve_shape(one, sizes, task=self._task)) for one in self._specs)
        return ", ".join(f"{one.name} {one.dtype} {shape}" for one, shape in shapes)


def shorten(text: str) -> str:
    """Return an error's text as one line of bounded length, with "…" at the end if it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}…"
