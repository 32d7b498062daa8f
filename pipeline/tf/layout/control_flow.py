"""Branches and loops over values whose orders of axes and open sizes are tracked.

Sizes that are made inside of a branch or body mean nothing outside of it, where they become sizes
of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.sizes import Size, is_visible, materialize
from pipeline.tf.layout.value import Order, Value, arrange, constant, held_dtype, sizes_tensor, wrap

Branch = Callable[[], Sequence[Value]]


def choose(condition: Any, then: Branch, otherwise: Branch) -> list[Value]:
    """Return the values of one of two branches.

    Args:
        condition: bool, a scalar.
        then: Builds the branch that runs where the condition holds.
        otherwise: Builds the other branch, with as many values.

    Raises:
        ConversionError: The branches differ in their dtypes or numbers of axes.
    """
    built: list[Sequence[Value]] = []

    def build(branch: Branch) -> Callable[[], list[Any]]:
        def run() -> list[Any]:
            values = branch()
            if built:
                values = [_match(*pair) for pair in zip(built[0], values, strict=True)]
            built.append(values)
            return [value.tensor for value in values]

        return run

    tensors = tf.cond(condition, build(then), build(otherwise))
    first, second = built
    return [_merge(*each) for each in zip(tensors, first, second, strict=True)]


def _match(first: Value, second: Value) -> Value:
    """Return the value of a branch with its axes held as in the other branch."""
    if first.rank != second.rank:
        raise ConversionError(
            f"its branches return {first.rank} and {second.rank} axes, and the condition is known "
            "only when the model runs",
            hint="fix what the condition depends on, a size or a value of an input: "
            "`inputs: {NAME: {shape: [1, 512]}}` or `inputs: {NAME: {constant: 16000}}`",
        )
    if held_dtype(first.dtype) != held_dtype(second.dtype):
        raise ConversionError(f"its branches return {first.dtype} and {second.dtype}")
    return arrange(second, first.order)


def _merge(tensor: Any, first: Value, second: Value) -> Value:
    """Return an output of both branches; one that is the same in both stays known."""
    is_same = first.is_array and second.is_array and np.array_equal(first.held, second.held)
    if is_same and all(is_visible(size) for size in first.held.flat):
        return first
    sizes = [
        size if size == other and is_visible(size) else None
        for size, other in zip(first.sizes, second.sizes, strict=True)
    ]
    return wrap(tensor, first.dtype, order=first.order, sizes=sizes)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a turn of a loop makes.

    Attributes:
        goes_on: Whether another turn follows: bool, one element; None for always.
        states: What the next turn is given.
        items: What is collected over all turns.
    """

    goes_on: Value | None
    states: Sequence[Any]
    items: Sequence[Value]


Body = Callable[[Value, Sequence[Any]], Turn]
"""Builds a turn from its number, int64 from 0, and the states before it."""


def unroll(body: Body, count: int, states: Sequence[Any]) -> tuple[Sequence[Any], list[Any]] | None:
    """Write out all turns of a loop, one behind the other.

    Args:
        body: Builds a turn.
        count: The largest number of turns.
        states: The states before the first turn: values, or anything else.

    Returns:
        The states after the last turn, and the items of each turn; None where a turn decides only
        when the model runs whether another follows.
    """
    rows: list[Any] = []
    for number in range(count):
        turn = body(constant(np.asarray(number, np.int64)), states)
        if turn.goes_on is not None and not turn.goes_on.is_known:
            return None
        states = turn.states
        rows.append(turn.items)
        if turn.goes_on is not None and not turn.goes_on.array.item():
            break
    return states, rows


def stack(items: Sequence[Value]) -> Value:
    """Return values of one shape along a new first axis."""
    first = items[0]
    held = tf.stack([arrange(item, first.order).tensor for item in items])
    return wrap(
        held, first.dtype, order=_behind_first(first.order), sizes=(len(items), *first.sizes)
    )


def loop(
    body: Body, count: Size | Value | None, goes_on: Value | None, states: Sequence[Value]
) -> tuple[list[Value], list[Value]]:
    """Run a loop whose number of turns is known only when the model runs.

    TensorFlow.js 4.22 throws where a loop that collects items has no turn: its `TensorList.stack`
    stacks nothing.

    Args:
        body: Builds a turn.
        count: The largest number of turns: a size, or a value of one element; None for no limit.
        goes_on: Whether there is a first turn: bool, one element; None for yes.
        states: The states before the first turn.

    Returns:
        The states after the last turn, and the items of all turns along a new first axis.

    Raises:
        ConversionError: A state changes its number of axes, or the loop has no end.
    """
    sizes, turn = _settle(body, states)
    if count is None and turn.goes_on is None:
        raise ConversionError("the loop has no end")
    starts = [arrange(state, state.order).tensor for state in states]
    lists = [_new_list(item) for item in turn.items]
    limit = _limit(count)
    flag = tf.constant(True) if goes_on is None else tf.reshape(goes_on.tensor, [])
    flags = [] if goes_on is None and turn.goes_on is None else [flag]

    def runs(number: Any, *rest: Any) -> Any:
        conditions = [*([] if limit is None else [number < limit]), *rest[: len(flags)]]
        return conditions[0] if len(conditions) == 1 else tf.logical_and(*conditions)

    def run(number: Any, *rest: Any) -> Any:
        own = rest[len(flags) :]
        made = body(wrap(number, "int64"), _enter(states, sizes, own))
        following = _leave(states, sizes, made.states)
        kept = [
            _push(each, arrange(item, old.order), _shape_of(old))
            for each, item, old in zip(own[len(states) :], made.items, turn.items, strict=True)
        ]
        flag = [] if made.goes_on is None else [tf.reshape(made.goes_on.tensor, [])]
        return (number + 1, *(flag or rest)[: len(flags)], *following, *kept)

    start = (tf.constant(0), *flags, *starts, *lists)
    shapes = (
        *(each.shape for each in start[: 1 + len(flags)]),
        *(tf.TensorShape(_held_shape(s.order, own)) for s, own in zip(states, sizes, strict=True)),
        *(each.shape for each in lists),
    )
    made = tf.while_loop(runs, run, start, shape_invariants=shapes)[1 + len(flags) :]
    after, collected = made[: len(states)], made[len(states) :]
    total = None if flags or isinstance(count, Value) else count
    return (
        _enter(states, sizes, after),
        [_read_list(each, item, total) for each, item in zip(collected, turn.items, strict=True)],
    )


