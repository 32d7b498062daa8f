"""Frozen graphs: reads a GraphDef from a file, and prepares it to be converted or run.

`pipeline.tf.frozen.frozen_ends` finds its inputs and outputs.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from google.protobuf import message, text_format
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from pipeline.errors import ConversionError, FormatError, SignatureError
from pipeline.text.suggest import list_first
from pipeline.tf.cut_front import cut_front
from pipeline.tf.frozen.frozen_ends import PLACEHOLDERS, choose_outputs, find_inputs
from pipeline.tf.import_graph import import_graph
from pipeline.tf.reasons import find_unknown_op, format_reason
from pipeline.tf.saved_model.tables import VARIABLES, find_initializer
from pipeline.tf.untrusted.reach import prune
from pipeline.tf.untrusted.refuse import check_trusted_graph

# Graphs before this version wrote an unknown shape like the shape of a scalar: array_ops.cc, the
# shape function of Placeholder.
_UNKNOWN_IS_STATED = 24
_NUM_NAMED = 10
_JOB = re.compile(r"/job:([^/]+)")
# Other files that people take for a frozen graph, by their first bytes.
_OTHERS = {
    b"\x89HDF": "a HDF5 file, perhaps a Keras model",
    b"PK\x03\x04": "a zip archive",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file",
    b"item": "a label map",
    b"model_checkpoint_path": "the index of a checkpoint",
}


@dataclass(frozen=True, kw_only=True)
class FrozenGraph:
    """A frozen graph, without the nodes that its outputs do not need.

    Attributes:
        graph: The graph.
        inputs: Its input tensors.
        outputs: Its output tensors.
        initializer: The graph that fills its tables, None if it has no tables.
        repairs: Sentences on its changes.
    """

    graph: tf.Graph
    inputs: Sequence[tf.Tensor]
    outputs: Sequence[tf.Tensor]
    initializer: tf.Graph | None
    repairs: Sequence[str]


def load_frozen_graph(
    path: Path, *, output_node_names: Sequence[str] | None, trust: bool
) -> FrozenGraph:
    """Read a frozen graph and keep only the nodes that its outputs need.

    Args:
        path: A .pb (binary) or .pbtxt file.
        output_node_names: Nodes or tensors of the manifest; None to find them.
        trust: Whether the graph may touch this machine.

    Raises:
        FormatError: The file is no frozen graph, or is cut off.
        SignatureError: An output does not exist, or the outputs are ambiguous.
        UntrustedSourceError: The graph touches the machine, and is not trusted.
        ConversionError: The graph is not frozen, or TensorFlow cannot read it.
    """
    whole = read_graph(path)
    cut = cut_front(whole)
    whole = whole if cut is None else cut.graph
    outputs = choose_outputs(whole, output_node_names, trust=trust)
    graph = prune(whole, outputs)
    _check_frozen(graph)
    initializer = find_initializer(graph, whole)
    parts = [graph] if initializer is None else [graph, initializer]
    if not trust:
        for part in parts:
            check_trusted_graph(part)
    repairs = [*_state_unknown_shapes(graph), *_forget_machines(parts)]
    left = {node.name for node in graph.node}
    cuts = {} if cut is None else cut.repairs
    repairs += [sentence for name, sentence in cuts.items() if name in left]
    imported = _import(graph, path)
    return FrozenGraph(
        graph=imported,
        inputs=[imported.get_tensor_by_name(name) for name in find_inputs(graph)],
        outputs=[_find_tensor(imported, name) for name in outputs],
        initializer=None if initializer is None else _import(initializer, path),
        repairs=repairs,
    )


def read_graph(path: Path) -> GraphDef:
    """Read a graph from a .pb or .pbtxt file.

    Raises:
        FormatError: The file is no graph, or is cut off.
    """
    content = path.read_bytes()
    graph = GraphDef()
    is_graph = _parse(graph, path, content)
    if not is_graph or not graph.node or not all(node.name and node.op for node in graph.node):
        raise FormatError(
            f"{path.name} is no frozen graph{_describe_other(path, content)}; expected a GraphDef",
            hint="a download may have been cut off; of a SavedModel point `source:` at its folder",
        )
    return graph


def _parse(kind: message.Message, path: Path, content: bytes) -> bool:
    try:
        if path.suffix == ".pbtxt":
            text_format.Parse(content, kind)
        else:
            kind.ParseFromString(content)
    except (message.DecodeError, text_format.ParseError, UnicodeDecodeError):
        return False
    return True


def _describe_other(path: Path, content: bytes) -> str:
    """Return the kind of a file that is no GraphDef, "" if unknown: " but a SavedModel, …"."""
    for start, kind in _OTHERS.items():
        if content.lstrip().startswith(start):
            return f" but {kind}"
    saved_model, meta_graph = SavedModel(), MetaGraphDef()
    if _parse(saved_model, path, content) and saved_model.meta_graphs:
        return " but a SavedModel, whose folder has its variables"
    if _parse(meta_graph, path, content) and meta_graph.graph_def.node:
        return " but a MetaGraph, which lacks the values of its variables"
    return ""


def _check_frozen(graph: GraphDef) -> None:
    names = [node.name for node in graph.node if node.op in VARIABLES]
    if names:
        raise ConversionError(
            "the graph is not frozen: it lacks the values of its variables "
            f"{list_first(names, _NUM_NAMED)}",
            hint="take the SavedModel, or freeze the graph with its checkpoint "
            "(python -m tensorflow.python.tools.freeze_graph)",
        )


def _state_unknown_shapes(graph: GraphDef) -> list[str]:
    """Mark shapes of placeholders in an old graph as unknown; return sentences on the changes."""
    if graph.versions.producer >= _UNKNOWN_IS_STATED:
        return []
    changed = []
    for node in graph.node:
        shape = node.attr["shape"].shape
        if node.op in PLACEHOLDERS and not shape.dim and not shape.unknown_rank:
            shape.unknown_rank = True
            changed.append(node.name)
    if not changed:
        return []
    why = "which a graph of this age means where TensorFlow.js reads a scalar"
    return [f"the shape of {', '.join(changed)} was written as unknown, {why}"]


def _forget_machines(graphs: Iterable[GraphDef]) -> list[str]:
    """Remove other machines on which training placed nodes; return sentences on the changes."""
    found = set()
    for graph in graphs:
        for node in (*graph.node, *(n for f in graph.library.function for n in f.node_def)):
            job = _JOB.match(node.device)
            if job and job[1] != "localhost":
                found.add(job[1])
                node.ClearField("device")
    if not found:
        return []
    return [
        f"nodes that were placed on other machines ({', '.join(sorted(found))}) run on this one"
    ]


def _import(graph: GraphDef, path: Path) -> tf.Graph:
    try:
        return import_graph(graph)
    except Exception as error:
        if unknown := find_unknown_op(error):
            raise unknown from error
        reason = format_reason(error, path)
        raise ConversionError(f"TensorFlow cannot read the graph: {reason}") from error


def _find_tensor(graph: tf.Graph, name: str) -> tf.Tensor:
    try:
        return graph.get_tensor_by_name(name)
    except KeyError:
        operation = graph.get_operation_by_name(name.partition(":")[0])
        raise SignatureError(
            f"output_node_names: {operation.name} returns {len(operation.outputs)} tensors, "
            f"there is no {name}"
        ) from None
