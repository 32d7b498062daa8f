"""Parts that are joined into one tensor, and taken apart again: who reads them reads the parts."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_body import Body
from pipeline.tfjs.model.dtypes import NUM_PARTS

AXIS_OF_PARTS = -1
"""The axis of the parts of a joined tensor."""


def remove(body: Body, names: Collection[str]) -> None:
    """Remove nodes of a body by their names."""
    kept = [node for node in body.nodes if node.name not in set(names)]
    copies = [NodeDef.FromString(node.SerializeToString()) for node in kept]
    del body.nodes[:]
    body.nodes.extend(copies)


def join_directly(body: Body, *, keep: Collection[str]) -> None:
    """Let readers of an Unpack read what the Pack before it joins; remove what nobody reads.

    Args:
        body: A graph, or a function of its library.
        keep: Names of the nodes of a graph that are its results.
    """
    nodes = {node.name: node for node in body.nodes}
    direct: dict[str, str] = {}
    for node in body.nodes:
        if node.op != "Unpack" or not _is_of_parts(node):
            continue
        pack = nodes.get(node.input[0].partition(":")[0])
        if pack is not None and pack.op == "Pack" and _is_of_parts(pack):
            for i in range(NUM_PARTS):
                direct[_refer(node.name, i, body)] = pack.input[i]
    for node in body.nodes:
        for i, reference in enumerate(node.input):
            node.input[i] = _follow(reference, direct)
    for key, reference in body.returns.items():
        body.returns[key] = _follow(reference, direct)
    remove(body, list(_unread(body, set() if body.is_function else set(keep))))


def _is_of_parts(node: NodeDef) -> bool:
    number = "N" if node.op == "Pack" else "num"
    # To read an attribute that is not there would make it.
    axis = node.attr["axis"].i if "axis" in node.attr else 0
    return bool(axis == AXIS_OF_PARTS and node.attr[number].i == NUM_PARTS)


def _refer(name: str, index: int, body: Body) -> str:
    if body.is_function:
        return f"{name}:output:{index}"
    return f"{name}:{index}" if index else name


def _follow(reference: str, direct: Mapping[str, str]) -> str:
    while reference in direct:
        reference = direct[reference]
    return reference


def _unread(body: Body, keep: Collection[str]) -> Iterator[str]:
    """Yield the names of nodes that join or take apart, and that nobody reads any more."""
    read = Counter(
        reference.removeprefix("^").partition(":")[0]
        for reference in (*(r for node in body.nodes for r in node.input), *body.returns.values())
    )
    nodes = {node.name: node for node in body.nodes if node.name not in keep}
    waiting = [
        name
        for name, node in nodes.items()
        if node.op in ("Unpack", "Pack") and _is_of_parts(node) and not read[name]
    ]
    while waiting:
        name = waiting.pop()
        yield name
        for reference in nodes[name].input:
            source = reference.partition(":")[0]
            read[source] -= 1
            is_ours = source in nodes and nodes[source].op in ("Unpack", "Pack")
            if is_ours and _is_of_parts(nodes[source]) and not read[source]:
                waiting.append(source)
