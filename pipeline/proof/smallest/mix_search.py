"""The search: tries mixes of forms until the smallest that passes is found.

How much each weight costs is known beforehand, so that all mixes worth a trial stand on one way
(`find_way`); halving finds its first mix that passes. Then the outputs that failed just before it
count more, those that passed count less, and the way is found anew. Last, single weights of the
best mix are made smaller. Which mixes are tried follows from their trials alone: the same model
gives the same mix, unless time runs out. This module runs no model.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pipeline.proof.smallest.mixes import (
    Array,
    Choices,
    Mix,
    count_bytes,
    find_way,
    uniform_mixes,
)
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

ROUNDS = 4
"""Ways that are searched, each with what the one before it showed of the outputs."""
REFINEMENTS = 24
"""Single weights that are tried in a smaller form at the end."""
_MORE, _LESS = 4.0, 0.5


Effort = Literal["quick", "way", "full"]
"""Uniform mixes, and where none passes one way; one way in any case; all ways and refinements."""


class OutOfTime(Exception):  # noqa: N818  # no error: what was found by then counts
    """The time of a search is over."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A mix that was run.

    Attributes:
        mix: The form of each weight.
        num_bytes: Bytes of its weights.
        failing: Positions of the outputs that do not pass.
        reason: Why the mix does not pass, or None.
        share: Its largest error as a share of the range or of the set, or None if unmeasured.
        strain: The same as a multiple of what is allowed; None where no number says so.
        what: Of what `share` is a share: "of the range".
    """

    mix: Mix
    num_bytes: int
    failing: Collection[int] = ()
    reason: str | None = None
    share: float | None = None
    strain: float | None = None
    what: str = "of the range"

    @property
    def passes(self) -> bool:
        """Whether it passes."""
        return self.reason is None


@dataclass(kw_only=True)
class Search:
    """Mixes of one model, and the trials so far.

    Attributes:
        choices: The forms of each weight.
        run: Runs a mix; raises OutOfTime.
        trials: What was run, in order.
        cut: Whether time ran out.
    """

    choices: Choices
    run: Callable[[Mix, int], Trial]
    trials: list[Trial] = field(default_factory=list)
    cut: bool = False
    _known: dict[tuple[Form, ...], Trial] = field(default_factory=dict)

    @property
    def base_bytes(self) -> int:
        """Bytes of the weights as they are in the base."""
        return count_bytes(self.choices, dict.fromkeys(self.choices, AS_IN_BASE))

    @property
    def passing(self) -> list[Trial]:
        """The mixes that pass and are smaller than the base, the smallest first."""
        good = [one for one in self.trials if one.passes and one.num_bytes < self.base_bytes]
        return sorted(good, key=lambda one: one.num_bytes)

    @property
    def best(self) -> Trial | None:
        """The smallest mix that passes; None if none does but the base itself."""
        return next(iter(self.passing), None)

    def find(self, effort: Effort = "full") -> Trial | None:
        """Return the smallest mix that passes; None if none does but the base itself."""
        try:
            for mix in uniform_mixes(self.choices):
                self.try_mix(mix)
            if effort == "full":
                self._refine(self._walk(ROUNDS))
            elif effort == "way" or self.best is None:
                self._walk(1)
        except OutOfTime:
            self.cut = True
        return self.best

    def try_mix(self, mix: Mix) -> Trial:
        """Run a mix, unless it was run before."""
        key = tuple(mix[weight] for weight in self.choices)
        if key not in self._known:
            self._known[key] = self.run(mix, count_bytes(self.choices, mix))
            self.trials.append(self._known[key])
        return self._known[key]

    def _walk(self, rounds: int) -> Array:
        """Search the ways; return how much each output counts in the end."""
        costs = next((one.costs for forms in self.choices.values() for one in forms), np.ones(1))
        emphasis = np.ones(costs.size)
        for _ in range(rounds if costs.size > 1 else 1):
            way = find_way(self.choices, emphasis)
            first = self._first_passing(len(way.steps), way.mix)
            if first == 0:
                break
            failing = self.try_mix(way.mix(first - 1)).failing
            changes = [_MORE if i in failing else _LESS for i in range(costs.size)]
            emphasis = emphasis * np.array(changes)
            emphasis /= emphasis.max()
        return emphasis

    def _first_passing(self, last: int, mix: Callable[[int], Mix]) -> int:
        """Return the number of a mix that passes, while the one before it does not."""
        low, high = -1, last
        while high - low > 1:
            middle = (low + high) // 2
            if self.try_mix(mix(middle)).passes:
                high = middle
            else:
                low = middle
        return high

    def _refine(self, emphasis: Array) -> None:
        """Make single weights of the best mix smaller, the best bargains first."""
        best = self.best
        if best is None:
            return
        mix = dict(best.mix)
        for weight, form in _smaller_forms(self.choices, mix, emphasis)[:REFINEMENTS]:
            trial = self.try_mix({**mix, weight: form})
            if trial.passes:
                mix[weight] = form


def _smaller_forms(
    choices: Choices, mix: Mapping[str, Form], emphasis: Array
) -> Sequence[tuple[str, Form]]:
    """Return weights with the next smaller form of each, the best bargain first."""
    bargains = []
    for weight, forms in choices.items():
        now = next(one for one in forms if one.form == mix[weight])
        smaller = [
            (float((one.costs - now.costs) @ emphasis) / (now.num_bytes - one.num_bytes), one)
            for one in forms
            if one.num_bytes < now.num_bytes
        ]
        if smaller:
            price, one = min(smaller, key=lambda each: (each[0], each[1].num_bytes))
            bargains.append((price, weight, one.form))
    return [(weight, form) for _, weight, form in sorted(bargains, key=lambda each: each[:2])]
