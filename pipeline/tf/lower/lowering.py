"""Lowering: replaces ops that TensorFlow.js lacks, or computes wrongly, by subgraphs.

It runs before the converter optimizes, so that constants fold and products fuse in the subgraphs
too. A rule is a function of TensorFlow that computes the result of the op; the other modules of
this folder have the rules. A graph without these ops is returned unchanged.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.complex_numbers import pair_complex
from pipeline.tf.lower.list_padding import pad_lists
from pipeline.tf.lower.lowering_body import Body, Replacement, read_bodies, replace_nodes, trace
from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded
from pipeline.tf.lower.lowering_rules import RULES
from pipeline.tf.nodes import all_nodes
from pipeline.tfjs.op_support import mapped_ops
from pipeline.tfjs.text_ops import TEXT_OPS

_Place = tuple[str, str]
"""A node: the name of its function, empty for the graph, and its own."""

# Values in an optional are lost by its rule, so no op may read them.
_OPTIONALS = {"OptionalFromValue", "OptionalNone"}
_READS_OPTIONALS = {"OptionalGetValue", "OptionalHasValue"}
# A rule may use an op that has a rule itself.
_NUM_ROUNDS = 4


def lower_graph(graph_def: GraphDef, *, keep: Collection[str]) -> tuple[GraphDef, list[str]]:
    """Return a graph in which rules have replaced the ops that TensorFlow.js lacks.

    Args:
        graph_def: A frozen graph and its function library; it is left as it is.
        keep: Names of the nodes that are its results; nodes that they do not need stay.

    Returns:
        The graph, and a sentence for each kind of change with its number; the same graph and an
        empty list without changes. All nodes keep their names.
    """
    lowered, reasons = pair_complex(graph_def, keep=keep, needed=_needed(graph_def, keep))
    lowered, padded = pad_lists(lowered)
    reasons += padded
    ops = {node.op for node in all_nodes(lowered)}
    left = _OPTIONALS if ops & _READS_OPTIONALS else set()
    brought = TEXT_OPS - RULES.keys() - (mapped_ops() or frozenset())
    if ops & brought or any(_compares_texts(node) for node in all_nodes(lowered)):
        left |= TEXT_OPS  # the loader brings these ops in any case, and computes all of them
    settled: set[_Place] = set()
    for _ in range(_NUM_ROUNDS):
        if not any(_may_lower(node) and node.op not in left for node in all_nodes(lowered)):
            break
        copy = GraphDef()
        copy.CopyFrom(lowered)
        done = _lower_once(copy, _needed(copy, keep), left, settled)
        if not done:
            break
        reasons += done
        lowered = copy
    return lowered, [
        f"{reason} ({count} in this graph)" for reason, count in sorted(reasons.items())
    ]


def _lower_once(
    graph_def: GraphDef,
    needed: Collection[str],
    left: Collection[str],
    settled: set[_Place],
) -> Counter[str]:
    """Replace nodes in place; `settled` gets those that no rule may replace again."""
    reasons: Counter[str] = Counter()
    for body in read_bodies(graph_def, _may_lower):
        chosen = [
            node
            for node in body.nodes
            if _may_lower(node)
            and node.op not in left
            and (body.name, node.name) not in settled
            and (body.is_function or node.name in needed)
        ]
        replacements = _trace_nodes(body, chosen, reasons)
        if replacements:
            ops = {node.name: node.op for node in chosen if node.name in replacements}
            old = {node.name for node in body.nodes} - ops.keys()
            replace_nodes(body, replacements)
            settled |= {
                (body.name, node.name)
                for node in body.nodes
                if node.name not in old and node.op in RULES and _is_made(node, ops)
            }
    return reasons


def _is_made(node: NodeDef, ops: Mapping[str, str]) -> bool:
    """Return whether a node is in the replacement of a node of its op, or in a final one."""
    parts = node.name.split("/")
    names = ("/".join(parts[:i]) for i in range(1, len(parts) + 1))
    replaced = [ops[name] for name in names if name in ops]
    return any(op == node.op or RULES[op].is_final for op in replaced)


def _trace_nodes(
    body: Body, nodes: Iterable[NodeDef], reasons: Counter[str]
) -> dict[str, Replacement]:
    replacements = {}
    for node in nodes:
        rule: Lowering = RULES[node.op]
        try:
            made = trace(body.graph.get_operation_by_name(node.name), node, rule.lower)
        except NotNeeded:
            continue
        except NotLowered as reason:
            print(f"{node.op} '{node.name}' stays as it is: {reason}")
            continue
        replacements[node.name] = made
        reasons[rule.describe(node.op)] += 1
    return replacements


def _compares_texts(node: NodeDef) -> bool:
    """Return whether `tfjs/rewrite/texts.py` makes an op of the loader of a node."""
    return node.op in {"Equal", "NotEqual"} and node.attr["T"].type == tf.string.as_datatype_enum


def _may_lower(node: NodeDef) -> bool:
    return node.op in RULES and RULES[node.op].applies(node)


def _needed(graph_def: GraphDef, keep: Collection[str]) -> set[str]:
    """Return the names of the nodes that results need, also through control inputs."""
    nodes: Mapping[str, NodeDef] = {node.name: node for node in graph_def.node}
    waiting = [name for name in keep if name in nodes]
    needed = set(waiting)
    while waiting:
        for reference in nodes[waiting.pop()].input:
            name = reference.removeprefix("^").partition(":")[0]
            if name in nodes and name not in needed:
                needed.add(name)
                waiting.append(name)
    return needed
