"""Bodies: replaces nodes of a graph, or of a function in its library, by subgraphs.

A replacement takes the node's name, so that readers of the node read the replacement. In a graph
an input is "node:index", in a function "node:output_name:index". This module has no rules.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from pipeline.tf.import_graph import import_graph
from pipeline.tf.lower.lowering_values import find_value

# Ops of TensorFlow 1's control flow, in which a node without inputs needs a control input to
# belong to its loop or branch.
_CONTROL_FLOW = {"Enter", "Switch"}

Rule = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Body:
    """The nodes of a graph or a function, and the same as a tf.Graph.

    Attributes:
        nodes: The repeated field of NodeDefs, which is changed in place.
        returns: A function's results: tensor by name; empty for a graph.
        graph: tf.Graph with an operation of the same name for each node.
        is_function: Whether inputs have the form of a function's.
        name: The function's name; empty for a graph.
    """

    nodes: Any
    returns: MutableMapping[str, str]
    graph: tf.Graph
    is_function: bool
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """A traced subgraph in place of a node.

    Attributes:
        outputs: Its tensors, one for each output of the node.
        inputs: For the name of each placeholder in it, the node's own input.
    """

    outputs: Sequence[tf.Tensor]
    inputs: Mapping[str, str]


def read_bodies(
    graph_def: GraphDef, wanted: Callable[[NodeDef], bool], *, graph: tf.Graph | None = None
) -> Iterator[Body]:
    """Yield the graph, and each function, that has wanted nodes.

    Args:
        graph_def: The graph and its function library.
        wanted: Whether a node is wanted.
        graph: The same graph in TensorFlow where it has been imported.
    """
    graph = import_graph(graph_def) if graph is None else graph
    with graph.as_default():
        if any(map(wanted, graph_def.node)):
            yield Body(nodes=graph_def.node, returns={}, graph=graph, is_function=False)
        for function in graph_def.library.function:
            if any(map(wanted, function.node_def)) and (body := _read_function(function)):
                yield body


def trace(op: tf.Operation, node: NodeDef, rule: Rule) -> Replacement:
    """Return the subgraph that a rule makes of a node.

    A rule is a function of an op's inputs and attributes, by their names in tf.raw_ops; it
    returns the output, or a list of outputs. A small constant stays a constant, so that
    tf.get_static_value returns its value.
    """
    references = [name for name in node.input if not name.startswith("^")]
    inputs: dict[str, str] = {}
    with tf.Graph().as_default():
        given = [
            give(tensor, reference, inputs)
            for tensor, reference in zip(op.inputs, references, strict=True)
        ]
        made = rule(**name_inputs(op, given), **read_attributes(op))
    outputs = list(made) if isinstance(made, list | tuple) else [made]
    return Replacement(outputs=outputs, inputs=inputs)


def replace_nodes(body: Body, replacements: Mapping[str, Replacement]) -> None:
    """Put replacements in place of the nodes with their names."""
    taken = {node.name for node in body.nodes}
    guarded = any(node.op in _CONTROL_FLOW for node in body.nodes)
    nodes: list[NodeDef] = []
    renamed: dict[str, str] = {}
    for node in body.nodes:
        if node.name not in replacements:
            nodes.append(node)
            continue
        splice = _Splice(node, body.is_function, taken, guarded=guarded)
        nodes += splice.make(replacements[node.name])
        old = body.graph.get_operation_by_name(node.name)
        references = [splice.format(node.name, tensor) for tensor in old.outputs]
        renamed |= dict(zip(references, splice.outputs, strict=True))
    _rename(nodes, renamed)
    for key, reference in body.returns.items():
        body.returns[key] = renamed.get(reference, reference)
    # Elements of a repeated field are views: they are copied before it is emptied.
    kept = GraphDef(node=nodes)
    del body.nodes[:]
    body.nodes.extend(kept.node)


class _Splice:
    """The nodes of one replacement, in the form of the body."""

    def __init__(self, node: NodeDef, is_function: bool, taken: set[str], *, guarded: bool) -> None:  # noqa: FBT001  # as Body has it
        self.node = node
        self.is_function = is_function
        self.taken = taken
        self.names: dict[str, str] = {}
        self.outputs: list[str] = []
        data = [name for name in node.input if not name.startswith("^")]
        self.controls = list(node.input[len(data) :])
        if guarded and data:
            self.controls.append(f"^{data[0].partition(':')[0]}")

    def make(self, replacement: Replacement) -> list[NodeDef]:
        """Return the nodes; `outputs` then holds the names of the node's outputs as inputs."""
        if not replacement.outputs:
            return [NodeDef(name=self.node.name, op="NoOp", input=self.controls)]
        ops = _needed(replacement.outputs, set(replacement.inputs))
        last = self._find_last(replacement)
        for op in ops:
            self.names[op.name] = self.node.name if op is last else self._new_name(op.name)
        nodes = [self._copy(op, replacement.inputs) for op in ops]
        self.outputs = [self._refer(tensor, replacement.inputs) for tensor in replacement.outputs]
        return nodes if last is not None else [*nodes, self._pass_on(replacement.outputs)]

    def _find_last(self, replacement: Replacement) -> tf.Operation | None:
        """Return the op that can take the node's name: it makes the only output, and no other."""
        if len(replacement.outputs) != 1:
            return None
        op = replacement.outputs[0].op
        return op if op.name not in replacement.inputs and len(op.outputs) == 1 else None

    def _new_name(self, name: str) -> str:
        new = f"{self.node.name}/{name}"
        while new in self.taken:
            new += "_"
        self.taken.add(new)
        return new

    def _copy(self, op: tf.Operation, inputs: Mapping[str, str]) -> NodeDef:
        made = NodeDef()
        made.CopyFrom(op.node_def)
        made.name = self.names[op.name]
        made.device = self.node.device
        made.attr.pop("_class", None)  # refers to a node by its name before the renaming
        del made.input[:]
        made.input.extend(self._refer(tensor, inputs) for tensor in op.inputs)
        made.input.extend(f"^{self.names[control.name]}" for control in op.control_inputs)
        if not made.input or made.name == self.node.name:
            made.input.extend(self.controls)
        if op.type == "Enter":
            made.attr["frame_name"].s = f"{self.node.name}/{op.get_attr('frame_name')}".encode()
        return made

    def _refer(self, tensor: tf.Tensor, inputs: Mapping[str, str]) -> str:
        if tensor.op.name in inputs:
            return inputs[tensor.op.name]
        name = self.names[tensor.op.name]
        return self.format(name, tensor)

    def format(self, name: str, tensor: tf.Tensor) -> str:
        """Return the name of an op's output as an input in the body: "conv:0"."""
        if self.is_function:
            return _format_reference(name, tensor)
        return f"{name}:{tensor.value_index}" if tensor.value_index else name

    def _pass_on(self, tensors: Sequence[tf.Tensor]) -> NodeDef:
        """Return a node of the old name that only passes on the new outputs.

        It serves readers of the node by name. Other nodes read the new outputs themselves, of
        which some may be dead if they are branches.
        """
        made = NodeDef(name=self.node.name, device=self.node.device)
        made.input.extend([*self.outputs, *self.controls])
        types = [tensor.dtype.as_datatype_enum for tensor in tensors]
        if len(types) == 1:
            made.op = "Identity"
            made.attr["T"].type = types[0]
        else:
            made.op = "IdentityN"
            made.attr["T"].list.type.extend(types)
        return made


