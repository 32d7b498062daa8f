"""Ends of a frozen graph: its input and output tensors.

A frozen graph has no signature. Its inputs are the placeholders that its outputs need; its
outputs are the nodes that no node reads, if these are unambiguous.
"""

from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework import op_def_registry

from pipeline.errors import PipelineError, SignatureError
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tf.import_graph import import_graph
from pipeline.tf.untrusted.reach import find_reached, node_of, prune
from pipeline.tf.untrusted.refuse import check_trusted_graph

PLACEHOLDERS = {"Placeholder", "PlaceholderV2"}
_DEFAULTED = {"PlaceholderWithDefault"}
# Ops with a result that is no output: they are left from training.
_NO_OUTPUTS = {
    "Const", "Shape", "ShapeN", "BroadcastGradientArgs",
    "Assign", "AssignAdd", "AssignSub", "VarIsInitializedOp", "IsVariableInitialized",
    "IteratorToStringHandle", "Restore", "RestoreSlice", "RestoreV2", "ShardedFilename",
    "AudioSummary", "HistogramSummary", "ImageSummary", "MergeSummary", "ScalarSummary",
    "TensorSummary", "TensorSummaryV2",
}  # fmt: skip
_SWITCHES = {"Switch", "RefSwitch"}
_LOOP_ENDS = {"Exit", "RefExit", "LoopCond"}
# Ops whose further outputs are for training.
_FIRST_ONLY = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}
_NUM_LISTED = 20


def choose_outputs(graph: GraphDef, asked: Sequence[str] | None, *, trust: bool) -> list[str]:
    """Return the names of the output tensors, those of the manifest or those of the graph.

    Args:
        graph: The whole graph.
        asked: The manifest's `output_node_names`: names of nodes or tensors; None to find them.
        trust: Whether the graph may touch this machine; to read it may touch the machine.

    Raises:
        SignatureError: A name does not exist, or the outputs are ambiguous.
    """
    if asked:
        nodes = {node.name: node for node in graph.node}
        found = [_find(name.strip(), nodes) for name in asked if name.strip()]
        return list(dict.fromkeys(found))
    ends = _find_ends(graph)
    if not ends:
        raise SignatureError(
            "the graph does not tell what its outputs are: every node is read by another",
            hint="name them with `output_node_names:`",
        )
    tensors = _list_tensors(graph, ends, trust=trust)
    if len(ends) == 1:
        return [name for name, _ in tensors]
    listed = "".join(f"\n  {text}" for _, text in tensors[:_NUM_LISTED])
    more = f"\n  and {len(tensors) - _NUM_LISTED} more" if len(tensors) > _NUM_LISTED else ""
    raise SignatureError(
        f"the graph may have {len(ends)} outputs, and does not tell which are meant:{listed}{more}",
        hint="name those that are, in the order to return them, as in "
        f"`output_node_names: [{', '.join(name_end(name) for name, _ in tensors[:_NUM_LISTED])}]`",
    )


def list_outputs(graph: GraphDef) -> list[str]:
    """Return the names of all tensors that may be outputs: those of nodes that no node reads."""
    ends = _find_ends(graph)
    return [name_end(name) for name, _ in _list_tensors(graph, ends, trust=False)] if ends else []


def find_inputs(graph: GraphDef) -> list[str]:
    """Return the names of a pruned graph's input tensors, in the order of the graph.

    A placeholder with a default is an input if there is no other input; else it is a switch such as
    "is training", and keeps its default.
    """
    for ops in (PLACEHOLDERS, _DEFAULTED):
        if names := [f"{node.name}:0" for node in graph.node if node.op in ops]:
            return names
    return []


def name_end(tensor: str) -> str:
    """Return the name of an input or output: "scores", or "split_1" for "split:1"."""
    return tensor.removesuffix(":0")


def _find(name: str, nodes: Mapping[str, NodeDef]) -> str:
    node, _, index = name.partition(":")
    if node not in nodes or not (index or "0").isdigit():
        meant = did_you_mean(find_similar(node, nodes))
        raise SignatureError(f"output_node_names: the graph has no {name!r}{meant}")
    return f"{node}:{int(index or 0)}"


def _find_ends(graph: GraphDef) -> list[NodeDef]:
    """Return the nodes that no node reads; those that depend on an input, if any do."""
    read = {node_of(name) for node in graph.node for name in node.input if name[:1] != "^"}
    fed = {node.name for node in graph.node if node.op in PLACEHOLDERS | _DEFAULTED}
    left_out = read | fed
    ends = [node for node in graph.node if node.name not in left_out and _returns(node)]
    ends = [end for end in ends if fed & find_reached(graph, [end.name]).nodes] or ends
    nodes = {node.name: node for node in graph.node}
    return [end for end in ends if not _steers(end, nodes)] or ends


def _steers(node: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """Return whether a node is left over from a branch or loop of TensorFlow 1.

    A switch returns a value on only one of its outputs. An unread loop variable is the loop's
    counter, unless it has a name of its own.
    """
    if node.op in _LOOP_ENDS:
        return True
    while node.op == "Identity" and node_of(node.input[0]) in nodes:
        node = nodes[node_of(node.input[0])]
    return node.op in _SWITCHES


def _returns(node: NodeDef) -> bool:
    """Return whether a node may return an output; a node of an unknown op may."""
    definition = op_def_registry.get(node.op)
    return node.op not in _NO_OUTPUTS and (definition is None or bool(definition.output_arg))


def _list_tensors(
    graph: GraphDef, ends: Iterable[NodeDef], *, trust: bool
) -> list[tuple[str, str]]:
    """Return name and description of the tensors that nodes return."""
    nodes = list(ends)
    pruned = prune(graph, [node.name for node in nodes])
    try:
        if not trust:
            check_trusted_graph(pruned)
        imported = import_graph(pruned)
    except (ValueError, tf.errors.OpError, PipelineError):
        # An unknown op may have any number of outputs, and a graph that is not trusted is not
        # read.
        return [(f"{node.name}:0", f"{node.name}: {node.op}") for node in nodes]
    listed = []
    for node in nodes:
        tensors = imported.get_operation_by_name(node.name).outputs
        for tensor in tensors[:1] if node.op in _FIRST_ONLY else tensors:
            about = f"{node.op} {tensor.dtype.name} {_format_shape(tensor.shape)}"
            listed.append((tensor.name, f"{name_end(tensor.name)}: {about}"))
    return listed


def _format_shape(shape: tf.TensorShape) -> str:
    return "of unknown shape" if shape.rank is None else str(tuple(shape.as_list()))
