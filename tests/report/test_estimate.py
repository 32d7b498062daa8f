"""The estimate of the time left."""

import pytest

from pipeline.report.estimate import Estimate


def ten_converted(seconds_each: float) -> Estimate:
    estimate = Estimate()
    for _ in range(10):
        estimate.add_cost("convert", seconds_each)
        estimate.add_finished("convert")
    return estimate


def test_one_after_the_other_the_rest_costs_what_the_past_did() -> None:
    left = ten_converted(4.0).seconds_left({"convert": 5}, elapsed=40, running={})

    assert left == pytest.approx(20)


def test_side_by_side_it_takes_less() -> None:
    left = ten_converted(4.0).seconds_left({"convert": 5}, elapsed=20, running={})

    assert left == pytest.approx(10)


def test_what_a_running_step_spent_is_not_to_come() -> None:
    estimate = ten_converted(4.0)

    assert estimate.seconds_left({"convert": 5}, elapsed=43, running={"convert": 3.0}) == (
        pytest.approx(17)
    )


def test_steps_that_had_nothing_to_do_make_the_rest_cheaper() -> None:
    estimate = ten_converted(4.0)
    for _ in range(10):
        estimate.add_finished("convert")

    assert estimate.seconds_left({"convert": 5}, elapsed=40, running={}) == pytest.approx(10)


@pytest.mark.parametrize(
    ("remaining", "elapsed"),
    [
        pytest.param({"convert": 5}, 4.9, id="too early"),
        pytest.param({"convert": 5, "variant": 5}, 40.0, id="a kind never seen"),
        pytest.param({}, 40.0, id="nothing left"),
    ],
)
def test_there_is_none_while_it_would_be_a_guess(remaining: dict[str, int], elapsed: float) -> None:
    assert ten_converted(4.0).seconds_left(remaining, elapsed=elapsed, running={}) is None


def test_there_is_none_after_few_steps() -> None:
    estimate = Estimate()
    for _ in range(4):
        estimate.add_cost("convert", 9.0)
        estimate.add_finished("convert")

    assert estimate.seconds_left({"convert": 5}, elapsed=36, running={}) is None


def test_the_one_last_step_of_the_zoo_is_no_obstacle() -> None:
    left = ten_converted(4.0).seconds_left({"convert": 4, "catalog": 1}, elapsed=40, running={})

    assert left == pytest.approx(20)
