"""Refuses graphs that might touch this machine when they are loaded or converted.

Loading a SavedModel runs its initializers; reading and optimizing any graph runs nodes that fold
into a constant; a reference runs the model. So every node of the graph and of all functions must
have an op that is known to leave the machine alone (`pipeline.tf.untrusted.op_classes`). An op
that TensorFlow lacks is left to TensorFlow, which refuses the graph.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.types_pb2 import DT_RESOURCE, DT_VARIANT
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework import op_def_registry

from pipeline.errors import UntrustedSourceError
from pipeline.tf.op_check import refuse_forests
from pipeline.tf.saved_model.meta_graph import read_assets
from pipeline.tf.untrusted.initializer_runs import Runs, find_runs
from pipeline.tf.untrusted.op_advice import advise
from pipeline.tf.untrusted.op_classes import ALLOWED, LEFT_OVER, REASONS, op_classes
from pipeline.tf.untrusted.origins import Origins
from pipeline.tf.untrusted.reach import Library, attributes_of, passed_by, tensor_of

_HANDLES = {DT_RESOURCE, DT_VARIANT}
# Ops that may run only with some values of an attribute: the attribute, these values, and the
# effect of others.
_ASKED = {
    "PrintV2": ("output_stream", rb"stdout|stderr|log\((info|warning|error)\)|", "into a file"),
    "DecodeProtoV2": ("descriptor_source", rb"local://|bytes://.*|", "with a descriptor file"),
    "EncodeProto": ("descriptor_source", rb"local://|bytes://.*|", "with a descriptor file"),
    "FixedUnigramCandidateSampler": ("vocab_file", rb"", "of a file of words"),
    "SimpleMLLoadModelFromPathWithHandle": ("file_prefix", rb"[^/]*", "of another folder"),
}
# Ops that make tensors of bytes, with any dtype.
_UNPACKING = {
    "ParseTensor", "DeserializeSparse", "DeserializeManySparse",
    "Restore", "RestoreSlice", "RestoreV2",
}  # fmt: skip
_READS_CHECKPOINT = {"Restore", "RestoreSlice", "RestoreV2"}
# They open the file that their second input names.
_READS_ASSET = {
    "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
    "SimpleMLLoadModelFromPathWithHandle",
}  # fmt: skip
_NO_ASSET = "of a file that is no asset"
_OTHER_CHECKPOINT = "of another checkpoint"


def check_trusted(meta_graph: MetaGraphDef, library: Library | None = None) -> None:
    """Raise if a graph, or a function in it, has ops that might touch the machine.

    Args:
        meta_graph: The graph.
        library: What was looked up of the graph before.

    Raises:
        UntrustedSourceError: It has such ops; the message names them.
        ConversionError: It has ops of Decision Forests that train, or load from anywhere.
        FormatError: Its list of files is damaged.
    """
    library = library or Library(meta_graph.graph_def)
    runs = find_runs(meta_graph, library)
    found = set(_find_touching(meta_graph.graph_def, library))
    found |= set(_find_misplaced(meta_graph, runs, library))
    found |= set(_find_foreign_files(meta_graph, runs, library))
    _refuse(found | set(_find_outside(asset.filename for asset in read_assets(meta_graph))))


def check_trusted_graph(graph: GraphDef) -> None:
    """Raise if a graph without assets and without variables might touch the machine.

    All its nodes count as run.

    Raises:
        UntrustedSourceError: It has such ops; the message names them.
        ConversionError: It has ops of Decision Forests that train, or load from anywhere.
    """
    found = set(_find_touching(graph, Library(graph)))
    for node in _all_nodes(graph):
        if op_classes().get(node.op) in LEFT_OVER:
            found.add(_say(node.op))
        elif node.op in _READS_ASSET:
            found.add(f"{node.op} ({_NO_ASSET})")
    _refuse(found)


def _refuse(found: Collection[str]) -> None:
    if not found:
        return
    refuse_forests(
        op for op in (text.partition(" ")[0] for text in found) if op_classes().get(op) == "forests"
    )
    listed = sorted(found)
    trust = "set `trust: true` for this model if you know who made it"
    raise UntrustedSourceError(
        f"the graph holds ops that may touch this machine: {', '.join(listed)}",
        hint="\n  ".join([trust, *advise(text.partition(" ")[0] for text in listed)]),
    )


def _say(op: str) -> str:
    """Return an op and its subject: "ReadFile (files)"."""
    return f"{op} ({REASONS[op_classes().get(op)]})"


def _find_touching(graph: GraphDef, library: Library) -> Iterator[str]:
    """Yield the ops that may be in no graph, whether they run or not."""
    for op in {node.op for node in _all_nodes(graph)}:
        if not _may_stand(op):
            yield _say(op)
    bodies = (library.passed(function) for function in library.functions())
    for name in passed_by(graph.node).union(*bodies):
        if _is_op(name):
            yield f"{name} (called as if it were a function)"
    for node in _all_nodes(graph):
        if node.op in _ASKED:
            yield from _ask(node)
        yield from _find_handles(node)


def _may_stand(op: str) -> bool:
    return op_classes().get(op) in ALLOWED | LEFT_OVER or not _is_op(op)


def _is_op(name: str) -> bool:
    """Return whether TensorFlow has an op of this name; else it is a function, or nothing."""
    return name in op_classes() or op_def_registry.get(name) is not None


def _ask(node: NodeDef) -> Iterator[str]:
    """Yield an op whose attribute has a value that may not run.

    A function with a placeholder leaves the values of attributes to its callers.
    """
    name, good, otherwise = _ASKED[node.op]
    if name not in node.attr:
        return
    value: AttrValue = node.attr[name]
    if value.WhichOneof("value") != "s" or not re.fullmatch(good, value.s, re.DOTALL):
        yield f"{node.op} ({otherwise})"


def _find_handles(node: NodeDef) -> Iterator[str]:
    """Yield constants that would be objects of this process: a handle, a pipeline."""
    unpacks = node.op in _UNPACKING
    for kind, value in attributes_of(node):
        held: list[int] = []
        if kind == "tensor":
            held = [value.tensor.dtype]
        elif kind == "list":
            held = [tensor.dtype for tensor in value.list.tensor]
            held += value.list.type if unpacks else ()
        elif kind == "type" and unpacks:
            held = [value.type]
        if not _HANDLES.isdisjoint(held) or (unpacks and kind == "placeholder"):
            yield f"{node.op} (of a handle)"


def _find_misplaced(meta_graph: MetaGraphDef, runs: Runs, library: Library) -> Iterator[str]:
    """Yield ops that may be in a graph only if they never run, and do run."""
    graph = meta_graph.graph_def
    for _, node in (*runs.called.walk(graph), *runs.started.walk(graph)):
        if op_classes().get(node.op) in LEFT_OVER:
            yield _say(node.op)
    for _, node in runs.owned.walk(graph):
        # An op that waits can do no more, and the time limit of the job ends it.
        if op_classes().get(node.op) in LEFT_OVER - {"waits"}:
            yield _say(node.op)
    prefix = Origins(
        graph=graph,
        objects=meta_graph.object_graph_def,
        given={tensor_of(meta_graph.saver_def.filename_tensor_name)},
        library=library,
    )
    for function, node in runs.restored.walk(graph):
        if node.op in _READS_CHECKPOINT:
            if not node.input or not prefix.is_given(function, node.input[0]):
                yield f"{node.op} ({_OTHER_CHECKPOINT})"
        elif op_classes().get(node.op) in LEFT_OVER:
            yield _say(node.op)


def _find_foreign_files(meta_graph: MetaGraphDef, runs: Runs, library: Library) -> Iterator[str]:
    """Yield tables and forests of a file that is no asset, or read at a time without assets."""
    graph = meta_graph.graph_def
    assets = Origins(
        graph=graph,
        objects=meta_graph.object_graph_def,
        given={tensor_of(asset.tensor_info.name) for asset in read_assets(meta_graph)},
        library=library,
    )
    bodies = [("", graph.node)]
    bodies += [(function.signature.name, function.node_def) for function in graph.library.function]
    for function, nodes in bodies:
        for node in nodes:
            if node.op in _READS_ASSET and not (
                len(node.input) > 1 and assets.is_given(function, node.input[1])
            ):
                yield f"{node.op} ({_NO_ASSET})"
    for _, node in (*runs.called.walk(graph), *runs.restored.walk(graph)):
        if node.op in _READS_ASSET:
            yield f"{node.op} ({_NO_ASSET})"


def _find_outside(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            yield "an asset outside the model's folder"


def _all_nodes(graph: GraphDef) -> Iterator[NodeDef]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
