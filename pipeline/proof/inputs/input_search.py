"""Search: finds inputs with which a model runs, by trying sizes and values.

It runs no model itself: the caller hands it a function that does.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.inputs.input_request import EDGES, Edge
from pipeline.proof.inputs.input_shapes import (
    Sizes,
    list_sizes,
    resolve_shape,
    state_sizes,
)
from pipeline.proof.inputs.made_inputs import (
    count_groups,
    is_batch_free,
    make_inputs,
    name_group,
    shows_edges,
    shows_samples,
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
from pipeline.proof.vector_files import Tensors, VectorKind
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Run = Callable[[Sequence[Tensors]], Sequence[Tensors | str]]
"""Runs a model on several inputs; returns for each its outputs, or the error as text."""

REPLACEMENTS = 3
ROUNDS = 2
# Samples of each range, where one range is known and where there are several.
_SAMPLES, _SAMPLES_OF_GROUP = 3, 2
# So many errors that do not depend on the sizes end the search.
_SAME = 12
_NDIM_IMAGE = 4
_NOTES: dict[Edge, str] = {
    "noise": "even noise",
    "low": "all at the least, silent or empty",
    "high": "all at the greatest",
}
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
        self._specs = state_sizes(specs, contracts)
        self._seed = seed
        self._task = task
        self._contracts = contracts
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
            runs.append(Trial(index=None, inputs=inputs, outputs=outputs, kind="given"))
        return runs

    def find_sizes(self) -> list[Trial]:
        """Return the runs with the first sizes with which the model runs.

        Sizes on which all outputs are empty are taken only if no others run: a sequence that a
        convolution or a crop has used up proves nothing.
        """
        failed: list[tuple[str, str]] = []
        empty: tuple[int, list[Trial]] | None = None
        count = len(self._list_sizes())
        for self._attempt in range(count):
            # First all inputs at once: the start of a runtime may take longer than a run.
            fault = self._probe() if failed else None
            runs = self._first_runs() if fault is None else fault
            if not isinstance(runs, str):
                if not self._is_used_up(runs):
                    return runs
                empty = empty or (self._attempt, runs)
                runs = "every output is empty"
            failed.append((self._describe_sizes(), shorten(runs)))
            self.notes.append("does not run with {}: {}".format(*failed[-1]))
            if empty is None and len(failed) == _SAME and len({why for _, why in failed}) == 1:
                break
        if empty is None:
            raise _describe_failure(failed)
        self._attempt, runs = empty
        return runs

    def run_edges(self) -> list[Trial]:
        """Return the runs on extreme inputs, in each range, and note those that fail."""
        if not shows_edges(
            self._specs, task=self._task, contracts=self._contracts, attempt=self._attempt
        ):
            return []
        kinds = EDGES if self._groups == 1 else EDGES[:1]
        asked = [(edge, group) for edge in kinds for group in range(self._groups)]
        inputs = [self._make(group, edge=edge) for edge, group in asked]
        runs = []
        for (edge, group), made, outputs in zip(asked, inputs, self._run(inputs), strict=True):
            if isinstance(outputs, str):
                self.notes.append(f"does not run on an extreme, {_NOTES[edge]}: {shorten(outputs)}")
                continue
            runs.append(
                Trial(
                    index=None,
                    inputs=made,
                    outputs=outputs,
                    kind="edge",
                    group=self._name_group(group),
                    note=_NOTES[edge],
                )
            )
        return runs

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

        The second vector of the first range is a batch with the first vector's sample.
        """
        last = self._groups
        count = _SAMPLES if self._groups == 1 else _SAMPLES_OF_GROUP * self._groups
        batches = dict.fromkeys(range(count), 1)
        if is_batch_free(self._specs, task=self._task, sizes=self._list_sizes()[self._attempt]):
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
                kind=self._kind,
                group=self._name_group(index),
            )
            for index, outputs in results.items()
            if not isinstance(outputs, str)
        ]
        return runs, {index: why for index, why in results.items() if isinstance(why, str)}

    @property
    def _groups(self) -> int:
        """Number of ranges in which inputs are made."""
        return count_groups(
            self._specs, task=self._task, contracts=self._contracts, attempt=self._attempt
        )

    @property
    def _kind(self) -> VectorKind:
        shown = shows_samples(
            self._specs, task=self._task, contracts=self._contracts, attempt=self._attempt
        )
        return "sample" if shown else "made"

    def _name_group(self, index: int) -> str | None:
        return name_group(
            self._specs,
            index,
            task=self._task,
            contracts=self._contracts,
            attempt=self._attempt,
        )

    def _make(self, index: int, *, batch: int = 1, edge: Edge | None = None) -> Tensors:
        return make_inputs(
            self._specs,
            seed=self._seed,
            index=index,
            attempt=self._attempt,
            batch=batch,
            edge=edge,
            task=self._task,
            contracts=self._contracts,
        )

    def _list_sizes(self) -> list[Sizes]:
        return list_sizes(self._specs, task=self._task, contracts=self._contracts)

    def _is_used_up(self, runs: Sequence[Trial]) -> bool:
        """Return whether all outputs are empty, as of a sequence that is too short."""
        # On pictures, a detector may find nothing.
        is_picture = any(values.ndim >= _NDIM_IMAGE for values in runs[0].inputs.values())
        has_choice = len(self._list_sizes()) > 1 and not is_picture
        outputs = (values for made in runs for values in made.outputs.values())
        return has_choice and all(values.size == 0 for values in outputs)

    def _describe_sizes(self) -> str:
        """Return the inputs of the attempt by dtype and shape: "x: float32 (1, 64)"."""
        sizes = self._list_sizes()[self._attempt]
        shapes = ((one, resolve_shape(one, sizes, task=self._task)) for one in self._specs)
        return ", ".join(f"{one.name} {one.dtype} {shape}" for one, shape in shapes)


def _describe_failure(failed: Sequence[tuple[str, str]]) -> ConversionError:
    """Return the error that says which sizes were tried, and how the first and the last fail."""
    (sizes, reason), (last_sizes, last) = failed[0], failed[-1]
    if len(failed) == 1:
        return ConversionError(
            f"the source model does not run with {sizes}: {reason}",
            hint="give inputs that it runs with: `test_inputs:` in the manifest",
        )
    what = f"the source model runs with none of {len(failed)} choices of sizes"
    told = (
        f"{what}; on all the error is: {reason}"
        if len({one for _, one in failed}) == 1
        else f"{what}; with {sizes}: {reason}; with {last_sizes}: {last}"
    )
    return ConversionError(
        told,
        hint="state sizes that it runs with, `inputs: {NAME: {shape: [1, …]}}` in the manifest, or "
        "give inputs, `test_inputs:`",
    )


def shorten(text: str) -> str:
    """Return an error's text as one line of bounded length, with "…" at the end if it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}…"
