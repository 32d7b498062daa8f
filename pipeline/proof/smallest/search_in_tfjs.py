"""The search in TensorFlow.js, for models that TensorFlow does not run.

Layers models, and graphs with tables or ops that the two run otherwise. A run takes a process, so
that only uniform mixes and one way are tried, by the relative errors of weights. What passes here
passes in `verify`: no margin is needed.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.proof.judge.check import Candidate
from pipeline.proof.smallest.judge_mix import MixJudge
from pipeline.proof.smallest.mix_search import OutOfTime, Search, Trial
from pipeline.proof.smallest.mixes import Mix
from pipeline.proof.smallest.run_search import no_recipe
from pipeline.proof.smallest.weight_forms import load_weight_forms
from pipeline.proof.smallest.write_recipe import write_recipe
from pipeline.proof.verify_variants import gather_model
from pipeline.records.recipe import Recipe
from pipeline.records.signature import Signature
from pipeline.runtime.node_results import ModelRun
from pipeline.tfjs.quantize.form_files import VariantNotSmaller, write_forms
from pipeline.tfjs.quantize.variant_files import measure_base, open_base, write_variant

_SHARD_BYTES = 1 << 30


def search_in_tfjs(
    inputs: Mapping[str, Path],
    candidate: Candidate,
    run: Callable[[Path], ModelRun],
    *,
    seconds: float,
    folder: Path,
) -> Recipe:
    """Return the recipe of the smallest mix that passes, or why there is none.

    Args:
        inputs: Folders of the steps in `INPUTS`.
        candidate: The variant that is searched.
        run: Runs the model in a folder on the test vectors; its outputs are read.
        seconds: Longest time.
        folder: Folder that may be written.
    """
    base, ends = inputs["convert"], time.monotonic() + seconds
    signature = Signature.load(inputs["signature"])
    model_json = open_base(base, signature)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        made = Path(name)
        write_variant(
            base=base,
            signature=signature,
            name="base",
            quantize={},
            shard_size_bytes=_SHARD_BYTES,
            folder=made,
        )
        ran = run(made)
    if ran.status != "ok":
        return no_recipe(f"TensorFlow.js does not run the base: {ran.error}")
    judge = MixJudge(
        model=gather_model({**inputs, "variant:base": base}, signature),
        candidate=candidate,
        base=[ran.outputs[i] for i in range(len(ran.outputs))],
        outputs=(),
        margin=1.0,
    )
    groups = judge.base_groups()
    if not groups:
        return no_recipe("TensorFlow.js computes something else than the source does")

    def try_mix(mix: Mix, num_bytes: int) -> Trial:
        if time.monotonic() > ends:
            raise OutOfTime
        with tempfile.TemporaryDirectory(dir=folder) as name:
            try:
                write_forms(
                    model_json=model_json,
                    base=base,
                    name="mix",
                    forms=mix,
                    shard_size_bytes=_SHARD_BYTES,
                    folder=Path(name),
                )
            except VariantNotSmaller as error:
                return Trial(mix=mix, num_bytes=num_bytes, reason=str(error))
            found = run(Path(name))
        if found.status != "ok":
            return Trial(mix=mix, num_bytes=num_bytes, reason=found.error or "it does not run")
        return judge.judge(mix, num_bytes, found.outputs, groups)

    choices = load_weight_forms(model_json, base).rough_choices()
    search = Search(choices=choices, run=try_mix)
    return write_recipe(search, search.find("way"), measure_base(model_json, base))
