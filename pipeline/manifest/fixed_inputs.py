"""What `inputs:` fixes of a model, for formats whose importers write it into the graph."""

from pipeline.manifest.model import Model
from pipeline.records.flags import FixedInput


def fixed_inputs(model: Model) -> dict[str, FixedInput] | None:
    """Return shapes, constants and layouts that the manifest states, by input; None for none."""
    stated = {
        name: FixedInput(shape=section.shape, constant=section.constant, layout=section.layout)
        for name, section in model.inputs.items()
    }
    return {name: fixed for name, fixed in stated.items() if fixed != FixedInput()} or None
