"""Estimate: how long the rest of a run will take, judged by the steps that are over. Pure.

Steps of one kind (fetch, convert, variant …) are taken to cost alike, and to have nothing to do
as often as before. rich's own estimate would count all steps alike. While too few steps are over
for an estimate, it is None and nobody sees one.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

MIN_SECONDS = 5.0
MIN_STEPS = 5
MAX_UNSEEN = 0.05


class Estimate:
    """The time that finished steps took, by kind."""

    def __init__(self) -> None:
        self._finished: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def add_cost(self, kind: str, seconds: float) -> None:
        """Add the time of a step that ran."""
        self._seconds[kind] += seconds

    def add_finished(self, kind: str) -> None:
        """Count a step that is over, even if it had nothing to do."""
        self._finished[kind] += 1

    def seconds_left(
        self, remaining: Mapping[str, int], *, elapsed: float, running: Mapping[str, float]
    ) -> float | None:
        """Return the seconds that the rest will take; None while that would be a guess.

        Args:
            remaining: Number of steps of each kind that are not over; running steps count.
            elapsed: Seconds since the first step started.
            running: Seconds that the running steps of each kind have taken.
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
