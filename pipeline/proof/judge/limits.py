"""Limits: the limit of each output in each of the two ways in which a variant may agree.

`equal` is what float arithmetic explains, for a base and for a variant. `close` is what the
manifest allows, else the task of the output, else the dtype of the weights. This module opens no
file.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.judge.measured_limit import measure_limit
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.judge.task_figures import TASK_FIGURES
from pipeline.proof.judge.value_limits import DEFAULTS, Limit, limit_to_step, resolve_limit

EXACT_DTYPE = "float32"
"""Dtype of a variant without any loss: its weights are the source's."""

# Extreme values leave the range that a model was made for, and some of its ops at their bounds.
_EDGE = Limit(
    relative=0.1,
    agreement=0.5,
    source="the limit of extreme values",
    reason="the values are extreme",
)
_ANY_FINITE = replace(_EDGE, relative=1e9, agreement=0.0)


def equal_limit(model: ModelUnderTest, name: str) -> Limit:
    """Return the limit within which an output is as near as arithmetic brings it.

    Args:
        model: The model.
        name: Name of the output.
    """
    if step := model.steps.get(name):
        return limit_to_step(DEFAULTS[EXACT_DTYPE], step)
    if floors := model.floors.get(name):
        return measure_limit(floors, selected=bool(model.selection.get(name)))
    return DEFAULTS[EXACT_DTYPE]


def close_limit(
    model: ModelUnderTest, name: str, dtype: str, tolerances: Sequence[Tolerance | None]
) -> Limit:
    """Return the limit within which an output serves: of the manifest, its task or the dtype.

    Args:
        model: The model.
        name: Name of the output.
        dtype: The loosest dtype that weights were quantized to, "float32" for none.
        tolerances: The manifest's tolerances, of the variant, then of the model.
    """
    limit = resolve_limit(dtype, name, tolerances)
    if limit is not DEFAULTS[dtype]:
        return limit
    if step := model.steps.get(name):
        return limit_to_step(limit, step)
    roles = model.roles.get(name, ())
    figure = next((TASK_FIGURES[role] for role in roles if role in TASK_FIGURES), None)
    return limit if dtype == EXACT_DTYPE else replace(limit, figure=figure)


def edge_limit(model: ModelUnderTest, name: str, dtype: str) -> Limit:
    """Return the limit on extreme values: wide for a base; any finite value of another variant.

    Any value will do of numbers, classes and what else is chosen: where all values of an input are
    one, scores tie, and each runtime chooses in its own order.

    Args:
        model: The model.
        name: Name of the output.
        dtype: The loosest dtype that weights were quantized to, "float32" for none.
    """
    known = [one.outputs[name] for one in model.vectors.vectors if name in one.outputs]
    is_chosen = name in model.selection or (
        name not in model.steps and all(values.dtype.kind in "iub" for values in known)
    )
    return _ANY_FINITE if is_chosen or dtype != EXACT_DTYPE else _EDGE
