"""Untrusted: which graphs would touch this machine when they are loaded or converted.

Loading a SavedModel runs its initializers, and the converter's optimizer runs whatever it can
fold into a constant, so reading a file at conversion would publish that file as a weight. The
graph and all functions are searched before anything is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from pipeline.errors import UntrustedSourceError

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
    found = set(_find_touching(meta_graph)) | set(_find_checkpoints(meta_graph))
    found |= set(_find_assets(meta_graph))
    if found:
        raise UntrustedSourceError(
            f"the graph holds ops that touch this machine: {', '.join(sorted(found))}",
            hint="set `trust: true` for this model if you know who made it",
        )


def _find_touching(meta_graph: MetaGraphDef) -> Iterator[str]:
    assets = {info.tensor_info.name.partition(":")[0] for info in meta_graph.asset_file_def}
    for nodes in _bodies(meta_graph.graph_def):
        constants = {node.name for node in nodes if node.op == "Const"} - assets
        for node in nodes:
            op = _plain(node.op)
            if op in _TOUCHING:
                yield node.op
            elif op == "Print" and node.attr["output_stream"].s not in _SCREEN:
                yield f"{node.op} (into a file)"
            elif op in ("DecodeProto", "EncodeProto") and not _own_descriptor(node):
                yield f"{node.op} (with a descriptor file)"
            elif op in _TABLE_FROM_FILE and _node(node.input[1]) in constants:
                yield f"{node.op} (of a file that is no asset)"


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
    for node in _reach(graph, roots, called):
        if _plain(node.op) in _WRITES_CHECKPOINT | _READS_CHECKPOINT:
            yield node.op
    for node in _reach(graph, [meta_graph.saver_def.restore_op_name], []):
        if _plain(node.op) in _WRITES_CHECKPOINT:
            yield node.op


def _find_assets(meta_graph: MetaGraphDef) -> Iterator[str]:
    for asset in meta_graph.asset_file_def:
        path = PurePosixPath(asset.filename)
        if path.is_absolute() or ".." in path.parts:
            yield "an asset outside the model's folder"


def _reach(graph: GraphDef, roots: Iterable[str], called: Iterable[str]) -> Iterator[NodeDef]:
    """Return all nodes that run when the roots do, and when the named functions are called."""
    nodes = {node.name: node for node in graph.node}
    functions = {f.signature.name: f.node_def for f in graph.library.function}
    waiting = [nodes[name] for name in map(_node, roots) if name in nodes]
    seen = {node.name for node in waiting}
    entered: set[str] = set()
    waiting += [node for name in called for node in _enter(functions, name, entered)]
    while waiting:
        node = waiting.pop()
        yield node
        for name in map(_node, node.input):
            if name in nodes and name not in seen:
                seen.add(name)
                waiting.append(nodes[name])
        for name in _calls(node):
            waiting += _enter(functions, name, entered)


def _enter(
    functions: Mapping[str, Iterable[NodeDef]], name: str, entered: set[str]
) -> Iterable[NodeDef]:
    if name in entered:
        return ()
    entered.add(name)
    return functions.get(name, ())


def _calls(node: NodeDef) -> Iterator[str]:
    for value in node.attr.values():
        if value.func.name:
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _bodies(graph: GraphDef) -> Iterator[list[NodeDef]]:
    yield list(graph.node)
    for function in graph.library.function:
        yield list(function.node_def)


def _own_descriptor(node: NodeDef) -> bool:
    source = node.attr["descriptor_source"].s
    return source in _OWN_PROTOS or source.startswith(b"bytes://")


def _node(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _plain(op: str) -> str:
    """Return an op's name without version and underscore: "_SendV2" is "Send"."""
    name = op.removeprefix("_").removeprefix("Experimental")
    while name[-2:-1] == "V" and name[-1:].isdigit():
        name = name[:-2]
    return name
