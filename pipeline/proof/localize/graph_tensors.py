"""The tensors of a graph that two runtimes can be asked for, and the tensors behind each.

A tensor is named `node:index`. Constants and inputs of the graph are given, and need no look.
Nodes in loops and branches of TensorFlow 1 have many values or none, and nodes in functions have
no name outside: the search passes through them, as if the nodes behind a loop read those before
it. This module opens no file.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.tfjs.model.graph_ops import NO_RESULT_OPS
from pipeline.tfjs.model.inference import infer_dtype
from pipeline.tfjs.model.topology import Node, Topology, split_tensor_name, tensor_name

_ENTERS = {"Enter", "RefEnter"}
_EXITS = {"Exit", "RefExit"}
_SWITCHES = {"Switch", "RefSwitch"}
_MERGES = {"Merge", "RefMerge"}
_HANDLES = {"resource", "variant"}


@dataclass(frozen=True, kw_only=True)
class GraphTensors:
    """The tensors that some outputs of a graph depend on.

    Attributes:
        topology: The graph.
        outputs: Its outputs, as `node:index`.
        hidden: Tensors to pass through, because a runtime does not give their values.
    """

    topology: Topology
    outputs: Sequence[str]
    hidden: Collection[str] = ()

    @cached_property
    def order(self) -> Mapping[str, int]:
        """The position of each tensor: behind the tensors that it is computed from."""
        read = {tensor_name(name) for node in self._nodes for name in node.data_inputs}
        indices: dict[str, set[int]] = {}
        for node, index in map(split_tensor_name, read | set(self.outputs)):
            indices.setdefault(node, set()).add(index)
        tensors = (
            f"{node.name}:{index}"
            for node in self._nodes
            if self._is_open(node)
            for index in sorted(indices.get(node.name, ()))
        )
        listed = (tensor for tensor in tensors if tensor not in self.hidden)
        return {tensor: i for i, tensor in enumerate(listed)}

    def node(self, tensor: str) -> Node:
        """Return the node that makes a tensor."""
        return self.topology.nodes[split_tensor_name(tensor)[0]]

    def inputs(self, tensor: str) -> list[str]:
        """Return the nearest tensors that a tensor is computed from."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        pending = _reads(self.node(tensor))
        while pending:
            name = pending.pop(0)
            if name in self.order:
                found[name] = None
            elif name not in seen:
                seen.add(name)
                pending += _reads(self.node(name))
        return list(found)

    def upstream(self, *tensors: str) -> list[str]:
        """Return all tensors that some tensors are computed from, in order."""
        found: set[str] = set()
        pending = list(tensors)
        while pending:
            new = set(self.inputs(pending.pop())) - found
            found |= new
            pending += new
        return sorted(found, key=self.order.__getitem__)

    def weights(self, tensor: str) -> list[str]:
        """Return the constants that a node reads, directly or through nodes that read no input."""
        pending = [name for name in _reads(self.node(tensor)) if name not in self._fed]
        found: dict[str, None] = {}
        while pending:
            node = self.node(pending.pop(0))
            if node.op == "Const":
                found[node.name] = None
            pending += _reads(node)
        return list(found)

    def data(self, tensor: str) -> list[str]:
        """Return the tensors that a node reads and that depend on the inputs of the graph."""
        return [name for name in dict.fromkeys(_reads(self.node(tensor))) if name in self._fed]

    @cached_property
    def _nodes(self) -> Sequence[Node]:
        """The nodes that the outputs need, each behind the nodes that it reads."""
        done: dict[str, None] = {}
        begun: set[str] = set()
        pending = [split_tensor_name(name)[0] for name in reversed(self.outputs)]
        while pending:
            name = pending[-1]
            if name in begun:
                done[pending.pop()] = None
                continue
            begun.add(name)
            inputs = (split_tensor_name(one)[0] for one in self.topology.nodes[name].inputs)
            pending += [one for one in inputs if one not in begun]
        return [self.topology.nodes[name] for name in done]

    @cached_property
    def _fed(self) -> set[str]:
        """Tensors that depend on the inputs of the graph."""
        fed: set[str] = set()
        names: set[str] = set()
        for node in self._nodes:
            if node.is_placeholder or names & {split_tensor_name(one)[0] for one in node.inputs}:
                names.add(node.name)
        for node in self._nodes:
            fed |= {one for one in _reads(node) if split_tensor_name(one)[0] in names}
        return fed

    @cached_property
    def _inside(self) -> set[str]:
        """Names of the nodes in loops and branches of TensorFlow 1, without those at the ends."""
        readers: dict[str, list[Node]] = {}
        for node in self._nodes:
            for name in node.inputs:
                readers.setdefault(split_tensor_name(name)[0], []).append(node)
        loops = _reach(readers, [node for node in self._nodes if node.op in _ENTERS], _EXITS)
        switches = [n for n in self._nodes if n.op in _SWITCHES and n.name not in loops]
        return loops | _reach(readers, switches, _MERGES)

    def _is_open(self, node: Node) -> bool:
        """Return whether both runtimes can be asked for the value of a node."""
        given = node.op == "Const" or node.is_placeholder or node.op in NO_RESULT_OPS
        hidden = node.name in self._inside or infer_dtype(self.topology, node.name) in _HANDLES
        return not given and not hidden


def _reads(node: Node) -> list[str]:
    return [tensor_name(name) for name in node.data_inputs]


def _reach(
    readers: Mapping[str, Sequence[Node]], roots: Sequence[Node], ends: Collection[str]
) -> set[str]:
    """Return the names of the roots and of all nodes behind them, up to the ends."""
    reached = {node.name for node in roots}
    pending = list(reached)
    while pending:
        for node in readers.get(pending.pop(), ()):
            if node.name not in reached and node.op not in ends:
                reached.add(node.name)
                pending.append(node.name)
    return reached
