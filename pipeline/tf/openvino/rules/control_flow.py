"""Branches and loops: If, Loop and TensorIterator, as ONNX's If and Loop."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.tf.onnx.onnx_graph import End, Graph
from pipeline.tf.openvino.layer import Body, Layer, Nodes, Table
from pipeline.tf.openvino.rules.parts import vector


def _if(layer: Layer) -> list[str]:
    branches = {}
    for name, body in zip(("then_branch", "else_branch"), layer.bodies, strict=True):
        places = {each["output_index"]: each["body_value_index"] for each in body.taken}
        outputs = tuple(body.graph.outputs[places[n]] for n in range(len(layer.outputs)))
        branches[name] = replace(body.graph, outputs=outputs)
    return layer.emit_many("If", layer.names[:1], len(layer.outputs), **branches)


def _loop(layer: Layer) -> list[str]:
    """Loop: inputs are the largest number of turns (-1 for none), a condition, and the rest."""
    (body,) = layer.bodies
    count = layer.known(0)
    is_open = count is not None and int(count.reshape(-1)[0]) < 0
    turns = "" if is_open else _scalar(layer, 0)
    return _emit_loop(layer, body, turns, layer.names[1])


def _iterate(layer: Layer) -> list[str]:
    """TensorIterator: as many turns as the slices that it is given have parts."""
    (body,) = layer.bodies
    sliced = next((each for each in body.given if _is(each, "Slice")), None)
    if sliced is None:
        raise layer.refuse("no input says how many turns it has")
    name = layer.names[sliced["input_index"]]
    size = layer.size(name, layer.axis(sliced["axis"], layer.rank(sliced["input_index"])))
    part = int(sliced["part_size"])
    turns = layer.squeeze(size, [0])
    if part != 1:
        turns = layer.emit("Div", [turns, layer.constant(part, "int64")])
    return _emit_loop(layer, body, turns, "")


def _is(description: Mapping[str, Any], kind: str) -> bool:
    return str(description["kind"]).startswith(kind)


def _scalar(layer: Layer, index: int) -> str:
    return layer.squeeze(vector(layer, index), [0])


def _emit_loop(layer: Layer, body: Body, turns: str, goes_on: str) -> list[str]:
    """Write a loop: states first, then what is collected over all turns."""
    merged = [each for each in body.given if _is(each, "Merged")]
    inner = Layer(
        op=layer.op, opset=layer.opset, name=layer.name, attributes={}, inputs=layer.inputs,
        outputs=(), made=Nodes(names=layer.made.names),
    )  # fmt: skip
    number = inner.made.new_name(f"{layer.name}/turn")
    condition = inner.made.new_name(f"{layer.name}/condition")
    _enter(inner, layer, body, number)
    collected = [each for each in body.taken if _is(each, "Concat")]
    last = [each for each in body.taken if _is(each, "Body")]
    if any(int(each["iteration"]) != -1 for each in last):
        raise layer.refuse("it returns a value of a turn other than the last")
    states = [each["body_value_index"] for each in merged]
    # A value of the last turn that is no state becomes one, which starts as anything.
    extra = [each for each in last if each["body_value_index"] not in states]
    going = _goes_on(inner, body, condition)
    ends = [body.graph.outputs[place] for place in states]
    first = [layer.names[each["input_index"]] for each in merged]
    given_states = [body.names[each["body_parameter_index"]] for each in merged]
    for each in extra:
        end = body.graph.outputs[each["body_value_index"]]
        if end.sizes is None or end.dtype is None or None in end.sizes:
            raise layer.refuse("it returns a value of its last turn whose size is open")
        zeros = layer.constant(0, end.dtype)
        first.append(layer.emit("Expand", [zeros, layer.constant(end.sizes, "int64")]))
        given_states.append(inner.made.new_name(f"{layer.name}/before"))
        ends.append(end)
    items = [_collect(layer, body, each) for each in collected]
    graph = _join(body, inner, (number, condition, given_states), (going, ends, items))
    count = len(ends) + len(items)
    dtypes = [end.dtype or "float32" for end in (*ends, *items)]
    made = layer.emit_many("Loop", [turns, goes_on, *first], count, dtypes=dtypes, body=graph)
    return _leave(layer, body, made, (states, extra, collected))


def _enter(inner: Layer, layer: Layer, body: Body, number: str) -> None:
    """Write what a turn is given beside its states: the number of the turn, and slices."""
    if body.places[0] >= 0:
        name = body.names[body.places[0]]
        end = next(end for end in body.graph.inputs if end.name == name)
        value = number if end.dtype == "int64" else inner.cast(number, end.dtype or "int64")
        if end.sizes:
            value = inner.unsqueeze(value, [0])
        _rename(inner, value, name)
    for each in body.given:
        if not _is(each, "Slice"):
            continue
        source = layer.names[each["input_index"]]
        axis = layer.axis(each["axis"], layer.rank(each["input_index"]))
        part = _check_range(layer, each, layer.sizes(each["input_index"])[axis])
        begin = number
        if part != 1:
            begin = inner.emit("Mul", [number, inner.constant(part, "int64")])
        if int(each["stride"]) < 0:
            size = inner.squeeze(inner.size(source, axis), [0])
            behind = inner.emit("Add", [begin, inner.constant(part, "int64")])
            begin = inner.emit("Sub", [size, behind])
        if part == 1:
            taken = inner.emit("Gather", [source, inner.unsqueeze(begin, [0])], axis=axis)
        else:
            start = inner.unsqueeze(begin, [0])
            stop = inner.emit("Add", [start, inner.constant([part], "int64")])
            taken = inner.emit("Slice", [source, start, stop, inner.constant([axis], "int64")])
        _rename(inner, taken, body.names[each["body_parameter_index"]])


def _check_range(layer: Layer, each: Mapping[str, Any], size: int | None) -> int:
    """Return the length of the parts that an axis is cut into, or put together from.

    Raises:
        ConversionError: They are not the whole axis, one behind the other.
    """
    stride, part = int(each["stride"]), int(each["part_size"])
    ends = [int(each["start"]), int(each["end"])]
    first, last = ends if stride > 0 else ends[::-1]
    is_whole = first == 0 and last in (-1, None if size is None else size - 1)
    if abs(stride) != part or not is_whole:
        raise layer.refuse("its turns take or make parts of an axis, and not the whole of it")
    return part


def _rename(inner: Layer, name: str, wanted: str) -> None:
    """Give a value the name that the body knows it by."""
    node = inner.made.nodes
    made = inner.emit("Identity", [name])
    node[-1] = replace(node[-1], outputs=(wanted,))
    inner.made.names.discard(made)


def _goes_on(inner: Layer, body: Body, condition: str) -> End:
    """Return the output of a body that says whether another turn follows."""
    if body.places[1] >= 0:
        return body.graph.outputs[body.places[1]]
    name = inner.emit("Identity", [condition])
    return End(name=name, dtype="bool", sizes=())


def _collect(layer: Layer, body: Body, each: Mapping[str, Any]) -> End:
    """Return the output of a body that is collected, whose parts lie one behind the other."""
    sizes = layer.outputs[int(each["output_index"])].sizes
    axis = int(each["axis"])
    _check_range(layer, each, sizes[axis] if sizes and -len(sizes) <= axis < len(sizes) else None)
    return body.graph.outputs[int(each["body_value_index"])]


def _join(
    body: Body,
    inner: Layer,
    given: tuple[str, str, Sequence[str]],
    taken: tuple[End, Sequence[End], Sequence[End]],
) -> Graph:
    """Return the graph of ONNX's loop: turn, condition, states; condition, states, items."""
    number, condition, states = given
    going, ends, items = taken
    described = {end.name: end for end in body.graph.inputs}
    inputs = [
        End(name=number, dtype="int64", sizes=()),
        End(name=condition, dtype="bool", sizes=()),
        *(
            described.get(name) or End(name=name, dtype=end.dtype, sizes=end.sizes)
            for name, end in zip(states, ends, strict=True)
        ),
    ]
    nodes = [
        replace(node, number=place)
        for place, node in enumerate((*inner.made.nodes, *body.graph.nodes))
    ]
    return Graph(
        name=body.graph.name,
        inputs=tuple(inputs),
        outputs=(_as_scalar(going), *ends, *items),
        nodes=tuple(nodes),
        constants={**body.graph.constants, **inner.made.constants},
        dtypes={**body.graph.dtypes, **inner.made.dtypes},
        sizes={**body.graph.sizes, **inner.made.sizes},
    )


