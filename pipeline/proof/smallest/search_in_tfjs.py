"""Mixes in TensorFlow.js: the proof of what a search found, and the search where TensorFlow fails.

Layers models, and graphs with tables or ops that the two run otherwise, are searched here. A run
takes a process, so that only uniform mixes and one way are tried, by the relative errors of
weights. What passes here passes in `verify`: no margin is needed.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.proof.judge.check import Candidate
from pipeline.proof.judge.value_limits import loosest_dtype
from pipeline.proof.smallest.judge_mix import Groups, MixJudge
from pipeline.proof.smallest.mix_search import OutOfTime, Search, Trial
from pipeline.proof.smallest.mixes import Mix
from pipeline.proof.smallest.weight_forms import load_weight_forms
from pipeline.proof.smallest.write_recipe import no_recipe, write_recipe
from pipeline.proof.verify_variants import gather_model
from pipeline.records.recipe import Recipe
from pipeline.records.signature import Signature
from pipeline.runtime.node_results import ModelRun
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.quantize.form_files import VariantNotSmaller, write_forms
from pipeline.tfjs.quantize.variant_files import measure_base, open_base, write_variant

RunInTfjs = Callable[[Path], ModelRun]
"""Runs the model in a folder on the test vectors; its outputs are read."""

_SHARD_BYTES = 1 << 30


class BaseFails(Exception):  # noqa: N818  # no error: nothing can be said of mixes
    """TensorFlow.js does not run the base as its source; the message says why."""


@dataclass(frozen=True, kw_only=True)
class TfjsTrials:
    """Trials of mixes of one model.

    Attributes:
        model_json: What `open_base` returns.
        base: Folder of the base.
        judge: Judges runs.
        groups: The groups of vectors that count.
        stored: Number of the base's weights in each dtype.
        run: Runs a model.
        folder: Folder that may be written.
    """

    model_json: ModelJson
    base: Path
    stored: Mapping[str, int]
    judge: MixJudge
    groups: Groups
    run: RunInTfjs
    folder: Path

    def try_mix(
        self, mix: Mix, num_bytes: int, numbers: Mapping[str, Array] | None = None
    ) -> Trial:
        """Write a mix, run it and judge it.

        Args:
            mix: The form of each weight.
            num_bytes: Bytes of its weights.
            numbers: Whole numbers of weights whose rounding is fitted.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            try:
                record = write_forms(
                    model_json=self.model_json,
                    base=self.base,
                    name="mix",
                    forms=mix,
                    numbers=numbers,
                    shard_size_bytes=_SHARD_BYTES,
                    folder=Path(name),
                )
            except VariantNotSmaller as error:
                return Trial(mix=mix, num_bytes=num_bytes, reason=str(error))
            found = self.run(Path(name))
        if found.status != "ok":
            return Trial(mix=mix, num_bytes=num_bytes, reason=found.error or "it does not run")
        dtype = loosest_dtype(record.weights, self.stored)
        return self.judge.judge(mix, num_bytes, found.outputs, self.groups, dtype=dtype)


def open_trials(
    inputs: Mapping[str, Path], candidate: Candidate, run: RunInTfjs, folder: Path
) -> TfjsTrials:
    """Run the base of a model, and return what tries its mixes.

    Args:
        inputs: Folders of the steps `convert`, `signature`, `reference` and `map`.
        candidate: The variant that is searched.
        run: Runs a model.
        folder: Folder that may be written.

    Raises:
        BaseFails: TensorFlow.js does not run the base as its source.
    """
    base = inputs["convert"]
    signature = Signature.load(inputs["signature"])
    with tempfile.TemporaryDirectory(dir=folder) as name:
        record = write_variant(
            base=base,
            signature=signature,
            name="base",
            quantize={},
            shard_size_bytes=_SHARD_BYTES,
            folder=Path(name),
        )
        ran = run(Path(name))
    if ran.status != "ok":
        raise BaseFails(f"TensorFlow.js does not run the base: {ran.error}")
    judge = MixJudge(
        model=gather_model({**inputs, "variant:base": base}, signature),
        candidate=candidate,
        base=[ran.outputs[i] for i in range(len(ran.outputs))],
        outputs=(),
        margin=1.0,
    )
    groups = judge.base_groups()
    if not groups:
        raise BaseFails("TensorFlow.js computes something else than the source does")
    return TfjsTrials(
        model_json=open_base(base, signature),
        base=base,
        stored=record.weights,
        judge=judge,
        groups=groups,
        run=run,
        folder=folder,
    )


def search_in_tfjs(
    inputs: Mapping[str, Path],
    candidate: Candidate,
    run: RunInTfjs,
    *,
    seconds: float,
    folder: Path,
) -> Recipe:
    """Return the recipe of the smallest mix that passes, or why there is none.

    Args:
        inputs: Folders of the steps `convert`, `signature`, `reference` and `map`.
        candidate: The variant that is searched.
        run: Runs a model.
        seconds: Longest time.
        folder: Folder that may be written.
    """
    ends = time.monotonic() + seconds
    try:
        trials = open_trials(inputs, candidate, run, folder)
    except BaseFails as fault:
        return no_recipe(str(fault))

    def try_in_time(mix: Mix, num_bytes: int) -> Trial:
        if time.monotonic() > ends:
            raise OutOfTime
        return trials.try_mix(mix, num_bytes)

    choices = load_weight_forms(trials.model_json, trials.base).rough_choices()
    search = Search(choices=choices, run=try_in_time)
    return write_recipe(search, search.find("way"), measure_base(trials.model_json, trials.base))
