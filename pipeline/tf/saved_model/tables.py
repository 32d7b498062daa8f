"""Tables of TensorFlow 1: finds the nodes that fill lookup tables in the graph itself.

TensorFlow.js fills tables by a graph of its own, the initializer, whose tables have the names of
those in the model's graph. The converter takes it from a collection that may be empty in
TensorFlow 1; without it every lookup returns the default, without an error.
"""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from pipeline.errors import ConversionError
from pipeline.tf.saved_model.meta_graph import list_assets
from pipeline.tf.untrusted.reach import node_of, prune

_TABLES = {"HashTable", "HashTableV2"}
_FILLS = {
    "InitializeTable", "InitializeTableV2", "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2", "LookupTableImport", "LookupTableImportV2",
}  # fmt: skip
VARIABLES = {"VarHandleOp", "VariableV2", "Variable", "TemporaryVariable"}


def find_initializer(frozen: GraphDef, whole: GraphDef) -> GraphDef | None:
    """Return the graph that fills the tables of a frozen graph, None without tables.

    Args:
        frozen: The frozen graph, tables included.
        whole: The graph before freezing, or any graph with the nodes that fill the tables.

    Raises:
        ConversionError: A table is never filled, or only from values in the checkpoint.
    """
    tables = {node.name for node in frozen.node if node.op in _TABLES}
    if not tables:
        return None
    nodes = {node.name: node for node in whole.node}
    fills = {name: node_of(nodes[name].input[0]) for name in find_fills(whole)}
    empty = sorted(tables.difference(fills.values()))
    if empty:
        raise ConversionError(
            f"nothing in the graph fills the lookup table {', '.join(empty)}",
            hint="save the model again as a SavedModel with its tables' initializers",
        )
    initializer = prune(whole, [name for name, table in fills.items() if table in tables])
    if any(node.op in VARIABLES for node in initializer.node):
        raise ConversionError(
            "a lookup table is filled from a variable, which TensorFlow.js does not have",
            hint="fill it from constants and save the model again",
        )
    return initializer


def find_fills(graph: GraphDef) -> list[str]:
    """Return the names of the nodes that fill tables."""
    return [node.name for node in graph.node if node.op in _FILLS]


def place_assets(initializer: GraphDef, meta_graph: MetaGraphDef, folder: Path) -> None:
    """Replace the author's paths of assets by their paths on this machine."""
    assets = list_assets(meta_graph)
    for node in initializer.node:
        if node.name in assets:
            node.CopyFrom(_text(node.name, str(folder / "assets" / assets[node.name])))


def _text(name: str, value: str) -> NodeDef:
    node = NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.string.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.string))
    return node
