"""What a search in TensorFlow finds, proved in TensorFlow.js; the search itself is stood in for."""

from pathlib import Path
from typing import Any

import pytest
from searched_models import write_searched
from tfjs_runtime import GIB, packages

from pipeline.errors import ConversionError
from pipeline.proof.fit_rounding import find_calibration
from pipeline.proof.judge.check import Candidate
from pipeline.proof.smallest.find_recipe import MARGINS, find_recipe
from pipeline.proof.smallest.run_search import NUMBERS_FILE
from pipeline.proof.smallest.tfjs_runs import TfjsRuns
from pipeline.records.recipe import Recipe, RecipeForm
from pipeline.workers.limits import Budget, ResourceLimits

pytestmark = pytest.mark.network  # TensorFlow.js, once

EXACT = RecipeForm(dtype="uint8", channels=(1,))
ROUGH = RecipeForm(dtype="uint8", channels=(1,), bits=4)


class Searches:
    """Stands in for TensorFlow: returns one recipe after the other.

    Attributes:
        margins: Those that were asked for.
    """

    def __init__(self, *forms: RecipeForm, numbers: bytes = b"") -> None:
        self.forms = list(forms)
        self.numbers = numbers
        self.margins: list[float] = []

    def __call__(self, function: str, *, folder: Path, **arguments: Any) -> Any:  # noqa: ARG002
        """Return the next recipe, of one weight."""
        if not self.forms:
            raise ConversionError("TensorFlow cannot run it")
        self.margins.append(arguments["margin"])
        if self.numbers:
            (folder / NUMBERS_FILE).write_bytes(self.numbers)
        return Recipe(
            forms={"loud": self.forms.pop(0)},
            fitted=("loud",) if self.numbers else (),
            reason=None,
            bytes=1,
            share=0.001,
            what="of the range",
            base_bytes=2,
            tried=(),
            cut=False,
        ).to_json()


def find(folder: Path, searches: Searches) -> Recipe:
    """Return the recipe of the small model, by stand-in searches and the real TensorFlow.js."""
    inputs = write_searched(folder)
    runs = TfjsRuns(
        vectors=inputs["reference"],
        packages=packages(),
        temporary=folder,
        log=folder / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=60, memory_bytes=2 * GIB)),
        trusted=False,
        progress=lambda _done, _total: None,
    )
    return find_recipe(
        inputs,
        Candidate(name="smallest", tolerances=[None]),
        searches,
        lambda: runs.run,
        calibration=find_calibration("net", None),
        seconds=60,
        trust=False,
        folder=folder,
    )


def test_what_fails_in_tensorflow_js_is_searched_again_with_a_larger_margin(
    tmp_path: Path,
) -> None:
    searches = Searches(ROUGH, EXACT, EXACT)
    recipe = find(tmp_path, searches)

    assert recipe.forms == {"loud": EXACT}
    assert searches.margins == [*MARGINS[:2]]


def test_the_proof_is_of_the_numbers_that_the_search_used(tmp_path: Path) -> None:
    searches = Searches(EXACT, EXACT, EXACT, numbers=bytes([128]) * 64 * 128)  # all are 0
    recipe = find(tmp_path, searches)

    assert recipe.fitted == ("loud",)
    assert searches.margins == [*MARGINS]
    assert not (tmp_path / NUMBERS_FILE).exists()


def test_a_model_that_tensorflow_does_not_run_is_searched_in_tensorflow_js(
    tmp_path: Path,
) -> None:
    recipe = find(tmp_path, Searches())

    assert recipe.reason is None
    assert recipe.forms["loud"].dtype == "uint8"
