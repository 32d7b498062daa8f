"""Estimate: how long the rest of a run will take, judged by what it did so far. Pure.

The unit is the kind of a step (fetch, convert, variant …): steps of one kind cost alike, and
as many of the coming ones as of the past ones will have nothing to do. An estimate exists only
when it means something; before that the answer is None and nothing is shown.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

MIN_SECONDS = 5.0
MIN_STEPS = 5
MAX_UNSEEN = 0.05


class Estimate:
    """What finished steps cost, by kind."""

    def __init__(self) -> None:
        self._finished: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def add_cost(self, kind: str, seconds: float) -> None:
        """Count the time of a step that ran."""
        self._seconds[kind] += seconds

    def add_finished(self, kind: str) -> None:
        """Count a step that is over, whether it ran or had nothing to do."""
        self._finished[kind] += 1

    def seconds_left(
        self, remaining: Mapping[str, int], *, elapsed: float, running: Mapping[str, float]
    ) -> float | None:
        """Return the estimate in seconds, or None while it would be a guess.

        Args:
            remaining: Number of steps of each kind that are not over, those that run included.
            elapsed: Seconds since the first step started.
            running: Seconds that the running steps of each kind took so far.
        """
        num_remaining = sum(remaining.values())
        num_finished = self._finished.total()
        unseen = sum(number for kind, number in remaining.items() if not self._finished[kind])
        if elapsed < MIN_SECONDS or num_finished < MIN_STEPS or not num_remaining:
            return None
        if unseen > max(1, MAX_UNSEEN * num_remaining):
            return None
        cost = sum(
            max(0.0, number * self._mean(kind) - running.get(kind, 0.0))
            for kind, number in remaining.items()
        )
        busy = sum(self._seconds.values()) + sum(running.values())
        return cost / max(1.0, busy / elapsed)

    def _mean(self, kind: str) -> float:
        if self._finished[kind]:
            return self._seconds[kind] / self._finished[kind]
        return sum(self._seconds.values()) / self._finished.total()
