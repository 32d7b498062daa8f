"""The nodes of an ONNX graph in an order in which they can run, and the names that they use.

The format asks for that order; exporters and ONNX Runtime do not.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import onnx

from pipeline.errors import FormatError
from pipeline.text.suggest import did_you_mean, find_similar, list_first

_NUM_SHOWN = 3
# Among more names none is looked for that is spelled alike.
_MANY = 2000


def domain_name(name: str) -> str:
    """Return the name of a domain of operators here: "" for "ai.onnx", which is the standard."""
    return "" if name == "ai.onnx" else name


def label_node(node: onnx.NodeProto, number: int) -> str:
    """Return what messages call a node: 'node 12 (Conv "conv1")'."""
    domain = domain_name(node.domain)
    full = f"{domain}.{node.op_type}" if domain else node.op_type
    return f'node {number} ({full} "{node.name}")' if node.name else f"node {number} ({full})"


def sort_nodes(graph: onnx.GraphProto, around: AbstractSet[str] = frozenset()) -> None:
    """Bring the nodes of a graph, and of those inside of it, into an order in which they can run.

    Nodes that stand right stay where they are.

    Args:
        graph: The graph.
        around: Names of the values around it.

    Raises:
        FormatError: A name is made twice or not at all, or nodes wait for each other.
    """
    makers = _find_makers(graph)
    names = around | makers.keys()
    reads = []
    for number, node in enumerate(graph.node):
        read = {name for name in node.input if name}
        for inner in _graphs_of(node):
            sort_nodes(inner, names)
            read |= _free_names(inner)
        _check_reads(read, names, label_node(node, number))
        reads.append({made for name in read if (made := makers.get(name)) is not None})
    for end in graph.output:
        _check_reads({end.name}, names, "its output")
    order = _sort(reads, graph)
    if order != sorted(order):
        nodes = [onnx.NodeProto.FromString(graph.node[n].SerializeToString()) for n in order]
        del graph.node[:]
        graph.node.extend(nodes)


def _find_makers(graph: onnx.GraphProto) -> dict[str, int | None]:
    """Return the number of the node that makes each value; None for inputs and constants."""
    inputs = [end.name for end in graph.input]
    constants = [tensor.name for tensor in graph.initializer]
    for kind, names in (("inputs", inputs), ("constants", constants)):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise FormatError(f"two of its {kind} are called {twice[0]!r}")
    makers: dict[str, int | None] = dict.fromkeys([*inputs, *constants])
    for number, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if name in makers:
                other = makers[name]
                by = "an input or constant is" if other is None else (
                    f"{label_node(graph.node[other], other)} makes it, too"
                )  # fmt: skip
                raise FormatError(f"{label_node(node, number)} makes {name!r}: {by}")
            makers[name] = number
    return makers


def _check_reads(read: AbstractSet[str], names: AbstractSet[str], reader: str) -> None:
    for name in sorted(read - names):
        near = did_you_mean(find_similar(name, sorted(names)) if len(names) < _MANY else ())
        raise FormatError(f"{reader} reads {name!r}, which nothing makes{near}")


def _graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Return the names that a graph reads from around it."""
    own = {end.name for end in graph.input} | {tensor.name for tensor in graph.initializer}
    read = {end.name for end in graph.output}
    for node in graph.node:
        own |= set(node.output)
        read |= {name for name in node.input if name}
        for inner in _graphs_of(node):
            read |= _free_names(inner)
    return read - own


def _sort(reads: list[set[int]], graph: onnx.GraphProto) -> list[int]:
    """Return the numbers of nodes, each behind those that it reads, the lowest first."""
    readers: list[list[int]] = [[] for _ in reads]
    for number, read in enumerate(reads):
        for other in read:
            readers[other].append(number)
    waits = [len(read) for read in reads]
    ready = [number for number, count in enumerate(waits) if not count]
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for reader in readers[number]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(reads):
        stuck = [label_node(graph.node[n], n) for n, count in enumerate(waits) if count]
        raise FormatError(
            f"its nodes wait for each other: {list_first(stuck, _NUM_SHOWN)}; a graph has no cycles"
        )
    return order
