"""The step `browser`: runs variants on webgl and webgpu in a browser, and compares them too."""

from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.manifest.tolerance import Tolerance
from pipeline.records.record import Part
from pipeline.steps.variant import BASE

BACKENDS = ("webgl", "webgpu")
"""The backends that need a browser."""


class BrowserParameters(Part):
    """The parameters of `browser`: tolerances and backends."""

    tolerance: Tolerance | None
    tolerances: dict[str, Tolerance]
    """Tolerances of single variants, by name."""
    backends: tuple[str, ...]
    """Backends that must prove every variant; empty to try the base alone."""


def run(work: Work[BrowserParameters]) -> None:
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
    version=1,
    parameters=BrowserParameters,
    run=run,
    needs=("signature", "reference", "map", "verify", f"variant:{BASE}"),
    accepts=("variant",),
    tools=frozenset({"browser", "numpy", "tfjs"}),
)


def parameters(model: Model) -> BrowserParameters:
    """Return the parameters of `browser` for a model."""
    return BrowserParameters(
        tolerance=model.tolerance,
        tolerances={
            variant.name: variant.tolerance
            for variant in model.variants
            if variant.tolerance is not None
        },
        backends=tuple(name for name in model.backends if name in BACKENDS),
    )
