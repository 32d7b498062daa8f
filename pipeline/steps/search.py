"""The step `search`: finds the smallest mix of forms in which a model still passes."""

from pipeline.engine.step import Step, StepSkipped, Work
from pipeline.manifest.model import Model
from pipeline.manifest.tolerance import Tolerance
from pipeline.manifest.variant_section import SEARCH_SECONDS
from pipeline.records.record import Part


class SearchParameters(Part):
    """The parameters of `search`."""

    name: str
    """Name of the variant."""
    tolerance: Tolerance | None
    """Of the variant."""
    model_tolerance: Tolerance | None
    seconds: float
    """Longest time."""


def run(work: Work[SearchParameters]) -> None:
    """Find the smallest mix of forms in which a model still passes: `recipe.json`."""
    from pipeline.proof.judge.check import Candidate
    from pipeline.proof.smallest.run_search import search_recipe

    asked = work.parameters
    recipe = search_recipe(
        work,
        Candidate(name=asked.name, tolerances=[asked.tolerance, asked.model_tolerance]),
        seconds=asked.seconds,
    )
    if recipe.reason is not None:
        raise StepSkipped(recipe.reason)
    if recipe.cut:
        work.remark(f"its {asked.seconds:g} seconds were over before all mixes were tried")
    recipe.save(work.folder)


STEP = Step(
    name="search",
    version=1,
    parameters=SearchParameters,
    run=run,
    needs=("convert", "signature", "reference", "map"),
    tools=frozenset({"numpy", "tensorflow"}),
)


def parameters(model: Model) -> dict[str, SearchParameters]:
    """Return the parameters of `search` for a model, by variant that is searched."""
    return {
        variant.name: SearchParameters(
            name=variant.name,
            tolerance=variant.tolerance,
            model_tolerance=model.tolerance,
            seconds=variant.seconds or SEARCH_SECONDS,
        )
        for variant in model.variants
        if variant.smallest
    }
