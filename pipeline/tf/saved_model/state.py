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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework import convert_to_constants

from pipeline.errors import ConversionError
from pipeline.tf.saved_model.random_state import draw_anew
from pipeline.tf.untrusted.reach import bodies_of, find_reached, node_of, prune

_RESOURCE = tf.resource.as_datatype_enum
_ASSIGNS = ("Assign", "ResourceScatter", "ResourceStridedSliceAssign", "ResourceApply", "Rng")
_SUMS = {"AssignAddVariableOp": "AddV2", "AssignSubVariableOp": "Sub"}
_GATHERS = {"ResourceGather": "GatherV2", "ResourceGatherNd": "GatherNd"}
_SCATTERS = {
    "ResourceScatterUpdate": "TensorScatterUpdate",
    "ResourceScatterAdd": "TensorScatterAdd",
    "ResourceScatterSub": "TensorScatterSub",
    "ResourceScatterNdUpdate": "TensorScatterUpdate",
    "ResourceScatterNdAdd": "TensorScatterAdd",
    "ResourceScatterNdSub": "TensorScatterSub",
}
_PASSES = {"Identity", "Switch", "Enter", "Merge"}
_END_OF_STATE = "_next"


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
    thread = _Thread(graph=graph, values=values)
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
                root = _follow(nodes, name)
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


def _follow(nodes: Mapping[str, NodeDef], name: str) -> NodeDef:
    """Return the node that a handle comes from."""
    node = nodes[node_of(name)]
    while node.op in _PASSES and node.input and node_of(node.input[0]) in nodes:
        node = nodes[node_of(node.input[0])]
    return node


