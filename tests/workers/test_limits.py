"""Limits and their one clock."""

import pytest

from pipeline.errors import WorkerError
from pipeline.workers.limits import GIB, Budget, ResourceLimits


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("stated", "expected_bytes", "limit"),
    [
        pytest.param(None, GIB, 4 * GIB, id="a small model"),
        pytest.param(None, 3 * GIB, 6 * GIB, id="a large model gets twice what it needs"),
        pytest.param(GIB, 3 * GIB, GIB, id="the manifest has the last word"),
    ],
)
def test_the_most_memory(stated: int | None, expected_bytes: int, limit: int) -> None:
    limits = ResourceLimits(memory_bytes=stated)

    assert limits.memory_limit(expected_bytes=expected_bytes) == limit


def test_the_time_of_a_step_is_one_for_all_that_it_starts() -> None:
    clock = Clock()
    budget = Budget(ResourceLimits(timeout_seconds=60), clock=clock)
    clock.now += 45

    assert budget.left() == 15
    budget.check("convert:one")

    clock.now += 15
    with pytest.raises(WorkerError, match=r"^convert:one took more than 60 s$") as caught:
        budget.check("convert:one")
    assert caught.value.hint == "raise `timeout_seconds` of this model in models.yaml"


def test_waiting_for_a_turn_costs_no_time() -> None:
    clock = Clock()
    budget = Budget(ResourceLimits(timeout_seconds=60), clock=clock)
    clock.now += 100

    assert budget.left() == 0
    budget.extend(100)
    assert budget.left() == 60


def test_without_a_stated_time_a_step_has_ten_minutes() -> None:
    assert Budget(clock=Clock()).left() == ResourceLimits().seconds == 600
