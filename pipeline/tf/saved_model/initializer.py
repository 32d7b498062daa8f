"""Initializers: prepares the graph that fills a model's tables for TensorFlow.js.

The converter writes TensorFlow's graph, with the path of a file of words on this machine in the
weights, and with names that TensorFlow numbers across all its work.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.tf.lower.lowering import lower_graph
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.table_files import fill_tables
from pipeline.tf.saved_model.tables import find_fills
from pipeline.tf.untrusted.reach import node_of, prune


@dataclass(frozen=True, kw_only=True)
class Initializer:
    """The graph that fills the tables of a model.

    Attributes:
        graph: The graph.
        signature: The tables that it returns; None if they are in the model's graph.
        repairs: Sentences on its changes.
    """

    graph: GraphDef
    signature: SignatureDef | None
    repairs: Sequence[str]


def lower_initializer(
    frozen: Frozen, *, source: Path, taken: Collection[str]
) -> Initializer | None:
    """Return the graph that fills the tables of a frozen graph, None without tables.

    Args:
        frozen: The frozen graph, with TensorFlow's initializer.
        source: The model's folder, whose files of words become constants.
        taken: Names of constants of the model's graph: TensorFlow.js keeps both in one map.
    """
    whole = frozen.initializer_graph
    if whole is None:
        return None
    outputs = getattr(whole, "outputs", None)
    signature = None
    if outputs is not None:
        signature = converter._build_signature_def(whole, [], outputs)  # noqa: SLF001  # the pinned converter has no other way
    graph = whole.as_graph_def()
    lowered, repairs = lower_graph(graph, keep={node.name for node in graph.node})
    filled, fills = fill_tables(lowered, source=source)
    ends = find_fills(filled) if outputs is None else [tensor.name for tensor in outputs]
    graph = _drop_waiting(filled, ends)
    _name_constants(graph, taken)
    for node in graph.node:
        if "shared_name" in node.attr:
            node.attr["shared_name"].s = b""  # numbered as well; TensorFlow.js goes by the node
    return Initializer(graph=graph, signature=signature, repairs=[*repairs, *fills])


def _drop_waiting(graph: GraphDef, ends: Iterable[str]) -> GraphDef:
    """Return the nodes that the ends need.

    A constant exists from the start, so a node need not wait for it. Such a control input would
    keep the path of a file of words in the graph.
    """
    constants = {node.name for node in graph.node if node.op == "Const"}
    waiting = GraphDef()
    waiting.CopyFrom(graph)
    for node in waiting.node:
        inputs = [name for name in node.input if name[:1] != "^" or name[1:] not in constants]
        node.ClearField("input")
        node.input.extend(inputs)
    return prune(waiting, ends)


def _name_constants(graph: GraphDef, taken: Collection[str]) -> None:
    """Rename constants whose name is only a number, or is taken by the model's graph."""
    constants = [node.name for node in graph.node if node.op == "Const"]
    renamed = [name for name in constants if name.isdigit() or name in taken]
    names = {name: f"initializer/constant_{i}" for i, name in enumerate(renamed)}
    for node in graph.node:
        node.name = names.get(node.name, node.name)
        for i, name in enumerate(node.input):
            node.input[i] = names.get(node_of(name), name)
