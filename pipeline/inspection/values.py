"""Values: arithmetic on the few integers that sizes and axes are computed from.

In a graph a size is often an arithmetic result: Shape, StridedSlice, Mul, Pack, Reshape.
Only whole numbers are followed, and only as long as they are few. It opens no file.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.inspection.facts import MAX_VALUES, Call, Fact, Values
from pipeline.inspection.shapes_of_layout import fill_rest

_INTEGERS = ("DT_INT32", "DT_INT64", 3, 9)

_BINARY: dict[str, Callable[[int, int], int | None]] = {
    "Add": lambda a, b: a + b,
    "AddV2": lambda a, b: a + b,
    "FloorDiv": lambda a, b: a // b if b else None,
    "FloorMod": lambda a, b: a % b if b else None,
    "Maximum": max,
    "Minimum": min,
    "Mul": lambda a, b: a * b,
    "Sub": lambda a, b: a - b,
}
_REDUCTIONS: dict[str, Callable[[Sequence[int]], int]] = {
    "Max": max,
    "Min": min,
    "Prod": math.prod,
    "Sum": sum,
}
# The same values in the same order, in whatever shape.
_PASSING = ("ExpandDims", "Identity", "PreventGradient", "Reshape", "Snapshot", "Squeeze")


def follow_values(call: Call) -> Values | None:
    """Return what a node's first output holds, None where that is not known."""
    op = call.node.op
    values: Values | None = None
    if op in _PASSING:
        values = call.fact(0).values
    elif op == "Cast":
        values = call.fact(0).values if _is_integer(call, "DstT") else None
    elif op in _BINARY:
        values = _combine(_BINARY[op], call) if _is_integer(call, "T") else None
    elif op in _REDUCTIONS:
        values = _reduce(_REDUCTIONS[op], call)
    elif op == "Pack":
        values = _join(call.inputs) if all(f.ndim == 0 for f in call.inputs) else None
    elif op == "ConcatV2":
        values = _join(call.inputs[:-1]) if all(f.ndim == 1 for f in call.inputs[:-1]) else None
    elif op in ("Gather", "GatherV2"):
        values = _gather(call)
    elif op == "Range":
        values = _count_up(call)
    elif op == "Fill":
        values = _fill(call)
    return values if values is not None and len(values) <= MAX_VALUES else None


def _is_integer(call: Call, name: str) -> bool:
    wire: Any = call.node.attrs.get(name)
    return isinstance(wire, dict) and wire.get("type") in _INTEGERS


def _combine(combine: Callable[[int, int], int | None], call: Call) -> Values | None:
    a, b = call.fact(0), call.fact(1)
    if a.values is None or b.values is None or max(a.ndim or 0, b.ndim or 0) > 1:
        return None
    length = max(len(a.values), len(b.values))
    if not {len(a.values), len(b.values)} <= {1, length}:
        return None
    pairs = zip(
        itertools.islice(itertools.cycle(a.values), length),
        itertools.islice(itertools.cycle(b.values), length),
        strict=True,
    )
    return tuple(None if x is None or y is None else combine(x, y) for x, y in pairs)


def _reduce(reduce: Callable[[Sequence[int]], int], call: Call) -> Values | None:
    fact, axes = call.fact(0), call.fact(1).known_values
    if fact.values is None or axes is None or fact.ndim not in (0, 1):
        return None
    if not axes or fact.ndim == 0:
        return fact.values
    known = fact.known_values
    return (reduce(known) if known else None,)


def _join(facts: Sequence[Fact]) -> Values | None:
    """Return the values end to end; of a vector of unknown values at least how many."""
    joined: list[int | None] = []
    for fact in facts:
        if fact.values is not None:
            joined += fact.values
        elif fact.size is not None and fact.size <= MAX_VALUES:
            joined += [None] * fact.size
        else:
            return None
    return tuple(joined)


def _gather(call: Call) -> Values | None:
    fact, indices = call.fact(0), call.fact(1).known_values
    axis = 0 if call.node.op == "Gather" else call.fact(2).scalar
    if fact.values is None or fact.ndim != 1 or indices is None or axis != 0:
        return None
    if not all(0 <= index < len(fact.values) for index in indices):
        return None
    return tuple(fact.values[index] for index in indices)


def _count_up(call: Call) -> Values | None:
    start, limit, delta = (call.fact(i).scalar for i in range(3))
    if start is None or limit is None or not delta:
        return None
    counted = range(start, limit, delta)
    return tuple(counted) if len(counted) <= MAX_VALUES else None


def _fill(call: Call) -> Values | None:
    sizes, value = call.fact(0).known_values, call.fact(1).scalar
    count = None if sizes is None else math.prod(sizes)
    return (value,) * count if count is not None and count <= MAX_VALUES else None


def settle_values(fact: Fact, values: Values | None) -> Fact:
    """Return a fact with values, whose number may tell its shape."""
    if values is None:
        return fact
    shape = fact.shape
    if shape is None or None in shape:
        shape = fill_rest(shape, len(values)) if shape is not None else None
    return Fact(shape=shape, values=values, held=fact.held)
