"""The step `browser`: runs variants on webgl and webgpu in a browser, and compares them too."""

from collections.abc import Sequence

from pipeline.disk.browser_program import BROWSER_BACKENDS
from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.manifest.tolerance import Tolerance
from pipeline.records.record import Part
from pipeline.steps.variant import BASE


class TrialParameters(Part):
    """The parameters of the steps that judge variants, `verify` and `browser`."""

    tolerance: Tolerance | None
    tolerances: dict[str, Tolerance]
    """Tolerances of single variants, by name."""
    backends: tuple[str, ...]
    """Backends of the step that must prove every variant; empty for those of its own choice."""


def run(work: Work[TrialParameters]) -> None:
    """Run variants on webgl and webgpu and compare them with the source: `browser.json`."""
    from pipeline.proof.browser_checks import check_in_browser

    verdicts = check_in_browser(
        work,
        tolerance=work.parameters.tolerance,
        tolerances=work.parameters.tolerances,
        required=work.parameters.backends,
    )
    verdicts.save(work.folder)


STEP = Step(
    name="browser",
    version=3,
    parameters=TrialParameters,
    run=run,
    needs=("signature", "reference", "map", "verify", f"variant:{BASE}"),
    accepts=("variant",),
    tools=frozenset({"browser", "numpy", "tfjs"}),
)


def parameters(model: Model) -> TrialParameters:
    """Return the parameters of `browser` for a model."""
    return trial_parameters(model, [name for name in model.backends if name in BROWSER_BACKENDS])


def trial_parameters(model: Model, backends: Sequence[str]) -> TrialParameters:
    """Return the tolerances of a model, and the backends of a step."""
    return TrialParameters(
        tolerance=model.tolerance,
        tolerances={
            variant.name: variant.tolerance
            for variant in model.variants
            if variant.tolerance is not None
        },
        backends=tuple(backends),
    )