def _as_scalar(end: End) -> End:
    return replace(end, sizes=None)


def _leave(
    layer: Layer,
    body: Body,
    made: Sequence[str],
    kinds: tuple[Sequence[int], Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
) -> list[str]:
    """Return the outputs of an operation, from those of its loop."""
    states, extra, collected = kinds
    by_value = {place: made[number] for number, place in enumerate(states)}
    for number, each in enumerate(extra, start=len(states)):
        by_value[each["body_value_index"]] = made[number]
    outputs: dict[int, str] = {
        each["output_index"]: by_value[each["body_value_index"]]
        for each in body.taken
        if _is(each, "Body")
    }
    begin = len(states) + len(extra)
    for number, each in enumerate(collected):
        outputs[each["output_index"]] = _lay_out(layer, body, made[begin + number], each)
    return [outputs[number] for number in range(len(layer.outputs))]


def _lay_out(layer: Layer, body: Body, name: str, each: Mapping[str, Any]) -> str:
    """Return what was collected, (turns, …), with its parts along their axis."""
    end = body.graph.outputs[each["body_value_index"]]
    if end.sizes is None:
        raise layer.refuse("it collects values with an open number of axes")
    rank = len(end.sizes)
    axis = layer.axis(each["axis"], rank)
    if int(each["stride"]) < 0:
        low = layer.constant([-(2**63) + 1], "int64")
        back = [layer.constant([n], "int64") for n in (-1, 0, -1)]
        name = layer.emit("Slice", [name, back[0], low, back[1], back[2]])
    name = layer.transpose(name, [*range(1, axis + 1), 0, *range(axis + 1, rank + 1)])
    shape = [layer.emit("Shape", [name], start=0, end=axis)] if axis else []
    shape.append(layer.constant([-1], "int64"))
    if axis + 1 < rank:
        shape.append(layer.emit("Shape", [name], start=axis + 2))
    joined = layer.emit("Concat", shape, axis=0) if len(shape) > 1 else shape[0]
    return layer.emit_many("Reshape", [name, joined], 1, dtypes=[end.dtype or "float32"])[0]


RULES: Table = {"If": _if, "Loop": _loop, "TensorIterator": _iterate}
