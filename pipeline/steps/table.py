"""The table of steps: a new one is a line here and a function.

What a step reads of the manifest is in `pipeline.steps.parameters`.
"""

from pipeline.engine.step import Step

_FUNCTIONS = "pipeline.steps.functions"
_PROOF = "pipeline.steps.proof"

STEPS = {
    step.name: step
    for step in (
        Step(name="fetch", version=1, function=f"{_FUNCTIONS}:fetch"),
        Step(name="convert", version=3, function=f"{_FUNCTIONS}:convert", needs=("fetch",)),
        Step(name="signature", version=2, function=f"{_FUNCTIONS}:signature", needs=("convert",)),
        Step(
            name="variant",
            version=1,
            function=f"{_FUNCTIONS}:variant",
            needs=("convert", "signature"),
        ),
        Step(
            name="reference",
            version=2,
            function=f"{_PROOF}:reference",
            needs=("fetch", "convert", "signature"),
        ),
        Step(
            name="map",
            version=1,
            function=f"{_FUNCTIONS}:map_outputs",
            needs=("convert", "signature", "reference"),
        ),
        Step(
            name="verify",
            version=2,
            function=f"{_PROOF}:verify",
            needs=("signature", "reference", "map", "variant:base"),
            accepts=("variant",),
        ),
        Step(
            name="card",
            version=2,
            function=f"{_FUNCTIONS}:card",
            needs=("fetch", "convert", "signature", "reference", "map", "verify", "variant:base"),
            accepts=("variant",),
        ),
        Step(name="catalog", version=1, function=f"{_FUNCTIONS}:catalog", accepts=("card",)),
        Step(name="site", version=1, function="pipeline.steps.site:site", needs=("catalog",)),
    )
}
