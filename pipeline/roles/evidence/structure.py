"""Structure: the operations of a graph that compute and select an output's values.

Values alone do not distinguish a probability from a fraction. This module follows an output
backwards, through operations that move or select values, to the operation that computed them.
It opens no file and reads no weight.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.tfjs.model.topology import Node, Topology, split_tensor_name

SIGMOID, SOFTMAX = "sigmoid", "softmax"

_MOVING = frozenset(
    {"Cast", "ExpandDims", "GatherNd", "GatherV2", "Identity", "Pad", "PadV2", "Reshape"}
    | {"Slice", "Snapshot", "Squeeze", "StopGradient", "StridedSlice", "Transpose", "Unpack"}
)
"""Operations that return values of their first input unchanged, all or some of them."""

_JOINING = frozenset({"ConcatV2", "Pack"})
_ADDING = frozenset({"Add", "AddV2", "Sub"})
_SCALING = frozenset({"Mul", "RealDiv"})
_LINEAR = frozenset(
    {"BatchMatMul", "BatchMatMulV2", "BiasAdd", "Conv2D", "MatMul", "Conv2DBackpropInput"}
    | {"_FusedConv2D", "_FusedMatMul", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"}
)
_RECTIFIERS = frozenset({"Relu", "Relu6"})
_SELECTING = frozenset({"TopK", "TopKV2", "CombinedNonMaxSuppression"})
_SUPPRESSION = "NonMaxSuppression"
_INTEGERS = frozenset({"DT_INT8", "DT_INT16", "DT_INT32", "DT_INT64", "DT_UINT8"})
_MAX_STEPS = 64


@dataclass(frozen=True)
class Structure:
    """The graph of a model, and questions on its tensors.

    Attributes:
        topology: The graph.
    """

    topology: Topology
    _ops: dict[str, frozenset[str]] = field(default_factory=dict)

    def origins(self, tensor: str) -> list[Node]:
        """Return the nodes that computed the values of a tensor, past nodes that move them."""
        return list(self._origins(tensor, _MAX_STEPS))

    def activation(self, tensor: str) -> str | None:
        """Return "sigmoid" or "softmax" if it made all values of a tensor, else None."""
        found = {_activation(node) for node in self.origins(tensor)}
        return found.pop() if len(found) == 1 else None

    def is_linear(self, tensor: str) -> bool:
        """Return whether all values are products with weights, without an activation."""
        nodes = self.origins(tensor)
        return bool(nodes) and all(self._is_linear(node) for node in nodes)

    def is_rectified(self, tensor: str) -> bool:
        """Return whether all values come out of a ReLU, or are means or maxima of its values."""
        nodes = self.origins(tensor)
        return bool(nodes) and all(self._is_rectified(node) for node in nodes)

    def adds_constant(self, tensor: str) -> bool:
        """Return whether the graph adds a constant to a computed value."""
        return any(
            node.op in _ADDING and any(self._is_constant(name) for name in node.data_inputs)
            for node in self.origins(tensor)
        )

    def is_integer(self, tensor: str) -> bool:
        """Return whether the values of a tensor were integers earlier in the graph.

        Only operations that move values are followed.
        """
        for _ in range(_MAX_STEPS):
            node = self._node(tensor)
            if node.op == "Cast" and node.attrs.get("SrcT", {}).get("type") in _INTEGERS:
                return True
            if node.op not in _MOVING or not node.data_inputs:
                return False
            tensor = node.data_inputs[0]
        return False

    def is_selected(self, tensor: str) -> bool:
        """Return whether non-maximum suppression or top-k chose the rows of a tensor."""
        ops = self.ancestor_ops(tensor)
        return bool(ops & _SELECTING) or any(op.startswith(_SUPPRESSION) for op in ops)

    def selections(self, tensor: str) -> list[str]:
        """Return the operations that chose the rows of a tensor: ["NonMaxSuppressionV5"]."""
        ops = self.ancestor_ops(tensor)
        return sorted(op for op in ops if op in _SELECTING or op.startswith(_SUPPRESSION))

    def ancestor_ops(self, tensor: str) -> frozenset[str]:
        """Return all operations on which the values of a tensor depend."""
        node = split_tensor_name(tensor)[0]
        if node not in self._ops:
            self._ops[node] = frozenset(self._collect_ops(node))
        return self._ops[node]

    def columns(self, tensor: str) -> list[str]:
        """Return the tensors that are joined to make a tensor, in order; else the tensor itself."""
        node = self._node(tensor)
        while node.op in ("Identity", "ExpandDims", "Squeeze") and node.data_inputs:
            tensor = node.data_inputs[0]
            node = self._node(tensor)
        if node.op not in _JOINING:
            return [tensor]
        return list(node.data_inputs[:-1] if node.op == "ConcatV2" else node.data_inputs)

    def grid_axis(self, tensor: str) -> str | None:
        """Return "y" or "x" if a tensor is a grid position computed from its flat index.

        A flat index is y * width + x: y is the quotient by the width, x the remainder: FloorMod,
        or the index minus the quotient times the width.
        """
        for _ in range(_MAX_STEPS):
            node = self._node(tensor)
            if node.op == "FloorDiv":
                return "y"
            if node.op == "FloorMod":
                return "x"
            inputs = [name for name in node.data_inputs if not self._is_constant(name)]
            if node.op == "Sub" and any(self._is_multiple(name) for name in inputs[1:]):
                return "x"
            if node.op not in _MOVING | _ADDING | _SCALING or not inputs:
                return None
            tensor = inputs[0]
        return None

    def grid_order(self, tensor: str) -> str | None:
        """Return "yx" or "xy" if the first two columns of a tensor are positions in a grid."""
        first = self.columns(tensor)[0]
        for _ in range(_MAX_STEPS):
            node = self._node(first)
            inputs = [name for name in node.data_inputs if not self._is_constant(name)]
            if node.op in _JOINING or node.op not in _MOVING | _SCALING or len(inputs) != 1:
                break
            first = inputs[0]
        columns = self.columns(first)
        if len(columns) == 1:
            columns = self.columns(tensor)
        axes = [self.grid_axis(name) or "" for name in columns[:2]]
        order = "".join(axes)
        return order if order in ("yx", "xy") else None

    def _origins(self, tensor: str, steps: int) -> Iterator[Node]:
        node, index = self._node(tensor), split_tensor_name(tensor)[1]
        if steps and node.data_inputs:
            if node.op in _JOINING:
                for name in self.columns(tensor):
                    if not self._is_constant(name):
                        yield from self._origins(name, steps - 1)
                return
            if node.op in _MOVING or (node.op in _SELECTING and index == 0):
                yield from self._origins(node.data_inputs[0], steps - 1)
                return
            if node.op in ("Split", "SplitV"):
                yield from self._origins(node.data_inputs[node.op == "Split"], steps - 1)
                return
        yield node

    def _collect_ops(self, name: str) -> Iterator[str]:
        seen = {name}
        frontier = [name]
        while frontier:
            node = self.topology.nodes[frontier.pop()]
            yield from self._own_ops(node)
            for tensor in node.data_inputs:
                source = split_tensor_name(tensor)[0]
                if source not in seen:
                    seen.add(source)
                    frontier.append(source)

    def _own_ops(self, node: Node) -> Iterator[str]:
        """Yield the op of a node and the ops of the functions that it calls."""
        called: set[str] = set()
        frontier = [node]
        while frontier:
            inner = frontier.pop()
            yield inner.op
            for name in inner.called_functions & self.topology.functions.keys() - called:
                called.add(name)
                frontier.extend(self.topology.functions[name].values())

    def _is_linear(self, node: Node) -> bool:
        if node.op in _ADDING:
            sources = [n for n in node.data_inputs if not self._is_constant(n)]
            return len(sources) == 1 and self.is_linear(sources[0])
        return node.op in _LINEAR and _last_fused(node) in (None, "BiasAdd")

    def _is_rectified(self, node: Node) -> bool:
        if node.op in ("Max", "MaxPool", "Mean", "AvgPool"):
            return self.is_rectified(node.data_inputs[0])
        return node.op in _RECTIFIERS or _last_fused(node) in _RECTIFIERS

    def _is_multiple(self, tensor: str) -> bool:
        node = self._node(tensor)
        names = (split_tensor_name(name)[0] for name in node.data_inputs)
        return node.op == "Mul" and any(self.topology.nodes[n].op == "FloorDiv" for n in names)

    def _is_constant(self, tensor: str) -> bool:
        return self._node(tensor).op == "Const"

    def _node(self, tensor: str) -> Node:
        return self.topology.nodes[split_tensor_name(tensor)[0]]


def _activation(node: Node) -> str | None:
    words = {"Sigmoid": SIGMOID, "Softmax": SOFTMAX}
    return words.get(node.op) or words.get(_last_fused(node) or "")


def _last_fused(node: Node) -> str | None:
    """Return the last operation fused into a node: "Relu"; model.json has names in base64."""
    names = node.attrs.get("fused_ops", {}).get("list", {}).get("s") or ()
    if not names:
        return None
    try:
        return base64.b64decode(names[-1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return str(names[-1])
