"""Untrusted: which graphs would touch this machine when they are loaded or converted.

Loading a SavedModel runs its initializers, and the converter's optimizer runs whatever it can
fold into a constant, so reading a file at conversion would publish that file as a weight. The
graph and all functions are searched before anything is loaded.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.types_pb2 import DT_STRING
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from pipeline.errors import UntrustedSourceError
from pipeline.tf.meta_graph import list_assets
from pipeline.tf.reach import calls_of, find_reached, node_of, reach

# After the list of TensorFlow 2.19's ops (tf.raw_ops); a version that an op has ("V2", and
# "Experimental" before it) is left out here and when names are compared.
_TOUCHING = {
    # Python of this process
    "PyFunc", "PyFuncStateless", "EagerPyFunc",
    # files
    "ReadFile", "WriteFile", "MatchingFiles", "FileSystemSetConfiguration",
    "FixedLengthRecordReader", "LMDBReader", "TFRecordReader", "TextLineReader",
    "WholeFileReader", "RecordInput", "LoadAndRemapMatrix", "GenerateVocabRemapping",
    "InitializeTRTResource", "CSVDataset", "CacheDataset", "DatasetToTFRecord",
    "FixedLengthRecordDataset", "LMDBDataset", "ListSnapshotChunksDataset", "LoadDataset",
    "MatchingFilesDataset", "SaveDataset", "SnapshotChunkDataset", "SnapshotDataset",
    "SnapshotDatasetReader", "SnapshotNestedDatasetReader", "SqlDataset", "TFRecordDataset",
    "TextLineDataset", "DistributedSave",
    # event files and debuggers
    "CreateSummaryDbWriter", "CreateSummaryFileWriter", "ImportEvent", "DebugIdentity",
    "DebugNanCount", "DebugNumericSummary",
    # the network and other devices
    "DataServiceDataset", "RegisterDataset", "RemoteCall", "Send", "Recv", "HostSend",
    "HostRecv", "ConfigureDistributedTPU", "ConfigureTPUEmbedding",
}  # fmt: skip
_WRITES_CHECKPOINT = {"Save", "SaveSlices", "MergeV2Checkpoints"}
_READS_CHECKPOINT = {"Restore", "RestoreSlice"}
_TABLE_FROM_FILE = {"InitializeTableFromTextFile"}  # its file has to be an asset
_SCREEN = {b"stdout", b"stderr", b"log(info)", b"log(warning)", b"log(error)", b""}
_OWN_PROTOS = (b"", b"local://", b"bytes://")
# Collections of TensorFlow 1 whose nodes are run on loading.
_RUN_ON_LOADING = ("saved_model_main_op", "legacy_init_op", "table_initializer")


def check_trusted(meta_graph: MetaGraphDef) -> None:
    """Raise when a graph, or a function in it, holds ops that touch the machine.

    Raises:
        UntrustedSourceError: It does; the message names the ops.
    """
    assets = list_assets(meta_graph)
    found = set(_find_touching(meta_graph.graph_def, set(assets)))
    found |= set(_find_named_files(meta_graph)) | set(_find_checkpoints(meta_graph))
    _refuse(found | set(_find_outside(assets.values())))


def check_trusted_graph(graph: GraphDef) -> None:
    """Raise when a graph that has no assets and nothing to restore touches the machine.

    Raises:
        UntrustedSourceError: It does; the message names the ops.
    """
    checkpoints = {
        node.op
        for nodes in _bodies(graph)
        for node in nodes
        if _plain(node.op) in _WRITES_CHECKPOINT | _READS_CHECKPOINT
    }
    _refuse(checkpoints | set(_find_touching(graph, set())))


def _refuse(found: Collection[str]) -> None:
    if found:
        raise UntrustedSourceError(
            f"the graph holds ops that touch this machine: {', '.join(sorted(found))}",
            hint="set `trust: true` for this model if you know who made it",
        )


def _find_touching(graph: GraphDef, assets: Collection[str]) -> Iterator[str]:
    yield from _find_tables(graph, assets)
    for node in (node for nodes in _bodies(graph) for node in nodes):
        op = _plain(node.op)
        if op in _TOUCHING:
            yield node.op
        elif op == "Print" and node.attr["output_stream"].s not in _SCREEN:
            yield f"{node.op} (into a file)"
        elif op in ("DecodeProto", "EncodeProto") and not _own_descriptor(node):
            yield f"{node.op} (with a descriptor file)"


def _find_tables(graph: GraphDef, assets: Collection[str]) -> Iterator[str]:
    """Find tables filled from a file whose name is in the graph, or computed by it."""
    for node in graph.node:
        if _plain(node.op) in _TABLE_FROM_FILE and node_of(node.input[1]) not in assets:
            yield f"{node.op} (of a file that is no asset)"
    for function in graph.library.function:
        arguments = {argument.name for argument in function.signature.input_arg}
        for node in function.node_def:
            if _plain(node.op) in _TABLE_FROM_FILE and node.input[1] not in arguments:
                yield f"{node.op} (of a file that is no asset)"


def _find_named_files(meta_graph: MetaGraphDef) -> Iterator[str]:
    """Find functions that fill a table from a file, and are given a text instead of an asset."""
    graph = meta_graph.graph_def
    filling = {
        function.signature.name: node.op
        for function in graph.library.function
        for node in function.node_def
        if _plain(node.op) in _TABLE_FROM_FILE
    }
    if not filling:
        return
    assets = list_assets(meta_graph)
    texts = {node.name for node in graph.node if _is_text(node)}.difference(assets)
    given = [(list(calls_of(node)), node.input) for node in graph.node]
    objects = meta_graph.object_graph_def
    for name, function in objects.concrete_functions.items():
        bound = [objects.nodes[i].constant.operation for i in function.bound_inputs]
        given.append(([name], bound))
    for called, inputs in given:
        if texts.intersection(map(node_of, inputs)):
            for name in find_reached(graph, (), called).functions & filling.keys():
                yield f"{filling[name]} (of a file that is no asset)"
    for function in graph.library.function:
        own = {f"{node.name}:output:0" for node in function.node_def if _is_text(node)}
        for node in function.node_def:
            if own.intersection(node.input):
                for name in find_reached(graph, (), calls_of(node)).functions & filling.keys():
                    yield f"{filling[name]} (of a file that is no asset)"


def _is_text(node: NodeDef) -> bool:
    return bool(node.op == "Const" and node.attr["dtype"].type == DT_STRING)


def _find_checkpoints(meta_graph: MetaGraphDef) -> Iterator[str]:
    """Find checkpoint ops outside the saver's own place, where every SavedModel has them."""
    graph = meta_graph.graph_def
    roots = [
        info.name
        for signature in meta_graph.signature_def.values()
        for info in signature.outputs.values()
    ]
    for name in _RUN_ON_LOADING:
        if name in meta_graph.collection_def:
            roots += meta_graph.collection_def[name].node_list.value
    called = list(meta_graph.object_graph_def.concrete_functions)
    for node in reach(graph, roots, called):
        if _plain(node.op) in _WRITES_CHECKPOINT | _READS_CHECKPOINT:
            yield node.op
    for node in reach(graph, [meta_graph.saver_def.restore_op_name]):
        if _plain(node.op) in _WRITES_CHECKPOINT:
            yield node.op


def _find_outside(assets: Iterable[str]) -> Iterator[str]:
    for name in assets:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            yield "an asset outside the model's folder"


def _bodies(graph: GraphDef) -> Iterator[list[NodeDef]]:
    yield list(graph.node)
    for function in graph.library.function:
        yield list(function.node_def)


def _own_descriptor(node: NodeDef) -> bool:
    source = node.attr["descriptor_source"].s
    return source in _OWN_PROTOS or source.startswith(b"bytes://")


def _plain(op: str) -> str:
    """Return an op's name without version and underscore: "_SendV2" is "Send"."""
    name = op.removeprefix("_").removeprefix("Experimental")
    while name[-2:-1] == "V" and name[-1:].isdigit():
        name = name[:-2]
    return name
