"""Inlining: replaces calls of functions in a frozen graph by the nodes of these functions.

TensorFlow.js runs loops and branches that are functions, but no plain call. Freezing a SavedModel
inlines them; a graph that others froze may still have them.
"""

from collections.abc import Iterable

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training.saver import export_meta_graph

from pipeline.tf.import_graph import import_graph

_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
# An attribute of tf.function(jit_compile=True), with which the optimizer inlines nothing.
_COMPILED = "_XlaMustCompile"


def inline_calls(
    graph: tf.Graph, outputs: Iterable[str], *, graph_def: GraphDef | None = None
) -> tf.Graph:
    """Return a graph without calls; the same graph if it has none.

    It works like `_run_inline_graph_optimization` for functions in
    tensorflow/python/framework/convert_to_constants.py.

    Args:
        graph: The graph.
        outputs: Names of its output tensors, which keep their names.
        graph_def: The nodes of the graph where they are known.
    """
    graph_def = graph_def or graph.as_graph_def()
    functions = {function.signature.name for function in graph_def.library.function}
    nodes = [*graph_def.node, *(n for f in graph_def.library.function for n in f.node_def)]
    if not any(node.op in _CALLS | functions for node in nodes):
        return graph
    graph_def = graph.as_graph_def()
    nodes = [*graph_def.node, *(n for f in graph_def.library.function for n in f.node_def)]
    for part in (*nodes, *graph_def.library.function):
        if _COMPILED in part.attr:
            del part.attr[_COMPILED]
    meta_graph = export_meta_graph(graph_def=graph_def, graph=graph)
    return import_graph(inline_functions(meta_graph, outputs))


def inline_functions(meta_graph: MetaGraphDef, ends: Iterable[str]) -> GraphDef:
    """Return the graph of a MetaGraph without calls.

    Args:
        meta_graph: The graph and its library; it is changed.
        ends: Names of the tensors that keep their names.
    """
    meta_graph.collection_def["train_op"].node_list.value.extend(ends)
    config = ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1  # small graphs too
    rewriting.function_optimization = RewriterConfig.AGGRESSIVE
    rewriting.optimizers.append("function")
    inlined: GraphDef = tf_optimizer.OptimizeGraph(config, meta_graph)
    return inlined
