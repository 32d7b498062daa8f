"""Finds the recipe of a model: searches in TensorFlow, and proves in TensorFlow.js what it finds.

The two compute apart, by more than the margin of a search for some models. Then the search is
repeated with a larger margin. A model that TensorFlow does not run is searched in TensorFlow.js.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.proof.fit_rounding import Calibration, split_numbers, take_bytes
from pipeline.proof.graph_faults import TensorFlowCannotRunError
from pipeline.proof.judge.check import Candidate
from pipeline.proof.smallest.run_search import NUMBERS_FILE, CallTensorFlow, search_recipe
from pipeline.proof.smallest.search_in_tfjs import (
    BaseFails,
    RunInTfjs,
    open_trials,
    search_in_tfjs,
)
from pipeline.records.recipe import Recipe
from pipeline.tfjs.quantize.found_variant import read_forms

MARGINS = (1.02, 1.4, 2.5)
"""Margins of the searches, one after the other."""


def find_recipe(  # noqa: PLR0913  # what is searched, and with what
    inputs: Mapping[str, Path],
    candidate: Candidate,
    call: CallTensorFlow,
    open_tfjs: Callable[[], RunInTfjs],
    *,
    calibration: Calibration,
    seconds: float,
    trust: bool,
    folder: Path,
) -> Recipe:
    """Return the recipe of the smallest mix that passes, or why there is none.

    Args:
        inputs: Folders of the steps `convert`, `signature`, `reference` and `map`.
        candidate: The variant that is searched.
        call: Calls TensorFlow.
        open_tfjs: Returns what runs a model in TensorFlow.js.
        calibration: How inputs are made that rounding is fitted to.
        seconds: Longest time.
        trust: Whether the graph may touch the machine.
        folder: Folder that may be written.

    Raises:
        NoWallError: This machine has no wall, and the model is not trusted.
        WorkerError: A process exceeded a limit.
    """
    ends = time.monotonic() + seconds
    run = open_tfjs()
    try:
        trials = open_trials(inputs, candidate, run, folder)
    except BaseFails:
        trials = None
    for margin in MARGINS:
        try:
            recipe = search_recipe(
                inputs,
                candidate,
                call,
                calibration=calibration,
                margin=margin,
                seconds=ends - time.monotonic(),
                trust=trust,
                folder=folder,
            )
        except TensorFlowCannotRunError:
            return search_in_tfjs(inputs, candidate, run, seconds=seconds, folder=folder)
        stored = take_bytes(folder / NUMBERS_FILE)
        if recipe.reason is not None or trials is None:
            break
        forms = read_forms(trials.model_json, recipe)
        numbers = split_numbers(stored, trials.base, forms, recipe.fitted)
        if trials.try_mix(forms, 0, numbers).passes or time.monotonic() > ends:
            break
    return recipe
