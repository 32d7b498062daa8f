"""Measured limits: an output is right as far as rounding moves it, on each vector by itself."""

import numpy as np
import pytest

from pipeline.proof.judge.fidelity import Array, compare, measure_scale
from pipeline.proof.judge.gate import judge_values
from pipeline.proof.judge.measured_limit import measure_limit
from pipeline.proof.judge.value_limits import DEFAULTS, Limit
from pipeline.records.noise_floor import OutputFloor

RAMP = np.linspace(0, 1, 101, dtype=np.float32)
UNIT = 2.0**-20


def floor(error: float, rms: float = 1.0, agreement: float = 1.0) -> OutputFloor:
    return OutputFloor(error=error, rms=rms, agreement=agreement)


def judge(limit: Limit, *found: Array) -> str | None:
    reference = [RAMP] * len(found)
    allowed = limit.allowed_each(measure_scale(reference), len(found))
    fidelity = compare(reference, found, atol=allowed, rtol=limit.rtol)
    return judge_values(fidelity, limit)


def moved(by: float, *, values: int = 1) -> Array:
    found = RAMP.copy()
    found[:values] += np.float32(by)
    return found


@pytest.mark.parametrize(("times", "passes"), [(4.9, True), (5.1, False)])
def test_an_error_may_be_five_times_the_floor(
    times: float, passes: bool
) -> None:  # the expectation
    fault = judge(measure_limit([floor(1e-3)], selected=False), moved(times * 1e-3))

    assert (fault is None) == passes


def test_each_vector_has_its_own_floor_and_the_message_names_the_one_beyond_it() -> None:
    limit = measure_limit([floor(1e-2), floor(1e-5)], selected=False)

    assert judge(limit, moved(0.04), RAMP) is None
    fault = judge(limit, moved(0.04), moved(0.001))
    assert fault is not None
    assert "at [0] of vector 1, 0.001 where the source has 0: 0.001 is 0.1 % of the range" in fault
    assert fault.endswith("expected at most 0.0051 % (5 times what rounding moves it)")


def test_without_any_floor_some_units_in_the_last_place_remain() -> None:
    limit = measure_limit([floor(0.0)], selected=False)

    assert judge(limit, moved(0.9 * UNIT)) is None
    assert judge(limit, moved(1.1 * UNIT)) is not None


def test_many_small_errors_are_caught_by_their_mean_square() -> None:
    # One pixel at a steep edge may move by 1 %, and all of them by 1 % may not.
    limit = measure_limit([floor(1e-2, rms=1e-4)], selected=False)

    assert judge(limit, moved(1e-3)) is None
    fault = judge(limit, moved(1e-3, values=101))
    assert fault is not None
    assert fault.startswith("the root mean square error on vector 0 is 0.1 % of the range; ")


def test_rows_keep_the_limit_of_float32_and_as_many_may_change_places_as_rounding_exchanges() -> (
    None
):
    default = DEFAULTS["float32"]

    assert measure_limit([floor(9.0)], selected=True) is default
    limit = measure_limit([floor(9.0), floor(9.0, agreement=0.9)], selected=True)
    assert limit.agreement == pytest.approx(0.8)
    assert (limit.relative, limit.errors) == (default.relative, None)
    assert "rounding exchanges" in limit.source
