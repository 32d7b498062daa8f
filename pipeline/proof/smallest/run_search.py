"""Runs the search of a model in a process with TensorFlow, and reads its answer."""

from typing import Any

from pydantic import ValidationError

from pipeline.engine.step import Work
from pipeline.errors import (
    ConversionError,
    FormatError,
    ManifestError,
    NoWallError,
    SignatureError,
    UntrustedSourceError,
)
from pipeline.proof.judge.check import Candidate
from pipeline.records.recipe import Recipe
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import load_model_json

_SEARCH = "pipeline.tf.tfjs_graph.smallest_mix:find_smallest_mix"
_INPUTS = ("convert", "signature", "reference", "map")
PROGRESS_FILE = "progress"
"""File in the step's folder with the number of runs so far."""

# Faults that may be those of TensorFlow with a graph that TensorFlow.js runs.
_OF_GRAPH = (ConversionError, FormatError, ManifestError, SignatureError, UntrustedSourceError)


def search_recipe(work: Work[Any], candidate: Candidate, *, seconds: float) -> Recipe:
    """Return the recipe of the smallest mix that passes, or why there is none.

    Args:
        work: A step that needs `convert`, `signature`, `reference` and `map`.
        candidate: The variant that is searched.
        seconds: Longest time.
    """
    base = work.inputs["convert"]
    if is_layers_model(load_model_json(base / "model.json").content):
        return _no_recipe("TensorFlow does not run layers models, so that no mix can be tried")
    work.uses("numpy", "tensorflow")
    try:
        answer = work.run_in_tensorflow(
            _SEARCH,
            tick=lambda: _tell(work),
            inputs={name: work.inputs[name] for name in _INPUTS},
            candidate=candidate,
            seconds=seconds,
            trust=work.trusted,
            folder=work.folder,
        )
    except _OF_GRAPH as error:
        if isinstance(error, NoWallError):
            raise
        return _no_recipe(f"TensorFlow does not run the base: {error.message}")
    finally:
        (work.folder / PROGRESS_FILE).unlink(missing_ok=True)
    try:
        return Recipe.model_validate(answer)
    except ValidationError:
        # A child process that has opened a stranger's model may answer anything.
        raise UntrustedSourceError("the answer of the search is no recipe") from None


def _tell(work: Work[Any]) -> None:
    """Report the number of runs so far."""
    try:
        text = (work.folder / PROGRESS_FILE).read_text()
    except OSError:
        return
    if text.isdecimal():
        work.progress(int(text), None)


def _no_recipe(reason: str) -> Recipe:
    return Recipe(
        forms={}, reason=reason, bytes=None, share=None, what="", base_bytes=0, tried=(), cut=False
    )
