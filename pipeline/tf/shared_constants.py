"""Constants that have the same value: one node for all of them.

A limit or a factor that ten layers have is ten constants of a traced graph, each with an entry in
the weight manifest; a kernel that several operators of a source share is written for each of them.
"""

import hashlib
from collections import Counter
from collections.abc import Collection

from tensorflow.core.framework.graph_pb2 import GraphDef


def share_constants(graph_def: GraphDef, *, keep: Collection[str]) -> None:
    """Put equal constants together, in place: the first of them stays.

    Args:
        graph_def: An optimized graph. Constants of its functions stay as they are.
        keep: Names of nodes that must stay: the results of the graph.
    """
    first: dict[bytes, str] = {}
    other: dict[str, str] = {}
    constants = [node for node in graph_def.node if node.op == "Const" and not node.input]
    sizes = Counter(node.attr["value"].ByteSize() for node in constants)
    for node in constants:
        if sizes[node.attr["value"].ByteSize()] == 1:
            continue  # no other can be equal
        content = hashlib.sha256(node.attr["value"].SerializeToString(deterministic=True)).digest()
        kept = first.setdefault(content, node.name)
        if kept != node.name and node.name not in keep:
            other[node.name] = kept
    if not other:
        return
    nodes = [node for node in graph_def.node if node.name not in other]
    for node in nodes:
        for i, name in enumerate(node.input):
            own = name.removeprefix("^").partition(":")[0]
            if own in other:
                node.input[i] = name.replace(own, other[own], 1)
    # Elements of a repeated field are views: they are copied before it is emptied.
    shared = GraphDef()
    shared.node.extend(nodes)
    del graph_def.node[:]
    graph_def.node.extend(shared.node)
