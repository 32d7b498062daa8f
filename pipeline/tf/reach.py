"""Reach: which nodes of a graph run when some of them do.

It follows inputs, control inputs and the functions that a node calls. It changes nothing.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Nodes of a graph and functions of its library, by name.

    Attributes:
        nodes: Nodes of the graph itself.
        functions: Functions, all of whose nodes count as run.
    """

    nodes: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


def find_reached(
    graph: GraphDef,
    roots: Iterable[str],
    called: Iterable[str] = (),
    *,
    fed: Collection[str] = (),
) -> Reached:
    """Return what runs when the roots do, and when the named functions are called.

    Args:
        graph: The graph and its library.
        roots: Names of nodes or tensors; those that are not there are passed over.
        called: Names of functions.
        fed: Names of nodes that do not run, because their values are given.
    """
    nodes = {node.name: node for node in graph.node if node.name not in fed}
    functions = {function.signature.name: function for function in graph.library.function}
    reached = Reached()
    waiting, entering = list(roots), list(called)
    while waiting or entering:
        if waiting:
            name = node_of(waiting.pop())
            if name in nodes and name not in reached.nodes:
                reached.nodes.add(name)
                waiting += nodes[name].input
                entering += calls_of(nodes[name])
            continue
        name = entering.pop()
        if name in functions and name not in reached.functions:
            reached.functions.add(name)
            entering += (call for node in functions[name].node_def for call in calls_of(node))
    return reached


def reach(
    graph: GraphDef,
    roots: Iterable[str],
    called: Iterable[str] = (),
    *,
    fed: Collection[str] = (),
) -> Iterator[NodeDef]:
    """Yield the nodes that run, those of functions as well; see `find_reached`."""
    reached = find_reached(graph, roots, called, fed=fed)
    for node in graph.node:
        if node.name in reached.nodes:
            yield node
    for function in graph.library.function:
        if function.signature.name in reached.functions:
            yield from function.node_def


def prune(graph: GraphDef, roots: Iterable[str]) -> GraphDef:
    """Return a graph of what runs when the roots do, in its old order."""
    reached = find_reached(graph, roots)
    pruned = GraphDef(versions=graph.versions)
    pruned.node.extend(node for node in graph.node if node.name in reached.nodes)
    pruned.library.function.extend(
        function
        for function in graph.library.function
        if function.signature.name in reached.functions
    )
    return pruned


def calls_of(node: NodeDef) -> Iterator[str]:
    """Yield the names of the functions that a node calls."""
    for value in node.attr.values():
        if value.func.name:
            yield value.func.name
        yield from (function.name for function in value.list.func)


def node_of(tensor: str) -> str:
    """Return the name of the node in "node:index", "node" or "^node"."""
    return tensor.removeprefix("^").partition(":")[0]
