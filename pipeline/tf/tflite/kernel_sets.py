"""How far the kernels of TensorFlow Lite are from one another on an integer model.

The interpreter has several kernels for most operators, which round in ways of their own: those of
XNNPACK, which it takes by default, and its builtin ones. A note tells their distance. It is no
limit of a verdict: the graph model has the rounding of XNNPACK, and a limit as wide as the
distance would hide faults that one step shows.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Run = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass
class KernelSets:
    """Runs of one model with two sets of kernels.

    Attributes:
        steps: The step of each quantized output.
        apart: The largest distance so far of each of these, in steps.
    """

    steps: Mapping[str, float]
    apart: dict[str, float] = field(default_factory=dict)

    def compare(self, run: Run, other: Run) -> Run:
        """Return `run`, with each of its runs compared to `other`."""

        def run_both(fed: Mapping[str, Any]) -> dict[str, Any]:
            made = run(fed)
            # Some operators have a kernel in one of the sets only.
            with suppress(RuntimeError, ValueError):
                self._add(made, other(fed))
            return made

        return run_both

    def _add(self, made: Mapping[str, Any], others: Mapping[str, Any]) -> None:
        for name, step in self.steps.items():
            if made[name].shape == others[name].shape and made[name].size:
                difference = made[name].astype(np.float64) - others[name].astype(np.float64)
                distance = float(np.abs(difference).max()) / step
                self.apart[name] = max(self.apart.get(name, 0.0), distance)

    def describe(self) -> list[str]:
        """Return a sentence: "... differ by up to 25 steps of 'scores'"; none where they agree."""
        found = {name: round(distance) for name, distance in self.apart.items()}
        listed = ", ".join(
            f"{number} step{'s' * (number > 1)} of {name!r}"
            for name, number in found.items() if number
        )  # fmt: skip
        if not listed:
            return []
        sets = (
            "the interpreter's kernels with XNNPACK, which are the reference, and those without it"
        )
        return [f"{sets} differ by up to {listed}"]
