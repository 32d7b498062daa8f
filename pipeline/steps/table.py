"""The table of steps: a new one is a line here and a function.

What a step reads of the manifest is in `pipeline.steps.parameters`.
"""

from pipeline.steps.step import Step

_FUNCTIONS = "pipeline.steps.functions"

STEPS = {
    step.name: step
    for step in (
        Step(name="fetch", version=1, function=f"{_FUNCTIONS}:fetch"),
        Step(name="convert", version=1, function=f"{_FUNCTIONS}:convert", needs=("fetch",)),
        Step(name="signature", version=1, function=f"{_FUNCTIONS}:signature", needs=("convert",)),
        Step(name="map", version=1, function=f"{_FUNCTIONS}:map_outputs", needs=("signature",)),
        Step(
            name="variant",
            version=1,
            function=f"{_FUNCTIONS}:variant",
            needs=("convert", "signature"),
        ),
        Step(
            name="card",
            version=1,
            function=f"{_FUNCTIONS}:card",
            needs=("fetch", "convert", "signature", "map", "variant:base"),
            accepts=("variant",),
        ),
        Step(name="catalog", version=1, function=f"{_FUNCTIONS}:catalog", accepts=("card",)),
    )
}
