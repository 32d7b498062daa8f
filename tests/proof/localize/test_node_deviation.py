"""Deviations: what counts as wrong, and what rounding explains."""

import math

import numpy as np
import pytest

from pipeline.proof.localize.node_deviation import LEAST, measure_deviation

REFERENCE = np.linspace(-8, 8, 33, dtype=np.float32)
BOOLEANS = np.array([True, False, True, False])


def test_an_error_is_a_share_of_the_largest_magnitude() -> None:
    found = REFERENCE.copy()
    found[3] += 0.8

    made = measure_deviation(REFERENCE, REFERENCE, found)

    assert made.error == pytest.approx(0.1)
    assert made.floor == LEAST
    assert made.is_wrong
    assert made.worst is not None
    assert made.worst.position == (3,)


@pytest.mark.parametrize(("factor", "is_wrong"), [(20, False), (50, True)])
def test_a_stir_sets_the_floor(factor: float, is_wrong: bool) -> None:  # expected
    stirred, found = REFERENCE + np.float32(1e-3), REFERENCE + np.float32(1e-3 * factor)

    assert measure_deviation(REFERENCE, stirred, found).is_wrong is is_wrong


def test_a_value_that_is_not_finite_agrees_with_its_like_only() -> None:
    strange = REFERENCE.copy()
    strange[:2] = math.nan, math.inf

    assert measure_deviation(strange, strange, strange).error == 0.0
    assert measure_deviation(strange, strange, REFERENCE).error == math.inf
    assert measure_deviation(REFERENCE, REFERENCE, strange).error == math.inf


def test_whole_numbers_and_booleans_differ_or_not() -> None:
    flipped = BOOLEANS ^ np.array([False, False, False, True])

    made = measure_deviation(BOOLEANS, BOOLEANS, flipped)

    assert (made.error, made.floor, made.is_wrong) == (0.25, 0.0, True)
    assert not measure_deviation(BOOLEANS, flipped, flipped).is_wrong
    assert not measure_deviation(BOOLEANS, BOOLEANS, BOOLEANS).is_wrong


def test_a_size_of_one_more_is_no_fault_and_another_shape_is() -> None:
    assert measure_deviation(REFERENCE, REFERENCE, REFERENCE[None]).error == 0.0
    assert measure_deviation(REFERENCE, REFERENCE, REFERENCE[:-1]).error == math.inf