def _limit(count: Size | Value | None) -> Any:
    """Return the largest number of turns as a number, or as a scalar of int32 in the graph."""
    if isinstance(count, Value):
        return tf.reshape(count.tensor, [])
    return None if count is None else materialize(count)


_Sizes = Sequence[list[Size | None]]
"""For each state the sizes of its axes; None for a size that changes from turn to turn."""


def _settle(body: Body, states: Sequence[Value]) -> tuple[_Sizes, Turn]:
    """Find which sizes of states change from turn to turn, by building turns that nobody runs."""
    sizes: list[list[Size | None]] = [list(state.sizes) for state in states]
    while True:
        turn = _try(body, states, sizes)
        before = [list(own) for own in sizes]
        for own, state, made in zip(sizes, states, turn.states, strict=True):
            if made.rank != state.rank:
                raise ConversionError(
                    f"a value of the loop has {state.rank} axes, then {made.rank}"
                )
            own[:] = [
                size if size == new else None for size, new in zip(own, made.sizes, strict=True)
            ]
        if sizes == before:
            return sizes, turn


def _try(body: Body, states: Sequence[Value], sizes: _Sizes) -> Turn:
    found: list[Turn] = []

    def run(number: Any, *own: Any) -> Any:
        found.append(body(wrap(number, "int64"), _enter(states, sizes, own)))
        return number

    specs = [tf.TensorSpec([], tf.int32)] + [
        tf.TensorSpec(_held_shape(state.order, own), held_dtype(state.dtype))
        for state, own in zip(states, sizes, strict=True)
    ]
    tf.function(run, input_signature=specs, autograph=False).get_concrete_function()
    return found[-1]


def _held_shape(order: Order, sizes: Sequence[Size | None]) -> list[int | None]:
    """Return the static shape of a tensor as its axes are held."""
    ordered = [sizes[axis] for axis in order]
    return [size if isinstance(size, int) else None for size in ordered]


def _enter(states: Sequence[Value], sizes: _Sizes, tensors: Sequence[Any]) -> list[Value]:
    """Return tensors as the states that they are."""
    return [
        wrap(tensor, state.dtype, order=state.order, sizes=own)
        for state, own, tensor in zip(states, sizes, tensors[: len(states)], strict=True)
    ]


def _leave(states: Sequence[Value], sizes: _Sizes, made: Sequence[Value]) -> list[Any]:
    """Return the tensors of the states that a turn makes, as the next turn takes them."""
    tensors = []
    for state, own, value in zip(states, sizes, made, strict=True):
        tensor = arrange(value, state.order).tensor
        tensors.append(tf.ensure_shape(tensor, _held_shape(state.order, own)))
    return tensors


def _shape_of(item: Value) -> list[int]:
    """Return the static shape of a value as it is held; -1 for an open size."""
    return [-1 if size is None else size for size in _held_shape(item.order, item.sizes)]


def _new_list(item: Value) -> Any:
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant(_shape_of(item), tf.int32),
        max_num_elements=-1,
        element_dtype=held_dtype(item.dtype),
    )


def _push(handle: Any, item: Value, shape: Sequence[int]) -> Any:
    tensor = tf.ensure_shape(item.tensor, [None if size < 0 else size for size in shape])
    return tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=tensor)


def _read_list(handle: Any, item: Value, count: Size | None) -> Value:
    own = [size if is_visible(size) else None for size in item.sizes]
    # A list without items has a shape of its own only where it is given one.
    shape = [-1 if own[axis] is None else own[axis] for axis in item.order]
    held = tf.raw_ops.TensorListStack(
        input_handle=handle,
        element_shape=tf.convert_to_tensor(sizes_tensor(shape), tf.int32),  # type: ignore[arg-type]
        element_dtype=held_dtype(item.dtype),
    )
    return wrap(held, item.dtype, order=_behind_first(item.order), sizes=[count, *own])


def _behind_first(order: Order) -> Order:
    return (0, *(axis + 1 for axis in order))


def take(value: Value, place: Value, axis: int) -> Value:
    """Return one place of an axis, which goes away.

    Args:
        value: The value.
        place: The place, from 0: a scalar.
        axis: The axis.
    """
    held_axis = value.order.index(axis)
    if place.is_known:
        cut: list[Any] = [slice(None)] * value.rank
        cut[held_axis] = int(place.array)
        held = value.held[tuple(cut)]
    else:
        held = tf.gather(value.tensor, place.tensor, axis=held_axis)
    return Value(
        held=np.asarray(held) if value.is_array and place.is_known else held,
        dtype=value.dtype,
        order=tuple(each - (each > axis) for each in value.order if each != axis),
        sizes=(*value.sizes[:axis], *value.sizes[axis + 1 :]),
    )
