"""Cuts a frozen signature behind the ops that fetch its data; see `pipeline.tf.cut_front`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from pipeline.records.source import StatedSignature, StatedTensor
from pipeline.tf.cut_front import Cut, cut_front
from pipeline.tf.import_graph import import_graph
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.signatures import NamedTensor
from pipeline.tf.saved_model.tables import find_fills

_FILLS = "initializer/"


def part_node(part: NamedTensor) -> str:
    """Return the name of the node of a named tensor in the frozen graph: "image_bytes"."""
    return (part.inner or part.outer).partition(":")[0]


def cut_frozen(frozen: Frozen) -> tuple[Frozen, Cut | None]:
    """Return a signature without the ops that fetch its data, and the cut; None if it has none."""
    cut = cut_front(frozen.graph_def)
    if cut is None:
        return frozen, None
    graph = import_graph(cut.graph)
    nodes = {node.name for node in cut.graph.node}  # freezing removes inputs that are variables
    kept = [
        tensor.name
        for tensor in frozen.inputs
        if tensor.op.name in nodes and tensor.op.name not in cut.fetched
    ]
    names = [*kept, *(f"{name}:0" for name in cut.inputs)]
    find = graph.get_tensor_by_name
    return replace(
        frozen,
        graph=graph,
        inputs=[find(name) for name in names],
        outputs=[find(tensor.name) for tensor in frozen.outputs],
        state=[
            replace(each, input=find(each.input.name), output=find(each.output.name))
            for each in frozen.state
        ],
    ), cut


def open_frozen(frozen: Frozen) -> tf.compat.v1.Session:
    """Return a session of a frozen graph with its tables, which are filled."""
    if frozen.initializer_graph is None:
        return tf.compat.v1.Session(graph=frozen.graph)
    whole, filler = frozen.graph.as_graph_def(), frozen.initializer_graph.as_graph_def()
    if frozen.resource_ids is None:
        known = {node.name for node in whole.node}
        whole.node.extend(node for node in filler.node if node.name not in known)
        session = tf.compat.v1.Session(graph=import_graph(whole))
        session.run([session.graph.get_operation_by_name(name) for name in find_fills(filler)])
        return session
    _take_handles(whole, frozen.resource_ids)
    for node in filler.node:
        node.name = _FILLS + node.name
        node.input[:] = [_inside(name) for name in node.input]
    whole.node.extend(filler.node)
    return tf.compat.v1.Session(graph=import_graph(whole))


def _take_handles(graph: GraphDef, ids: tuple[Mapping[str, int], Mapping[str, int]]) -> None:
    """Let the inputs that stand for tables be the results of the function that fills these."""
    made = {number: name for name, number in ids[1].items()}
    places = {name.partition(":")[0]: made[number] for name, number in ids[0].items()}
    for node in graph.node:
        if node.name in places:
            node.op = "Identity"
            node.input[:] = [_inside(places[node.name])]
            node.attr.clear()
            node.attr["T"].type = tf.resource.as_datatype_enum


def _inside(name: str) -> str:
    wait = "^" if name.startswith("^") else ""
    return f"{wait}{_FILLS}{name.removeprefix('^')}"


def name_inputs(cut: Cut, old: Sequence[NamedTensor]) -> dict[str, str]:
    """Return the tensors of the new inputs by name: `{"image": "decode/DecodeImage:0"}`.

    The only image that an old input held has its name.
    """
    names = {part_node(part): part.name for part in old}
    held = list(cut.images.values())
    found = {}
    for place in cut.inputs:
        origin = cut.images.get(place, "")
        is_only = held.count(origin) == 1 and origin in cut.fetched
        found[names[origin] if is_only else place] = f"{place}:0"
    return found


def without_front(
    stated: StatedSignature, frozen: Frozen, fetched: Mapping[str, str], given: Sequence[str]
) -> StatedSignature:
    """Return a signature with the results of what was cut off in place of its inputs.

    Args:
        stated: The signature of the source.
        frozen: The frozen signature after the cut.
        fetched: Tensors of the new inputs, by name.
        given: Names of the inputs that are left.
    """
    tensors = {tensor.name: tensor for tensor in frozen.inputs}
    inputs = {name: stated.inputs[name] for name in given}
    for name, place in fetched.items():
        tensor = tensors[place]
        shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
        inputs[name] = StatedTensor(tensor=place, dtype=tensor.dtype.name, shape=shape)
    return stated.model_copy(update={"inputs": inputs})
