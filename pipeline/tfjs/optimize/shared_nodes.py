"""Nodes that compute the same from the same, once.

Only ops that compute sizes, places and the like: the graphs of TensorFlow 1 compute the shape of a
tensor anew for each reader. It also shows other passes that two sizes are the same.

Before that nodes cease to wait for others whose value they do not read: the functions that were
inlined have left a wait at each constant. What keeps state goes on waiting, and so does all in a
graph with loops of TensorFlow 1. In its branches a wait says which branch a node is in; there a
constant is without one if its readers also read something else, which says it too.
"""

import json
import re

from pipeline.tfjs.optimize.graph import Graph, inputs_of, node_of
from pipeline.tfjs.rewrite.scope import Json

_MERGED = frozenset(
    {
        "Add", "AddV2", "Cast", "ConcatV2", "Const", "ExpandDims", "FloorDiv", "FloorMod",
        "GatherV2", "Maximum", "Minimum", "Mod", "Mul", "Pack", "Prod", "Range", "Reshape", "Shape",
        "Slice", "Squeeze", "StridedSlice", "Sub", "Transpose",
    }
)  # fmt: skip
_MOST = 64
"""Most values of a constant that is compared: sizes, axes and places are no more."""


_BRANCHES = frozenset({"Merge", "Switch"})
_LOOPS = frozenset({"Enter", "Exit", "NextIteration"})
_KEEPS_STATE = re.compile(
    "Random|Multinomial|Stateful|Table|TensorArray|Print|Stack|Variable|Queue"
)


def drop_waits(graph: Graph) -> int:
    """Have nodes wait for nothing but their values; return how many have waited."""
    ops = {node["op"] for node in graph.nodes.values()}
    if ops & _LOOPS:
        return 0
    count = 0
    for node in list(graph.nodes.values()):
        waits = [name for name in node.get("input", ()) if name.startswith("^")]
        if not waits or node["name"] not in graph.nodes or _KEEPS_STATE.search(node["op"]):
            continue
        if ops & _BRANCHES and not _is_placed_by_readers(node, graph):
            continue
        values = [name for name in node["input"] if not name.startswith("^")]
        others = {key: value for key, value in node.items() if key != "input"}
        graph.put({**others, "input": values} if values else others)
        graph.remove(*map(node_of, waits))
        count += 1
    return count


def _is_placed_by_readers(node: Json, graph: Graph) -> bool:
    """Return whether a node is a constant all of whose readers read another value, too."""
    readers = graph.readers(node["name"])
    if node["op"] != "Const" or readers is None:
        return False
    return all(
        reader["op"] not in _BRANCHES
        and any(graph.op(name) != "Const" for name in reader["input"] if not name.startswith("^"))
        for reader in readers
    )


def share_nodes(graph: Graph) -> int:
    """Merge nodes that compute the same; return how many are gone, without constants."""
    gone: list[str] = []
    while merged := _merge_once(graph):
        gone += merged
    return sum(op != "Const" for op in gone)


def _merge_once(graph: Graph) -> list[str]:
    """Merge nodes that read the same; return the ops of those that are gone."""
    first: dict[str, str] = {}
    gone: list[str] = []
    for node in list(graph.nodes.values()):
        key = _key(graph.nodes.get(node["name"]), graph)
        if key is None:
            continue
        name = first.setdefault(key, node["name"])
        if name == node["name"]:
            continue
        if graph.readers(node["name"]) is None or graph.is_kept(node["name"]):
            continue
        graph.redirect(node["name"], name)
        gone.append(node["op"])
    return gone


def _key(node: Json | None, graph: Graph) -> str | None:
    """Return a text that is the same for nodes that compute the same; None for other nodes."""
    if node is None or node["op"] not in _MERGED:
        return None
    inputs = inputs_of(node)
    if inputs is None:
        return None
    if node["op"] == "Const":
        values = graph.constant(node["name"], most=_MOST)
        if values is None or values.dtype.kind not in "fib" or values.size > _MOST:
            return None
        stated = (node.get("attr") or {}).get("dtype")
        return json.dumps(
            ["Const", stated, values.dtype.str, values.shape, values.tobytes().hex()],
            sort_keys=True,
        )
    named = [name.removesuffix(":0") for name in inputs]
    return json.dumps([node["op"], named, node.get("attr") or {}], sort_keys=True)
