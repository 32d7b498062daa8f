"""Mixes: a form for each weight, and the way from the smallest mix to the base.

Each form of a weight takes some bytes and costs some error of each output. Errors of weights that
are rounded apart from one another add up as squares do, so that the mix with the least bytes for an
error is found weight by weight: the form with the least bytes + factor * error, for one factor for
all weights (Lagrange; in rate-distortion theory: Shoham and Gersho, Efficient Bit Allocation for
an Arbitrary Set of Quantizers, 1988). From a factor of 0 to infinity these mixes make a way from
the smallest to the base, a step of one weight at a time. This module opens no file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy.typing as npt

from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

Array = npt.NDArray[Any]
Mix = Mapping[str, Form]
"""The form of each weight."""

_HALF = Form(dtype="float16")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A form that a weight may take.

    Attributes:
        form: The form.
        num_bytes: Its bytes, in shards and in model.json.
        costs: float64 (num_outputs,): mean square error of each output if this weight alone has the
            form, as a fraction of the square of the output's range.
    """

    form: Form
    num_bytes: int
    costs: Array


Choices = Mapping[str, Sequence[Choice]]
"""The forms that each weight may take; one of them is that of the base."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way from the smallest mix to that of the base.

    Attributes:
        start: The smallest mix.
        steps: Weights and their next larger forms, in order.
    """

    start: Mix
    steps: Sequence[tuple[str, Form]]

    def mix(self, number: int) -> dict[str, Form]:
        """Return the mix after some of the steps."""
        return {**self.start, **dict(self.steps[:number])}


def find_way(choices: Choices, emphasis: Array) -> Way:
    """Return the way of mixes from the smallest to the base.

    Args:
        choices: The forms of each weight.
        emphasis: float64 (num_outputs,): how much the error of each output counts.
    """
    start: dict[str, Form] = {}
    steps: list[tuple[float, str, int, Form]] = []
    for weight in sorted(choices):
        hull = _lower_hull(choices[weight], emphasis)
        start[weight] = hull[0].form
        for place, (one, other) in enumerate(pairwise(hull)):
            saved = float((one.costs - other.costs) @ emphasis)
            steps.append((saved / (other.num_bytes - one.num_bytes), weight, place, other.form))
    # The steps of one weight are in order: each saves less error a byte than the one before.
    steps.sort(key=lambda step: (-step[0], step[1], step[2]))
    return Way(start=start, steps=[(weight, form) for _, weight, _, form in steps])


def uniform_mixes(choices: Choices) -> Iterator[dict[str, Form]]:
    """Yield mixes that treat all weights alike, but for the base's: one for each kind of form."""
    kinds = {_kind(one.form) for forms in choices.values() for one in forms}
    for kind in sorted(kinds - {_kind(AS_IN_BASE)}):
        yield {weight: _form_of_kind(forms, kind) for weight, forms in choices.items()}


def count_bytes(choices: Choices, mix: Mix) -> int:
    """Return the bytes of the weights in a mix."""
    return sum(
        next(one.num_bytes for one in forms if one.form == mix[weight])
        for weight, forms in choices.items()
    )


def _lower_hull(choices: Sequence[Choice], emphasis: Array) -> list[Choice]:
    """Return the forms that are best for some factor, the smallest first, the base's last.

    That of the base alone costs nothing.
    """
    hull: list[Choice] = []

    def cost(one: Choice) -> float:
        return float(one.costs @ emphasis)

    for one in sorted(choices, key=lambda each: (each.num_bytes, cost(each), str(each.form))):
        if hull and (cost(one) >= cost(hull[-1]) or one.num_bytes == hull[-1].num_bytes):
            continue
        while len(hull) > 1 and _is_above(hull[-2], hull[-1], one, cost):
            hull.pop()
        hull.append(one)
    return hull


def _is_above(left: Choice, middle: Choice, right: Choice, cost: Callable[[Choice], float]) -> bool:
    """Return whether a form lies on or above the line between two others."""
    gain = (cost(left) - cost(middle)) * (right.num_bytes - middle.num_bytes)
    return bool(gain <= (cost(middle) - cost(right)) * (middle.num_bytes - left.num_bytes))


def _kind(form: Form) -> str:
    return str(form if form.block is None else replace(form, block=1))


def _form_of_kind(choices: Sequence[Choice], kind: str) -> Form:
    """Return a weight's form of some kind, else float16, else that of the base."""
    forms = {_kind(one.form): one.form for one in choices}
    return forms.get(kind) or forms.get(str(_HALF)) or AS_IN_BASE