@dataclass(kw_only=True)
class _Thread:
    """Replaces the reads and assignments of variables in a graph by their values.

    Attributes:
        graph: The graph, which is changed in place.
        values: Values at the start by argument.
    """

    graph: GraphDef
    values: Mapping[str, Any]
    _current: dict[str, str] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Replace all reads and assignments, in the order in which they happen."""
        for number, argument in enumerate(self.values):
            values = self.values[argument]
            start = self.graph.node.add(name=f"state/{number}", op="Placeholder")
            start.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
            start.attr["shape"].shape.CopyFrom(tf.TensorShape(values.shape).as_proto())
            self._current[argument] = f"{start.name}:0"
        nodes = {node.name: node for node in self.graph.node}
        changed = {name for node in _order(nodes) if (name := self._replace(nodes, node))}
        waiting = changed | {node.name for node in self.graph.node if node.op == "NoOp"}
        for node in self.graph.node:
            kept = [name for name in node.input if not (name[:1] == "^" and name[1:] in waiting)]
            del node.input[:]
            node.input.extend(kept)

    def _replace(self, nodes: Mapping[str, NodeDef], node: NodeDef) -> str | None:
        """Replace a node that uses a variable; return its name, None for any other node."""
        given = [name for name in node.input if name[:1] != "^" and node_of(name) in nodes]
        used = [root for name in given if (root := _follow(nodes, name).name) in self.values]
        if not used or node.op == "Identity":
            return None
        argument, *others = used
        dtype = self.values[argument].dtype
        value = self._current[argument]
        match node.op:
            case "ReadVariableOp":
                _become(node, "Identity", [value], T=dtype)
            case "AssignVariableOp":
                _become(node, "Identity", [node.input[1]], T=dtype)
                self._current[argument] = f"{node.name}:0"
            case op if op in _SUMS:
                _become(node, _SUMS[op], [value, node.input[1]], T=dtype)
                self._current[argument] = f"{node.name}:0"
            case op if op in _GATHERS:
                self._gather(node, value, dtype)
            case op if op in _SCATTERS:
                self._scatter(node, value, dtype)
                self._current[argument] = f"{node.name}:0"
            case "VarIsInitializedOp":
                _become(node, "Const", [], dtype=np.dtype(bool))
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(True))
            case op:
                for name in (argument, *others):
                    self._broken.setdefault(name, f"{op} ({node.name})")
                return None
        return str(node.name)

    def _gather(self, node: NodeDef, value: str, dtype: np.dtype[Any]) -> None:
        indices, inputs = node.input[1], [value, node.input[1]]
        index_type = node.attr["Tindices"].type
        batch = node.attr["batch_dims"].i
        if node.op == "ResourceGather":
            inputs = [value, indices, self._constant(node, np.int32(batch))]
        _become(node, _GATHERS[node.op], inputs, Tparams=dtype)
        node.attr["Tindices"].type = index_type
        if node.op == "GatherV2":
            node.attr["Taxis"].type = tf.int32.as_datatype_enum
            node.attr["batch_dims"].i = batch

    def _scatter(self, node: NodeDef, value: str, dtype: np.dtype[Any]) -> None:
        indices, updates = node.input[1], node.input[2]
        index_type = node.attr["Tindices"].type
        if not node.op.startswith("ResourceScatterNd"):
            own = self.graph.node.add(name=f"{node.name}/indices", op="ExpandDims")
            own.input.extend([indices, self._constant(node, np.int32(-1))])
            own.attr["T"].type = index_type
            own.attr["Tdim"].type = tf.int32.as_datatype_enum
            indices = own.name
        _become(node, _SCATTERS[node.op], [value, indices, updates], T=dtype)
        node.attr["Tindices"].type = index_type

    def _constant(self, node: NodeDef, value: Any) -> str:
        made = self.graph.node.add(name=f"{node.name}/constant", op="Const")
        made.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        return str(made.name)

    def find_live(self, outputs: Sequence[str]) -> list[str]:
        """Return the arguments whose values at the start reach an output, now or in a later run.

        Raises:
            ConversionError: One of them is used in a way that was not replaced.
        """
        starts = {argument: f"state/{number}" for number, argument in enumerate(self.values)}
        live: dict[str, None] = {}
        while True:
            ends = [node_of(self._current[argument]) for argument in live]
            reached = find_reached(self.graph, [*outputs, *ends]).nodes
            found = [name for name in self.values if starts[name] in reached or name in reached]
            for argument in found:
                if argument in self._broken or argument in reached:
                    use = self._broken.get(argument, "another op")
                    raise ConversionError(
                        f"a variable is kept from run to run by {use}, which cannot be converted",
                        hint="a variable that is assigned inside of a branch or loop cannot become "
                        "an input and an output; assign it outside",
                    )
            if set(found) <= set(live):
                return list(live)
            live |= dict.fromkeys(found)

    def finish(self, argument: str) -> tuple[str, str]:
        """Return the tensors of a state: where it comes in, and where it goes out."""
        number = list(self.values).index(argument)
        end = self.graph.node.add(name=f"state/{number}{_END_OF_STATE}", op="Identity")
        end.input.append(self._current[argument])
        end.attr["T"].type = tf.as_dtype(self.values[argument].dtype).as_datatype_enum
        return f"state/{number}:0", f"{end.name}:0"


def _become(node: NodeDef, op: str, inputs: Sequence[str], **types: np.dtype[Any]) -> None:
    """Turn a node into another one of its name, and of its control inputs."""
    waits = [name for name in node.input if name[:1] == "^"]
    node.op = op
    del node.input[:]
    node.input.extend([*inputs, *waits])
    node.attr.clear()
    for name, dtype in types.items():
        node.attr[name].type = tf.as_dtype(dtype).as_datatype_enum


def _order(nodes: Mapping[str, NodeDef]) -> list[NodeDef]:
    """Return nodes in the order in which they run; the way back of a loop is left out."""
    ordered: dict[str, NodeDef] = {}
    for root in nodes:
        stack = [(root, False)]
        opened: set[str] = set()
        while stack:
            name, is_done = stack.pop()
            if name in ordered:
                continue
            if is_done:
                ordered[name] = nodes[name]
                continue
            if name in opened:
                continue
            opened.add(name)
            stack.append((name, True))
            before = [node_of(each.removeprefix("^")) for each in nodes[name].input]
            stack += [
                (each, False)
                for each in before
                if each in nodes and nodes[each].op != "NextIteration"
            ]
    return list(ordered.values())
