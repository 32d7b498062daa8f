"""Threading: the values of assigned variables pass through a graph in place of the variables.

Each read becomes the value that the variable has at that point, in the order in which TensorFlow
runs reads and assignments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import ConversionError
from pipeline.tf.untrusted.reach import find_reached, node_of

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


def follow(nodes: Mapping[str, NodeDef], name: str) -> NodeDef:
    """Return the node that a handle comes from."""
    node = nodes[node_of(name)]
    while node.op in _PASSES and node.input and node_of(node.input[0]) in nodes:
        node = nodes[node_of(node.input[0])]
    return node


@dataclass(kw_only=True)
class Thread:
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
        used = [root for name in given if (root := follow(nodes, name).name) in self.values]
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
