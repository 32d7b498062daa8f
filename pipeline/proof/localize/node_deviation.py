"""Deviation: how far one tensor is from its reference, in multiples of what rounding explains.

This module opens no file.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.proof.judge.fidelity import Worst, compare

Array = npt.NDArray[Any]

# The least floor of floats: two units in the last place, for a value that no stir moves.
LEAST = 2.0**-22
# The least floor of one node alone. It rounds its own sums, which a stir of its inputs does not
# show: a mean of 16,384 values, one after another, is off by up to 1e-5.
LEAST_ALONE = 2.0**-19
# Measured on 25 models on wasm: all tensors of 24 stay below 5 floors, those of the other below 30.
MULTIPLE = 32.0


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """The deviation of a tensor.

    Attributes:
        error: Largest error as a share of the reference's largest magnitude; of whole numbers and
            text the share of values that differ. Infinite for NaN, infinity and another shape.
        floor: The same for the stirred run, and no less than the least floor.
        shapes: The shapes of reference and run.
        worst: The value with the largest error; None if all are equal, or the shapes differ.
    """

    error: float
    floor: float
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    worst: Worst | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether rounding does not explain the error."""
        return self.error > MULTIPLE * self.floor

    @property
    def multiple(self) -> float:
        """The error in multiples of the floor."""
        if not self.error:
            return 0.0
        return self.error / self.floor if self.floor else math.inf


def measure_deviation(
    expected: Array, stirred: Array, found: Array, *, least: float = LEAST
) -> Deviation:
    """Measure how far a tensor is from its reference.

    Args:
        expected: The reference.
        stirred: The reference after a stir of all weights and inputs.
        found: The values to judge.
        least: The least floor of floats.
    """
    shapes = expected.shape, found.shape
    if expected.size == found.size:  # a size of 1 more changes no value
        found = found.reshape(expected.shape)
    error, worst = _measure(expected, found)
    floor = 0.0 if stirred.shape != expected.shape else _measure(expected, stirred)[0]
    if expected.dtype.kind in "fc":
        floor = max(floor, least)
    return Deviation(error=error, floor=floor, shapes=shapes, worst=worst)


def _measure(expected: Array, found: Array) -> tuple[float, Worst | None]:
    if expected.shape != found.shape or (expected.dtype.kind == "O") != (found.dtype.kind == "O"):
        return math.inf, None
    expected, found = _settle(expected, found)
    figures = compare([expected], [found], atol=0.0, rtol=0.0)
    if figures.num_nan or figures.num_infinite:
        return math.inf, figures.worst
    if expected.dtype.kind not in "fc":
        return 1.0 - figures.equal_rate, figures.worst
    finite = np.abs(expected[np.isfinite(expected)])
    largest = float(finite.max()) if finite.size else 0.0
    error = figures.max_abs_error or 0.0
    return (error / largest if largest else error), figures.worst


def _settle(expected: Array, found: Array) -> tuple[Array, Array]:
    """Return arrays without the NaN that both have at equal places."""
    if expected.dtype.kind not in "fc" or found.dtype.kind not in "fc":
        return expected, found
    both = np.isnan(expected) & np.isnan(found)
    if not both.any():
        return expected, found
    return np.where(both, 0, expected), np.where(both, 0, found)
