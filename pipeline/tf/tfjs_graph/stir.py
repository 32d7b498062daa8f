"""Stirs values by half a unit in their last place: what a run moves by then, rounding explains."""

import numpy as np

from pipeline.tfjs.model.weights import Array

HALF_UNIT = 2.0**-24
"""Half a unit in the last place of a float32, as a fraction of a value whose mantissa is 1."""


def stir(values: Array, stirring: np.random.Generator, half_unit: float = HALF_UNIT) -> Array:
    """Return values, each multiplied by 1 + `half_unit` or 1 - `half_unit`, in their own dtype.

    A single number stays: it may be a size, a threshold or the mask of an attention, which every
    runtime has exactly; one stirred mask made a model return NaN. So do whole numbers and text.
    """
    if values.dtype.kind != "f" or values.size == 1:
        return values
    signs = stirring.integers(0, 2, values.shape, np.int8) * 2 - 1
    # A factor of exactly half a unit would round to even: to no change at all for a power of 2.
    factors = 1.0 + signs * (half_unit * 1.01)
    with np.errstate(over="ignore", invalid="ignore"):
        stirred: Array = (values.astype(np.float64) * factors).astype(values.dtype)
    return stirred
