"""Branches and loops: If, Loop, Scan.

A branch whose condition is known is built alone. A short loop is written out turn by turn; the
others run as loops of TensorFlow.js.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.control_flow import Body, Turn, choose, loop, stack, take, unroll
from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.value import Value, constant, transpose, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.listed import Listed
from pipeline.tf.onnx.onnx_graph import Graph

# A loop is written out while its turns have no more operators than this in all.
_MAX_UNROLLED = 1000
# One that carries sequences has to be written out.
_MAX_TURNS = 4096


def _if(call: Call) -> list[Any]:
    branches = [call.attribute("else_branch"), call.attribute("then_branch")]
    condition = call.value(0)
    if condition.is_known:
        return call.state.build(branches[bool(condition.array.item())], call.scope)

    def build(branch: Graph) -> list[Value]:
        made = call.state.build(branch, call.scope)
        if any(isinstance(value, Listed) for value in made):
            raise call.refuse("its condition is computed and its branches return sequences")
        return made

    return choose(
        tf.reshape(condition.tensor, []), lambda: build(branches[1]), lambda: build(branches[0])
    )


def _loop(call: Call) -> list[Any]:
    graph: Graph = call.attribute("body")
    states = [call.inputs[index] for index in range(2, len(call.inputs))]
    if len(graph.inputs) != len(states) + 2:
        raise FormatError(f"{call.node.label}: its body has {len(graph.inputs)} inputs")
    names = [end.name for end in graph.inputs]

    def body(number: Value, own: Sequence[Any]) -> Turn:
        going = constant(np.array(True))
        scope = {**call.scope, **dict(zip(names, [number, going, *own], strict=True))}
        made = call.state.build(graph, scope)
        goes_on = made[0]
        always = goes_on.is_known and bool(goes_on.array.item())
        return Turn(
            goes_on=None if always else goes_on,
            states=made[1 : 1 + len(own)],
            items=made[1 + len(own) :],
        )

    count, goes_on = _read_count(call), call.inputs[1] if call.has(1) else None
    if goes_on is not None and goes_on.is_known:
        count, goes_on = count if goes_on.array.item() else 0, None
    after, items = _run(call, graph, body, (count, goes_on, states))
    return [*after, *items]


def _read_count(call: Call) -> Size | Value | None:
    """Return the largest number of turns; None for no limit."""
    if not call.has(0):
        return None
    count = call.value(0)
    if not count.is_array:
        return count
    size = count.held.reshape(-1)[0]
    if is_known(size):
        return None if size >= 2**31 - 1 else max(int(size), 0)
    return size  # type: ignore[no-any-return]  # an open size


def _run(
    call: Call, graph: Graph, body: Body, start: tuple[Any, Value | None, Sequence[Any]]
) -> tuple[Sequence[Any], list[Value]]:
    """Run a loop: written out where it is short, else as a loop."""
    count, goes_on, states = start
    has_lists = any(isinstance(state, Listed) for state in states)
    if isinstance(count, int) and goes_on is None and (count or has_lists):
        size = count * sum(1 for _ in graph.walk())
        if size <= _MAX_UNROLLED or (has_lists and count <= _MAX_TURNS):
            made = unroll(body, count, states)
            if made is not None:
                return made[0], [stack(column) for column in zip(*made[1], strict=True)]
    if has_lists:
        raise call.refuse("it carries sequences, and its number of turns is not known")
    return loop(body, count, goes_on, states)


def _scan(call: Call) -> list[Any]:
    if call.version < 9:  # noqa: PLR2004
        return _scan_batch(call)
    values = [call.value(index) for index in range(len(call.inputs))]
    return _scan_values(call, values, call.attribute("scan_input_directions"))


def _scan_batch(call: Call) -> list[Any]:
    """Scan before version 9: the first axis is that of the batch, whose parts run apart."""
    if call.has(0):
        raise call.refuse("its sequences have lengths of their own")
    values = [call.value(index) for index in range(1, len(call.inputs))]
    batch = values[0].sizes[0]
    if not is_known(batch):
        raise call.refuse("the size of its batch is not known")
    rows = []
    for number in range(int(batch)):
        place = constant(np.asarray(number))
        parts = [take(value, place, 0) for value in values]
        rows.append(_scan_values(call, parts, call.attribute("directions")))
    return [stack(column) for column in zip(*rows, strict=True)]


def _scan_values(call: Call, values: Sequence[Value], directions: Any) -> list[Any]:
    graph: Graph = call.attribute("body")
    num_scanned = int(call.attribute("num_scan_inputs"))
    states, scanned = values[:-num_scanned], values[-num_scanned:]
    axes = [
        call.from_front(int(axis), value.rank)
        for axis, value in zip(_list(call, "scan_input_axes", num_scanned), scanned, strict=True)
    ]
    count = scanned[0].sizes[axes[0]]
    backwards = directions or [0] * num_scanned
    names = [end.name for end in graph.inputs]

    def body(number: Value, own: Sequence[Any]) -> Turn:
        parts = [
            take(value, _count_back(number, count) if back else number, axis)
            for value, axis, back in zip(scanned, axes, backwards, strict=True)
        ]
        scope = {**call.scope, **dict(zip(names, [*own, *parts], strict=True))}
        made = call.state.build(graph, scope)
        return Turn(goes_on=None, states=made[: len(own)], items=made[len(own) :])

    after, items = _run(call, graph, body, (count, None, states))
    return [*after, *_place(call, items)]


def _list(call: Call, name: str, count: int) -> Sequence[int]:
    """Return an attribute of numbers; zeros where the node does not state it."""
    return call.attribute(name) or [0] * count


def _count_back(number: Value, count: Size) -> Value:
    """Return a place counted from the end."""
    if number.is_known and is_known(count):
        return constant(np.asarray(count - 1 - number.array))
    last = constant(np.array(count, object), "int64").tensor - 1
    return wrap(last - number.tensor, "int64")


def _place(call: Call, items: Sequence[Value]) -> list[Value]:
    """Return the outputs of all turns with the axis of the turns where it belongs."""
    axes = _list(call, "scan_output_axes", len(items))
    directions = _list(call, "scan_output_directions", len(items))
    made = []
    for item, axis, back in zip(items, axes, directions, strict=True):
        value = item
        if back:
            held = tf.reverse(value.tensor, [value.order.index(0)])
            value = wrap(held, value.dtype, order=value.order, sizes=value.sizes)
        place = call.from_front(int(axis), value.rank)
        rest = list(range(1, value.rank))
        made.append(transpose(value, [*rest[:place], 0, *rest[place:]]))
    return made


RULES: Table = {"If": _if, "Loop": _loop, "Scan": _scan}
