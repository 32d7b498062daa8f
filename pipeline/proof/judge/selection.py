"""Selection: finds the outputs behind a choice that a rounding error can change.

Non-maximum suppression, top-k and arg-max turn numbers into a choice. Two boxes whose scores
differ by less than rounding change their order, and then no value agrees although nothing is
wrong. Such outputs are judged as a set. The graph shows which outputs these are. This module
opens no file.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.tfjs.model.topology import Node, Topology, split_tensor_name

# Ops whose rows have an order, or a number, that depends on values.
ROW_OPS = frozenset(
    {
        *("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3"),
        *("NonMaxSuppressionV4", "NonMaxSuppressionV5", "NonMaxSuppressionWithOverlaps"),
        *("CombinedNonMaxSuppression", "TopK", "TopKV2", "Where", "Unique", "UniqueV2"),
    }
)

# Ops whose values keep their positions, but jump from one value to another.
CHOICE_OPS = frozenset({"ArgMax", "ArgMin"})

SELECTION_OPS = ROW_OPS | CHOICE_OPS


def outputs_behind_selection(
    topology: Topology, outputs: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the outputs that depend on a selection among computed values.

    A selection counts if its candidates depend on weights, that is on a float constant of two
    values or more. A search of a text with `Where` is exact and does not count; the boxes that a
    network finds depend on every rounding before them.

    Args:
        topology: The graph.
        outputs: Names of tensors, as `node:index`.

    Returns:
        For each output behind a selection the ops that select, sorted; other outputs are left out.
    """
    weights = {node.name for node in topology.nodes.values() if _is_weight(node)}
    selecting = {
        name: ops & SELECTION_OPS
        for name, node in topology.nodes.items()
        if (ops := _ops_of(node, topology)) & SELECTION_OPS and _ancestors(topology, name) & weights
    }
    found = {}
    for output in outputs:
        ancestors = _ancestors(topology, split_tensor_name(output)[0])
        ops = {op for name in ancestors & selecting.keys() for op in selecting[name]}
        if ops:
            found[output] = tuple(sorted(ops))
    return found


def selects_rows(ops: Iterable[str]) -> bool:
    """Return whether the ops may change the order of rows, and not only values."""
    return not ROW_OPS.isdisjoint(ops)


def _ancestors(topology: Topology, name: str) -> set[str]:
    """Return the nodes whose values enter a node, and the node itself.

    A control input does not count: raw boxes of the Object Detection API wait for an assertion on
    the selected boxes.
    assertion on the selected ones, does not enter.
    """
    seen = {name}
    frontier = [name]
    while frontier:
        for tensor in topology.nodes[frontier.pop()].data_inputs:
            source = split_tensor_name(tensor)[0]
            if source not in seen:
                seen.add(source)
                frontier.append(source)
    return seen


def _is_weight(node: Node) -> bool:
    """Return whether a node is a float constant of two values or more."""
    if node.op != "Const":
        return False
    value: Mapping[str, Any] = node.attrs.get("value", {}).get("tensor", {})
    if value.get("dtype", node.attrs.get("dtype", {}).get("type")) not in _FLOATS:
        return False
    sizes = [int(axis.get("size", 0)) for axis in value.get("tensorShape", {}).get("dim", ())]
    return any(size > 1 for size in sizes)


_FLOATS = ("DT_FLOAT", "DT_HALF", "DT_DOUBLE", 1, 19, 2)


def _ops_of(node: Node, topology: Topology) -> set[str]:
    """Return the op of a node and all ops of the functions that it calls."""
    ops = {node.op}
    called: set[str] = set()
    frontier = node.called_functions
    while frontier := frontier & topology.functions.keys() - called:
        called |= frontier
        nodes = [inner for name in frontier for inner in topology.functions[name].values()]
        ops |= {inner.op for inner in nodes}
        frontier = {name for inner in nodes for name in inner.called_functions}
    return ops
