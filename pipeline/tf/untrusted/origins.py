"""Origins: whether TensorFlow itself gives a graph the name of a file.

While it loads a model, TensorFlow feeds the paths of the model's own files into tensors that the
SavedModel names. An op may open a file only if the file's name comes from such a tensor. The name
is followed backwards through Identity, through variables to all their assignments (TensorFlow 2
keeps a path in a variable), through the arguments of functions to all their calls, and from
captured inputs to the objects bound to them. A constant or computed name is refused. This module
runs nothing of the graph.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.saved_object_graph_pb2 import SavedObjectGraph

from pipeline.tf.untrusted.reach import Library, bodies_of, calls_of, node_of, tensor_of

PASSING = frozenset({"Identity", "StopGradient"})
"""Ops that return their input unchanged."""

# Ops whose inputs are the arguments of the function, in order.
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}

_VARIABLE = "VarHandleOp"
_READS = "ReadVariableOp"
_ASSIGNS = "AssignVariableOp"
_LOOKS = {_READS, "VarIsInitializedOp"}
# The index of a node's first result, in a graph and in the body of a function.
_FIRST = {"", "0", "output:0", "value:0"}

Location = tuple[str, str]
"""A function's name, "" for the graph itself, and the name of a tensor in it."""


@dataclass(frozen=True, kw_only=True)
class Origins:
    """A graph whose tensors can be followed backwards.

    Attributes:
        graph: The graph and its library.
        objects: The object graph of TensorFlow 2; empty for a graph of TensorFlow 1.
        given: Names of the tensors of the graph that TensorFlow feeds with paths.
        library: What was looked up of the graph before.
    """

    graph: GraphDef
    objects: SavedObjectGraph
    given: Collection[str]
    library: Library

    def is_given(self, function: str, tensor: str) -> bool:
        """Return whether all values that a tensor can have are paths from TensorFlow.

        Args:
            function: Name of the function that contains the tensor, "" for the graph.
            tensor: The tensor, in the form of an input.
        """
        waiting: list[Location] = [(function, tensor)]
        seen: set[Location] = set()
        while waiting:
            location = waiting.pop()
            if location in seen:
                continue
            seen.add(location)
            before = self._step_back(*location)
            if before is None:
                return False
            waiting += before
        return True

    def _step_back(self, function: str, tensor: str) -> list[Location] | None:
        """Return the tensors with the same value: empty for a path, None if it is computed."""
        if not function:
            if tensor_of(tensor) in self.given:
                return []
            node = _find(self.graph.node, tensor)
            if node is not None and node.op == _READS and node.input:
                return self._find_written(node.input[0])
            return _pass(node, "")
        locations: list[Location] = []
        for body in self.graph.library.function:
            if body.signature.name == function:
                before = self._step_back_in(body, tensor)
                if before is None:
                    return None
                locations += before
        return locations

    def _step_back_in(self, function: FunctionDef, tensor: str) -> list[Location] | None:
        name = function.signature.name
        if ":" in tensor:
            return _pass(_find(function.node_def, tensor), name)
        arguments = list(function.signature.input_arg)
        names = [argument.name for argument in arguments]
        if tensor not in names or any(a.number_attr or a.type_list_attr for a in arguments):
            return None
        index = names.index(tensor)
        if not self._is_bound(name, index - len(names)):
            return None
        locations: list[Location] = []
        for where, node in self._find_calls(name):
            given = [given for given in node.input if not given.startswith("^")]
            if node.op not in {*_CALLS, name} or len(given) != len(names):
                return None
            locations.append((where, given[index]))
        return locations

    def _find_calls(self, function: str) -> Iterator[tuple[str, NodeDef]]:
        for node in self.graph.node:
            if function in calls_of(node):
                yield "", node
        for body in self.graph.library.function:
            if function in self.library.calls(body.signature.name):  # else no node has to be read
                for node in body.node_def:
                    if function in calls_of(node):
                        yield body.signature.name, node

    def _find_written(self, handle: str) -> list[Location] | None:
        """Return all assignments to a variable; None if some are unknown."""
        variable = _find(self.graph.node, handle)
        if variable is None or variable.op != _VARIABLE:
            return None
        if [_shared_name(node) for node in self._nodes()].count(_shared_name(variable)) != 1:
            return None
        locations: list[Location] = []
        for node in self.graph.node:
            if variable.name not in {node_of(name) for name in node.input if name[:1] != "^"}:
                continue
            if _assigns(node, variable):
                locations.append(("", node.input[1]))
            elif node.op not in _LOOKS:
                return None
        return locations

    def _nodes(self) -> Iterator[NodeDef]:
        yield from self.graph.node
        for nodes in bodies_of(self.graph).values():
            yield from nodes

    def _is_bound(self, function: str, index: int) -> bool:
        """Return whether an argument is a file of the model in every call by an object.

        Args:
            function: Name of the function; true for a function that no object calls.
            index: Index of the argument, counted from the end: -1 is the last.
        """
        if function not in object_functions(self.objects):
            return True
        concrete = self.objects.concrete_functions
        bound = concrete[function].bound_inputs if function in concrete else ()
        if -index > len(bound) or not 0 <= bound[index] < len(self.objects.nodes):
            return False
        return bool(self.objects.nodes[bound[index]].WhichOneof("kind") == "asset")


def object_functions(objects: SavedObjectGraph) -> set[str]:
    """Return the names of all functions that an object of a model can call."""
    names = set(objects.concrete_functions)
    for node in objects.nodes:
        names |= set(node.function.concrete_functions)
        names |= {node.bare_concrete_function.concrete_function_name}
        names |= {node.captured_tensor.concrete_function}
    return names - {""}


def _find(nodes: Iterable[NodeDef], tensor: str) -> NodeDef | None:
    """Return the node with a tensor as its first result."""
    name, _, rest = tensor.partition(":")
    found = (node for node in nodes if node.name == name)
    return next(found, None) if rest in _FIRST else None


def _pass(node: NodeDef | None, function: str) -> list[Location] | None:
    """Return the input that a node returns unchanged; None if it computes.

    Decision Forests cut the name of their file "done" off its path, which leaves the folder.
    """
    is_same = node is not None and (node.op in PASSING or _cuts_name(node)) and node.input
    return [(function, node.input[0])] if node and is_same else None


def _cuts_name(node: NodeDef) -> bool:
    return (
        node.op == "StaticRegexReplace"
        and node.attr["rewrite"].s == b""
        and re.fullmatch(rb"\w*done", node.attr["pattern"].s) is not None
    )


def _assigns(node: NodeDef, variable: NodeDef) -> bool:
    is_whole = node.op == _ASSIGNS and len(node.input) > 1
    return is_whole and tensor_of(node.input[0]) == f"{variable.name}:0"


def _shared_name(node: NodeDef) -> str | None:
    """Return the name of a variable that a whole process shares; None for other nodes."""
    if node.op != _VARIABLE:
        return None
    shared = (
        node.attr["shared_name"].s.decode(errors="replace") if "shared_name" in node.attr else ""
    )
    return shared or node.name