def _read_function(function: FunctionDef) -> Body | None:
    """Read a function; the functions that it calls are in the default graph.

    Freezing leaves functions that return what none of their nodes makes, for gradients that nobody
    computes. TensorFlow cannot read them, and nothing runs them: None.
    """
    try:
        graph = function_def_to_graph(function)
    except KeyError:
        return None
    return Body(
        nodes=function.node_def,
        returns=function.ret,
        graph=graph,
        is_function=True,
        name=function.signature.name,
    )


def give(tensor: tf.Tensor, reference: str, inputs: dict[str, str]) -> tf.Tensor:
    """Return an input in the graph of a rule: a constant, or a placeholder listed in `inputs`."""
    value = find_value(tensor)
    if value is not None:
        return tf.constant(value, tensor.dtype, tensor.shape)
    placeholder = tf.compat.v1.placeholder(tensor.dtype, tensor.shape, name="input")
    inputs[placeholder.op.name] = reference
    return placeholder


def read_attributes(op: tf.Operation) -> dict[str, Any]:
    """Return an op's attributes by name."""
    return {attr.name: op.get_attr(attr.name) for attr in op.op_def.attr}


def name_inputs(op: tf.Operation, given: Sequence[Any]) -> dict[str, Any]:
    """Return an op's inputs by name; a list of tensors for an input that is a list."""
    rest = list(given)
    named: dict[str, Any] = {}
    for arg in op.op_def.input_arg:
        count = _count(op, arg)
        named[arg.name] = rest.pop(0) if count is None else [rest.pop(0) for _ in range(count)]
    return named


def _count(op: tf.Operation, arg: Any) -> int | None:
    """Return the number of tensors of an op's argument, None for a single tensor."""
    if arg.number_attr:
        return int(op.get_attr(arg.number_attr))
    return len(op.get_attr(arg.type_list_attr)) if arg.type_list_attr else None


def _format_reference(name: str, tensor: tf.Tensor) -> str:
    """Return the name of an op's output in a function: "conv:output:0"."""
    index = tensor.value_index
    for arg in tensor.op.op_def.output_arg:
        count = _count(tensor.op, arg)
        size = 1 if count is None else count
        if index < size:
            return f"{name}:{arg.name}:{index}"
        index -= size
    raise AssertionError(f"{tensor.name} is no output of its op")


def _needed(outputs: Sequence[tf.Tensor], given: set[str]) -> list[tf.Operation]:
    """Return the ops that outputs need, in the order of their creation."""
    waiting = [tensor.op for tensor in outputs]
    found: dict[str, tf.Operation] = {}
    while waiting:
        op = waiting.pop()
        if op.name not in found and op.name not in given:
            found[op.name] = op
            waiting += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    order = {op.name: i for i, op in enumerate(outputs[0].graph.get_operations())} if found else {}
    return sorted(found.values(), key=lambda op: order[op.name])


def _rename(nodes: Sequence[NodeDef], renamed: Mapping[str, str]) -> None:
    for node in nodes if renamed else ():
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
