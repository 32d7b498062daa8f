"""Sequences and optional values whose numbers are known: they leave no trace in the graph."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.control_flow import stack, take
from pipeline.tf.layout.elementwise import common_order
from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.value import Value, arrange, constant, transpose, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.listed import Listed
from pipeline.tf.onnx.onnx_graph import Graph


def _list(call: Call, index: int = 0) -> tuple[Any, ...]:
    """Return the values of an input that is a sequence."""
    found = call.value(index)
    if not isinstance(found, Listed) or found.is_absent:
        raise call.refuse("its input is no sequence")
    return found.items


def _place(call: Call, index: int, count: int) -> int:
    """Return a place in a sequence, counted from the front."""
    place = int(call.require(index, "place in the sequence").item())
    if not -count <= place <= count:
        raise call.refuse(f"place {place} of a sequence of {count}")
    return place + count if place < 0 else place


def _construct(call: Call) -> Listed:
    return Listed(items=tuple(call.inputs))


def _empty(_: Call) -> Listed:
    return Listed()


def _at(call: Call) -> Any:
    items = _list(call)
    place = _place(call, 1, len(items))
    if place == len(items):
        raise call.refuse(f"place {place} of a sequence of {len(items)}")
    return items[place]


def _insert(call: Call) -> Listed:
    items = _list(call)
    place = _place(call, 2, len(items)) if call.has(2) else len(items)
    return Listed(items=(*items[:place], call.value(1), *items[place:]))


def _erase(call: Call) -> Listed:
    items = _list(call)
    place = _place(call, 1, len(items)) if call.has(1) else len(items) - 1
    return Listed(items=(*items[:place], *items[place + 1 :]))


def _length(call: Call) -> Any:
    return np.array(len(_list(call)), np.int64)


def _concat(call: Call) -> Value:
    """ConcatFromSequence: along an axis that the values have, or a new one."""
    values = _list(call)
    axis, is_new = int(call.attribute("axis")), bool(call.attribute("new_axis", 0))
    if not values:
        raise call.refuse("it joins no values")
    if is_new:
        whole = stack(values)
        place = call.from_front(axis, whole.rank)
        rest = list(range(1, whole.rank))
        return transpose(whole, [*rest[:place], 0, *rest[place:]])
    axis, order = call.from_front(axis, values[0].rank), common_order(values)
    held = tf.concat([arrange(value, order).tensor for value in values], order.index(axis))
    total: Size = 0
    for value in values:
        total = value.sizes[axis] + total
    sizes = [*values[0].sizes[:axis], total, *values[0].sizes[axis + 1 :]]
    return wrap(held, values[0].dtype, order=order, sizes=sizes)


def _split(call: Call) -> Listed:
    """SplitToSequence: parts of one size, of stated sizes, or single places."""
    value, axis = call.value(0), call.axis(0)
    size = value.sizes[axis]
    if not is_known(size):
        raise call.refuse("it splits an axis of a size that is not known")
    if not call.has(1) and not call.attribute("keepdims", 1):
        return Listed(
            items=tuple(take(value, constant(np.asarray(i)), axis) for i in range(int(size)))
        )
    parts = call.require(1, "sizes of its parts") if call.has(1) else np.array(1)
    if parts.ndim == 0:
        step, whole = int(parts), int(size)
        parts = np.array([min(step, whole - first) for first in range(0, whole, step)])
    made = tf.split(value.tensor, [int(n) for n in parts], axis=value.order.index(axis))
    return Listed(items=tuple(wrap(part, value.dtype, order=value.order) for part in made))


def _map(call: Call) -> list[Any]:
    """SequenceMap: run a graph for each value of a sequence."""
    graph: Graph = call.attribute("body")
    names = [end.name for end in graph.inputs]
    rows = []
    for number in range(len(_list(call))):
        given: list[Any] = [v.items[number] if isinstance(v, Listed) else v for v in call.inputs]
        scope: dict[str, Any] = {**call.scope, **dict(zip(names, given, strict=True))}
        rows.append(call.state.build(graph, scope))
    if not rows:
        return [Listed() for _ in graph.outputs]
    return [Listed(items=column) for column in zip(*rows, strict=True)]


def _optional(call: Call) -> Any:
    return call.value(0) if call.has(0) else Listed(is_absent=True)


def _has_element(call: Call) -> Any:
    found = call.value(0) if call.has(0) else None
    is_absent = found is None or (isinstance(found, Listed) and found.is_absent)
    return np.array(not is_absent)


def _get_element(call: Call) -> Any:
    found = call.value(0)
    if isinstance(found, Listed) and found.is_absent:
        raise call.refuse("its optional value is not there")
    return found


RULES: Table = {
    "SequenceConstruct": _construct,
    "SequenceEmpty": _empty,
    "SequenceAt": _at,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceLength": _length,
    "SequenceMap": _map,
    "ConcatFromSequence": _concat,
    "SplitToSequence": _split,
    "Optional": _optional,
    "OptionalHasElement": _has_element,
    "OptionalGetElement": _get_element,
}
