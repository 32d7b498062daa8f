"""Runs the search of a model in a process with TensorFlow, and reads its answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from pipeline.errors import (
    UntrustedSourceError,
)
from pipeline.proof.fit_rounding import Calibration
from pipeline.proof.graph_faults import TensorFlowCannotRunError, run_of_base
from pipeline.proof.judge.check import Candidate
from pipeline.proof.smallest.judge_mix import MARGIN
from pipeline.records.recipe import Recipe
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import load_model_json

INPUTS = ("convert", "signature", "reference", "map")
"""The steps whose results a search reads."""
PROGRESS_FILE = "progress"
"""File in the folder of a search with the number of runs so far."""
NUMBERS_FILE = "numbers.bin"
"""File there with the whole numbers of the weights whose rounding is fitted, behind each other."""

_SEARCH = "pipeline.tf.tfjs_graph.smallest_mix:find_smallest_mix"


class CallTensorFlow(Protocol):
    """Calls a function of `pipeline.tf` in a child process, which may write `folder`."""

    def __call__(self, function: str, *, folder: Path, **arguments: Any) -> Any:
        """Return its answer."""
        ...  # pragma: no cover


def search_recipe(  # noqa: PLR0913  # what is searched, and with what
    inputs: Mapping[str, Path],
    candidate: Candidate,
    call: CallTensorFlow,
    *,
    seconds: float,
    trust: bool,
    folder: Path,
    calibration: Calibration | None = None,
    margin: float = MARGIN,
) -> Recipe:
    """Return the recipe of the smallest mix that passes, or why there is none.

    Args:
        inputs: Folders of the steps in `INPUTS`.
        candidate: The variant that is searched.
        call: Calls TensorFlow.
        seconds: Longest time.
        trust: Whether the graph may touch the machine.
        folder: Folder that may be written.
        calibration: How inputs are made that rounding is fitted to. None for a quick search: few
            mixes are tried, of numbers that are rounded to the nearest.
        margin: See `MixJudge`.

    Raises:
        TensorFlowCannotRunError: TensorFlow does not run the base.
        NoWallError: This machine has no wall, and the model is not trusted.
        WorkerError: The process exceeded a limit.
    """
    if is_layers_model(load_model_json(inputs["convert"] / "model.json").content):
        raise TensorFlowCannotRunError("it is a layers model")
    try:
        with run_of_base():
            answer = call(
                _SEARCH,
                inputs={name: inputs[name] for name in INPUTS},
                candidate=candidate,
                seconds=seconds,
                trust=trust,
                folder=folder,
                calibration=calibration,
                margin=margin,
            )
    finally:
        (folder / PROGRESS_FILE).unlink(missing_ok=True)
    try:
        return Recipe.model_validate(answer)
    except ValidationError:
        # A child process that has opened a stranger's model may answer anything.
        raise UntrustedSourceError("the answer of the search is no recipe") from None


def count_runs(folder: Path) -> int | None:
    """Return the number of runs of a search so far; None before it tells."""
    try:
        text = (folder / PROGRESS_FILE).read_text()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
