"""Lowering: replaces ops that TensorFlow.js lacks, or computes wrongly, by subgraphs.

It runs before the converter optimizes, so that constants fold and products fuse in the subgraphs
too. A rule is a function of TensorFlow that computes the result of the op; the other modules of
this folder have the rules. A graph without these ops is returned unchanged.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.complex_numbers import pair_complex
from pipeline.tf.lower.list_padding import pad_lists
from pipeline.tf.lower.lowering_body import Body, Replacement, read_bodies, replace_nodes, trace
from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded
from pipeline.tf.lower.lowering_rules import RULES
from pipeline.tf.lower.lowering_values import find_value
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


def lower_graph(
    graph_def: GraphDef, *, keep: Collection[str], graph: tf.Graph | None = None
) -> tuple[GraphDef, list[str]]:
    """Return a graph in which rules have replaced the ops that TensorFlow.js lacks.

    Args:
        graph_def: A frozen graph and its function library; it is left as it is.
        keep: Names of the nodes that are its results; nodes that they do not need stay.
        graph: The same graph in TensorFlow where it has been imported.

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
        needed = _needed(lowered, keep)
        if not any(_find_open(lowered, needed, left, settled)):
            break
        copy = GraphDef()
        copy.CopyFrom(lowered)
        done = _lower_once(
            copy, needed, left, settled, graph=graph if lowered is graph_def else None
        )
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
    *,
    graph: tf.Graph | None,
) -> Counter[str]:
    """Replace nodes in place; `settled` gets those that no rule may replace again."""
    reasons: Counter[str] = Counter()
    refused: set[_Place] = set()
    is_known = True
    for body in read_bodies(graph_def, _may_lower, graph=graph):
        chosen = list(_choose(body.name, body.nodes, needed, left, settled))
        replacements = _trace_nodes(body, chosen, reasons)
        refused |= {(body.name, node.name) for node in chosen if node.name not in replacements}
        if replacements:
            is_known &= all(_tells_no_more(body, *item) for item in replacements.items())
            ops = {node.name: node.op for node in chosen if node.name in replacements}
            old = {node.name for node in body.nodes} - ops.keys()
            replace_nodes(body, replacements)
            settled |= {
                (body.name, made)
                for name, replacement in replacements.items()
                for made in _refused_in(name, replacement)
                if made not in old
            }
            settled |= {
                (body.name, node.name)
                for node in body.nodes
                if node.name not in old and node.op in RULES and _is_made(node, ops)
            }
    if is_known:
        settled |= refused  # a rule would find in the next round what it found in this
    return reasons


def _find_open(
    graph_def: GraphDef,
    needed: Collection[str],
    left: Collection[str],
    settled: Collection[_Place],
) -> Iterator[NodeDef]:
    """Yield the nodes of a graph and its functions that a rule may still replace."""
    yield from _choose("", graph_def.node, needed, left, settled)
    for function in graph_def.library.function:
        yield from _choose(function.signature.name, function.node_def, needed, left, settled)


def _choose(
    function: str,
    nodes: Iterable[NodeDef],
    needed: Collection[str],
    left: Collection[str],
    settled: Collection[_Place],
) -> Iterator[NodeDef]:
    for node in nodes:
        is_open = node.op not in left and (function, node.name) not in settled
        if is_open and (function or node.name in needed) and _may_lower(node):
            yield node


def _tells_no_more(body: Body, name: str, made: Replacement) -> bool:
    """Return whether as much is known of a replacement's results as was of the node's.

    That are shapes, and values without a run of the model. A rule reads nothing else of its inputs.
    Whole numbers may be sizes, of which TensorFlow also knows single ones.
    """
    old = body.graph.get_operation_by_name(name).outputs
    return all(
        not before.dtype.is_integer
        and before.shape.as_proto() == after.shape.as_proto()
        and find_value(before) is None
        and find_value(after) is None
        for before, after in zip(old, made.outputs, strict=True)
    )


def _refused_in(name: str, made: Replacement) -> Iterator[str]:
    """Yield the names of the nodes in the replacement of a node that their rules leave alone."""
    for op in made.outputs[0].graph.get_operations() if made.outputs else ():
        if op.name not in made.inputs and op.type in RULES and _may_lower(op.node_def):
            try:
                trace(op, op.node_def, RULES[op.type].lower)
            except NotLowered:
                yield name if op is made.outputs[0].op else f"{name}/{op.name}"


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
