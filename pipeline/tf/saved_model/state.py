"""State of a signature: variables that its function assigns.

TensorFlow.js keeps none from run to run, so a variable that an output depends on becomes an input
and an output: a page feeds the output of a run to the next one. All other assignments are seen by
nobody, such as those of the moving statistics of a batch normalization in training, and are
dropped.

The function is inlined and frozen as the converter does it, by the functions of
tensorflow/python/framework/convert_to_constants.py, with the assigned variables left out. Then
each read of a variable becomes the value that it has at that point: TensorFlow orders reads and
assignments by control inputs.
"""

# ruff: noqa: SLF001  # the pinned TensorFlow has no public names for the parts of freezing

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework import convert_to_constants

from pipeline.tf.saved_model.random_state import draw_anew
from pipeline.tf.saved_model.state_thread import Thread, follow
from pipeline.tf.untrusted.reach import bodies_of, node_of, prune

_RESOURCE = tf.resource.as_datatype_enum
_ASSIGNS = ("Assign", "ResourceScatter", "ResourceStridedSliceAssign", "ResourceApply", "Rng")


@dataclass(frozen=True, kw_only=True)
class StateTensor:
    """A variable that became an input and an output.

    Attributes:
        name: Name of both.
        input: The input's tensor.
        output: The output's tensor.
        value: The values that it starts with.
    """

    name: str
    input: Any
    output: Any
    value: Any


def name_variables(function: Any) -> dict[str, tuple[str, Any]]:
    """Return name and variable for each variable that a function captures, by its argument.

    The names are those of the variables, each once: "total", "total_1". One that an input or output
    has already is "total_state".
    """
    captured = {id(variable.handle): variable for variable in function.graph.variables}
    ends = set(_list_ends(function))
    taken = set(ends)
    named: dict[str, tuple[str, Any]] = {}
    for value, argument in function.graph.captures:
        variable = captured.get(id(value))
        if variable is None:
            continue
        own = variable.name.partition(":")[0] or argument.op.name
        own = f"{own}_state" if own in ends else own
        name = next(each for each in _numbered(own) if each not in taken)
        taken.add(name)
        named[argument.op.name] = (name, variable)
    return named


def _numbered(name: str) -> Iterator[str]:
    """Yield "total", "total_1", "total_2" …."""
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(1))


def _list_ends(function: Any) -> Iterator[str]:
    """Yield the names of what a signature takes and returns."""
    yield from function.structured_input_signature[1]
    outputs = function.structured_outputs
    yield from outputs if isinstance(outputs, dict) else ()


def _assigns(function: Any) -> bool:
    """Return whether a function has an op that assigns a variable."""
    graph = function.graph.as_graph_def()
    nodes = (*graph.node, *(node for body in bodies_of(graph).values() for node in body))
    return any(node.op.startswith(_ASSIGNS) for node in nodes)


def freeze_with_state(
    function: Any, *, control_flow_v2: bool
) -> tuple[tf.Graph, list[StateTensor], list[str]] | None:
    """Freeze a function that assigns variables.

    Args:
        function: The concrete function.
        control_flow_v2: Whether loops and branches stay functions, or become plain nodes.

    Returns:
        The graph, its state, and sentences on what was replaced. None where it assigns no variable
        that it gets.

    Raises:
        ConversionError: A variable that an output depends on is used inside of a branch or loop,
            or in a way that cannot be written without variables.
    """
    if not _assigns(function):
        return None
    data = convert_to_constants._FunctionConverterDataInEager(
        func=function, lower_control_flow=not control_flow_v2, aggressive_inlining=True
    )
    named = name_variables(function)
    assigned = [name for name in _find_assigned(data.graph_def) if name in data.tensor_data]
    if not assigned:
        return None
    values = {name: data.tensor_data.pop(name).numpy for name in assigned}
    graph, _ = convert_to_constants._replace_variables_by_constants(data)
    _part_normalizations(graph)
    repairs = draw_anew(graph, assigned)
    thread = Thread(graph=graph, values=values)
    thread.run()
    live = thread.find_live([node_of(tensor.name) for tensor in function.outputs])
    names = {argument: named.get(argument, (argument, None))[0] for argument in live}
    ends = {argument: thread.finish(argument) for argument in live}
    roots = [tensor.op.name for tensor in (*function.outputs, *function.inputs)]
    kept = {node.name for node in graph.node}
    roots = [name for name in roots if name in kept and name not in assigned]
    pruned = prune(graph, [*roots, *(node_of(end) for pair in ends.values() for end in pair)])
    with tf.Graph().as_default() as frozen:
        tf.import_graph_def(pruned, name="")
    state = [
        StateTensor(
            name=names[argument],
            input=frozen.get_tensor_by_name(before),
            output=frozen.get_tensor_by_name(after),
            value=values[argument],
        )
        for argument, (before, after) in ends.items()
    ]
    return frozen, state, repairs


def _find_assigned(graph: GraphDef) -> list[str]:
    """Return the arguments that nodes assign, here or in the functions that they get."""
    nodes = {node.name: node for node in graph.node}
    in_bodies = {
        name
        for name, body in bodies_of(graph).items()
        if any(node.op.startswith(_ASSIGNS) for node in body)
    }
    found: dict[str, None] = {}
    for node in graph.node:
        calls = any(
            value.func.name in in_bodies or any(each.name in in_bodies for each in value.list.func)
            for value in node.attr.values()
        )
        if node.op.startswith(_ASSIGNS) or calls:
            for name in node.input if calls else node.input[:1]:
                root = follow(nodes, name)
                if root.op == "Placeholder" and root.attr["dtype"].type == _RESOURCE:
                    found[root.name] = None
    return list(found)


def _part_normalizations(graph: GraphDef) -> None:
    """Give the values that a batch normalization in training returns a node of their own.

    They depend on the batch alone; the statistics beside them also on former batches.
    """
    parted = {}
    for node in list(graph.node):
        trains = "is_training" not in node.attr or node.attr["is_training"].b
        if not node.op.startswith("FusedBatchNorm") or node.op.endswith("Grad") or not trains:
            continue
        kind = node.attr["U" if "U" in node.attr else "T"].type
        none = graph.node.add(name=f"{node.name}/none", op="Const")
        none.attr["dtype"].type = kind
        none.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([], kind, [0]))
        own = graph.node.add()
        own.CopyFrom(node)
        own.name = f"{node.name}/batch"
        own.input[3:5] = [none.name, none.name]
        own.attr["exponential_avg_factor"].f = 1.0
        parted[node.name] = own.name
    for node in graph.node:
        for i, name in enumerate(node.input):
            if node_of(name) in parted and name[:1] != "^" and name.partition(":")[2] in {"", "0"}:
                node.input[i] = f"{parted[node_of(name)]}:0"
