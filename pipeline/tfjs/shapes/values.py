"""Values: arithmetic on the few integers that sizes and axes are computed from.

In a graph a size is often an arithmetic result: Shape, StridedSlice, Mul, Pack, Reshape.
Only whole numbers are followed, and only while they are few. If a rule needs a value that is not
known, it raises NotKnownError. It opens no file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.disk.json_value import MAX_WHOLE
from pipeline.tfjs.shapes.facts import MAX_VALUES, Call, Fact, NotKnownError, Values, combine
from pipeline.tfjs.shapes.layout_rules import count_range, fill_rest
from pipeline.tfjs.shapes.strided_slice import slice_values

# A rule returns the contents of the first output, or a list with those of each output.
ValueRule = Callable[[Call], Values | list[Values]]

_INTEGERS = ("DT_INT32", "DT_INT64", 3, 9)

# Ops that keep the values and their order, in whatever shape.
_PASSING = ("ExpandDims", "Identity", "PreventGradient", "Reshape", "Snapshot", "Squeeze")


def _require_integers(call: Call, name: str) -> None:
    wire = call.node.attrs.get(name)
    if not isinstance(wire, dict) or wire.get("type") not in _INTEGERS:
        raise NotKnownError


def _binary(function: Callable[[int, int], int | None]) -> ValueRule:
    """Return the rule of an elementwise op on scalars and vectors."""

    def rule(call: Call) -> Values:
        _require_integers(call, "T")
        a, b = call.values(0), call.values(1)
        if max(call.fact(0).ndim or 0, call.fact(1).ndim or 0) > 1:
            raise NotKnownError
        length = max(len(a), len(b))
        if not {len(a), len(b)} <= {1, length}:
            raise NotKnownError
        pairs = zip(*(side * (length // max(1, len(side))) for side in (a, b)), strict=True)
        return tuple(combine(function, *pair) for pair in pairs)

    return rule


def _reduction(function: Callable[[Sequence[int]], int]) -> ValueRule:
    """Return the rule of a reduction of a vector; a scalar and an empty list of axes pass."""

    def rule(call: Call) -> Values:
        fact, axes = call.fact(0), call.numbers(1)
        values = call.values(0)
        if fact.ndim not in (0, 1):
            raise NotKnownError
        if not axes or fact.ndim == 0:
            return values
        known = [value for value in values if value is not None]
        return (function(known) if known and len(known) == len(values) else None,)

    return rule


def _join(ndim: int, *, without_last: bool) -> ValueRule:
    """Return the rule of ops that put scalars or vectors end to end."""

    def rule(call: Call) -> Values:
        joined: list[int | None] = []
        for fact in call.inputs[:-1] if without_last else call.inputs:
            if fact.ndim != ndim or fact.size is None or fact.size > MAX_VALUES:
                raise NotKnownError
            joined += (None,) * fact.size if fact.values is None else fact.values
        return tuple(joined)

    return rule


def _cast(call: Call) -> Values:
    _require_integers(call, "DstT")
    return call.values(0)


def _gather(call: Call) -> Values:
    values, indices = call.values(0), call.numbers(1)
    axis = 0 if call.node.op == "Gather" else call.fact(2).scalar
    within = all(0 <= index < len(values) for index in indices)
    if call.fact(0).ndim != 1 or axis != 0 or not within:
        raise NotKnownError
    return tuple(values[index] for index in indices)


def _count_up(call: Call) -> Values:
    start, delta, count = count_range(call)
    if count > MAX_VALUES:
        raise NotKnownError
    return tuple(start + i * delta for i in range(count))


def _fill(call: Call) -> Values:
    count = math.prod(call.numbers(0))
    if not 0 <= count <= MAX_VALUES:
        raise NotKnownError
    return (call.fact(1).scalar,) * count


_RULES: dict[str, ValueRule] = {
    **dict.fromkeys(_PASSING, lambda call: call.values(0)),
    "Shape": lambda call: call.sizes(0),
    "ShapeN": lambda call: [call.sizes(i) for i in range(len(call.inputs))],
    "Size": lambda call: (call.fact(0).size,),
    "Rank": lambda call: (call.fact(0).ndim,),
    "Cast": _cast,
    **dict.fromkeys(("Add", "AddV2"), _binary(lambda a, b: a + b)),
    "FloorDiv": _binary(lambda a, b: a // b if b else None),
    "FloorMod": _binary(lambda a, b: a % b if b else None),
    "Maximum": _binary(max),
    "Minimum": _binary(min),
    "Mul": _binary(lambda a, b: a * b),
    "Sub": _binary(lambda a, b: a - b),
    "Max": _reduction(max),
    "Min": _reduction(min),
    "Prod": _reduction(math.prod),
    "Sum": _reduction(sum),
    "Pack": _join(0, without_last=False),
    "ConcatV2": _join(1, without_last=True),
    **dict.fromkeys(("Gather", "GatherV2"), _gather),
    "Range": _count_up,
    "Fill": _fill,
    "StridedSlice": slice_values,
    "Unpack": lambda call: [(value,) for value in _vector(call)],
}


def _vector(call: Call) -> Values:
    values = call.values(0)
    if call.fact(0).ndim != 1 or len(values) != call.integer("num"):
        raise NotKnownError
    return values


def settle_values(call: Call, outputs: Sequence[Fact]) -> list[Fact]:
    """Return the outputs of a node with their values, whose number may tell a shape."""
    rule = _RULES.get(call.node.op)
    try:
        made = rule(call) if rule else []
    except NotKnownError:
        made = []
    values = made if isinstance(made, list) else [made]
    known = [_settle(fact, value) for fact, value in zip(outputs, values, strict=False)]
    return [*known, *outputs[len(known) :]]


def _settle(fact: Fact, values: Values) -> Fact:
    if fact.values is not None or len(values) > MAX_VALUES:
        return fact
    # A graph that multiplies in a circle of its own would make numbers without end.
    values = tuple(None if value is None or abs(value) > MAX_WHOLE else value for value in values)
    if fact.shape is None:
        return replace(fact, values=values)
    return replace(fact, shape=fill_rest(fact.shape, len(values)), values=values)
