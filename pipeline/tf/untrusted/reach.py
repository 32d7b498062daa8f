"""Reach: finds the nodes of a graph that run when some of them do.

It follows inputs, control inputs and the functions that a node calls. It changes nothing.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Nodes of a graph and functions of its library, by name.

    Attributes:
        nodes: Nodes of the graph itself.
        functions: Functions; all their nodes count as run.
    """

    nodes: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def walk(self, graph: GraphDef) -> Iterator[tuple[str, NodeDef]]:
        """Yield each node, also those of functions, after its function's name.

        The name is "" for the nodes of the graph itself.
        """
        for node in graph.node:
            if node.name in self.nodes:
                yield "", node
        for function in graph.library.function:
            if function.signature.name in self.functions:
                for node in function.node_def:
                    yield function.signature.name, node


class Library:
    """The nodes of a graph and the calls of its functions, looked up once for several walks.

    Args:
        graph: The graph, which must not change as long as this object is used.
    """

    def __init__(self, graph: GraphDef) -> None:
        self.nodes = {node.name: node for node in graph.node}
        self._bodies = bodies_of(graph)
        self._passed: dict[str, frozenset[str]] = {}
        self._calls: dict[str, frozenset[str]] = {}

    def __contains__(self, function: str) -> bool:
        """Return whether there is a function of this name."""
        return function in self._bodies

    def functions(self) -> Iterator[str]:
        """Yield the names of all functions."""
        yield from self._bodies

    def calls(self, function: str) -> frozenset[str]:
        """Return the names that the nodes of a function call."""
        if function not in self._calls:
            ops = {node.op for node in self._bodies[function]}
            self._calls[function] = self.passed(function) | ops
        return self._calls[function]

    def passed(self, function: str) -> frozenset[str]:
        """Return the names of functions that the nodes of a function have as attributes."""
        if function not in self._passed:
            self._passed[function] = passed_by(self._bodies[function])
        return self._passed[function]


def find_reached(
    graph: GraphDef,
    roots: Iterable[str],
    called: Iterable[str] = (),
    *,
    fed: Collection[str] = (),
    library: Library | None = None,
) -> Reached:
    """Return the nodes that run with the roots, and with the named functions.

    Args:
        graph: The graph and its library.
        roots: Names of nodes or tensors; names that do not exist are ignored.
        called: Names of functions.
        fed: Names of tensors with given values. No node runs for their sake; their node runs all
            the same if another of its tensors is needed.
        library: What was looked up for an earlier walk through the same graph.
    """
    functions = library or Library(graph)
    nodes = functions.nodes
    given = set(map(tensor_of, fed))
    reached = Reached()
    waiting, entering = list(roots), list(called)
    while waiting or entering:
        if waiting:
            tensor = waiting.pop()
            name = node_of(tensor)
            if name in nodes and name not in reached.nodes and tensor_of(tensor) not in given:
                reached.nodes.add(name)
                waiting += nodes[name].input
                entering += calls_of(nodes[name])
            continue
        name = entering.pop()
        if name in functions and name not in reached.functions:
            reached.functions.add(name)
            entering += functions.calls(name)
    return reached


def reach(
    graph: GraphDef,
    roots: Iterable[str],
    called: Iterable[str] = (),
    *,
    fed: Collection[str] = (),
    library: Library | None = None,
) -> Iterator[NodeDef]:
    """Yield the nodes that run, also those of functions; see `find_reached`."""
    reached = find_reached(graph, roots, called, fed=fed, library=library)
    for _, node in reached.walk(graph):
        yield node


def prune(graph: GraphDef, roots: Iterable[str]) -> GraphDef:
    """Return a graph of the nodes that run with the roots, in the old order."""
    reached = find_reached(graph, roots)
    pruned = GraphDef(versions=graph.versions)
    pruned.node.extend(node for node in graph.node if node.name in reached.nodes)
    pruned.library.function.extend(
        function
        for function in graph.library.function
        if function.signature.name in reached.functions
    )
    return pruned


def bodies_of(graph: GraphDef) -> dict[str, list[NodeDef]]:
    """Return the nodes of each function; all nodes if several functions have one name."""
    bodies: dict[str, list[NodeDef]] = {}
    for function in graph.library.function:
        bodies.setdefault(function.signature.name, []).extend(function.node_def)
    return bodies


def passed_by(nodes: Iterable[NodeDef]) -> frozenset[str]:
    """Return the names of functions that nodes have as attributes, but for their own ops."""
    return frozenset(call for node in nodes for call in calls_of(node)[1:] if call != node.op)


def calls_of(node: NodeDef) -> list[str]:
    """Return the names of the functions that a node may call, and the name of its op.

    The op may be a function's name: TensorFlow looks it up in the library.
    """
    names = [node.op]
    for kind, value in attributes_of(node):
        if kind == "func":
            names.append(value.func.name)
        elif kind == "list":
            names += [function.name for function in value.list.func]
    return names


def attributes_of(node: NodeDef) -> Iterator[tuple[str | None, AttrValue]]:
    """Yield the attributes of a node, and those that it passes to functions.

    Each comes after its kind: "func", "list", "tensor", "s", … Keys are looked up, since `values()`
    of protobuf is written in Python, and this is called for every node of a model several times.
    """
    waiting = [node.attr]
    while waiting:
        attributes = waiting.pop()
        for key in attributes:
            value = attributes[key]
            kind = value.WhichOneof("value")
            yield kind, value
            if kind == "func":
                waiting.append(value.func.attr)
            elif kind == "list":
                waiting += [function.attr for function in value.list.func]


def node_of(tensor: str) -> str:
    """Return the name of the node in "node:index", "node" or "^node": "node"."""
    return tensor.removeprefix("^").partition(":")[0]


def tensor_of(tensor: str) -> str:
    """Return "node:0" for "node", and other names as they are."""
    return tensor if ":" in tensor or tensor.startswith("^") else f"{tensor}:0"
