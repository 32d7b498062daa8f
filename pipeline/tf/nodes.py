"""Nodes of a graph and of its functions."""

from collections.abc import Iterator

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef


def all_nodes(graph_def: GraphDef) -> Iterator[NodeDef]:
    """Yield the nodes of a graph and of the functions in its library."""
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def
