"""Sessions: run graphs of SavedModels as TensorFlow 1 does.

The loader of TensorFlow 2 cannot read all graphs of TensorFlow 1: those that return a variable
itself, or have old ops that it checks more strictly. And it rebuilds in Python all functions of a
model, which takes seconds; a session needs those of one signature, and none of them in Python.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.saved_model import loader

from pipeline.tf.determinism import run_deterministic
from pipeline.tf.untrusted.reach import node_of, prune

_INPUTS = frozenset({"Const", "Placeholder"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def is_of_tensorflow_1(meta_graph: MetaGraphDef) -> bool:
    """Return whether a graph was saved without objects, as TensorFlow 1 does."""
    return not meta_graph.object_graph_def.nodes


def open_session(folder: Path, tags: Sequence[str]) -> tf.compat.v1.Session:
    """Load the graph with these tags, restore its variables and run its initializers."""
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        run_deterministic(lambda: loader.load(session, list(tags), str(folder)))
    return session


def open_signature(
    folder: Path, meta_graph: MetaGraphDef, outputs: Sequence[str]
) -> tf.compat.v1.Session | None:
    """Return a session of the part of a graph that computes some tensors, its variables restored.

    Nothing of the graph is rebuilt in Python: its own functions run, and its own restore function
    fills the variables.

    Args:
        folder: Holds `variables`.
        meta_graph: A graph of TensorFlow 2.
        outputs: The tensors.

    Returns:
        None where the tensors need more than inputs, constants, variables and functions.
    """
    graph_def, saver = meta_graph.graph_def, meta_graph.saver_def
    nodes = [node for node in prune(graph_def, outputs).node if node.op not in _INPUTS]
    variables = {node.name for node in nodes if node.op == "VarHandleOp"}
    if any(node.op not in _CALLS for node in nodes if node.name not in variables):
        return None
    restored = {
        node_of(name)
        for node in graph_def.node
        if node.name == saver.restore_op_name
        for name in node.input
    }
    if not variables <= restored:
        return None
    roots = [*outputs, saver.restore_op_name] if variables else outputs
    pruned, config = prune(graph_def, roots), plain_config()
    _configure_calls(pruned, config)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(pruned, name="")
    session = tf.compat.v1.Session(graph=graph, config=config)
    if variables:
        path = str(folder / "variables" / "variables")
        restore = graph.get_operation_by_name(saver.restore_op_name)
        session.run(restore, {saver.filename_tensor_name: path})
    return session


def _configure_calls(graph_def: GraphDef, config: tf.compat.v1.ConfigProto) -> None:
    """Give each call of a function the settings of a session.

    A call has settings of its own, as its model was saved with (PartitionedCallOp in
    core/kernels/partitioned_function_ops.cc). With those of Keras, Grappler optimizes the function.
    """
    settings = config.SerializeToString()
    bodies = (function.node_def for function in graph_def.library.function)
    for node in chain(graph_def.node, *bodies):
        if node.op in _CALLS:
            node.attr["config_proto"].s = settings


def plain_config() -> tf.compat.v1.ConfigProto:
    """Return settings with which TensorFlow runs a graph as it is, without Grappler."""
    config = tf.compat.v1.ConfigProto()
    options = config.graph_options.rewrite_options
    options.disable_meta_optimizer = True
    options.constant_folding = RewriterConfig.OFF
    return config


def run_in_session(
    session: tf.compat.v1.Session, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> Callable[[Mapping[str, tf.Tensor]], Mapping[str, Any]]:
    """Return a function of tensors by name to arrays by name.

    Args:
        session: Not entered: its graph would become the default for tensors of the caller.
        inputs: Tensor in the graph by the name of an input.
        outputs: The same for outputs.
    """

    def run(fed: Mapping[str, tf.Tensor]) -> Mapping[str, Any]:
        values = {inputs[name]: tensor.numpy() for name, tensor in fed.items()}
        found: Mapping[str, Any] = session.run(dict(outputs), values)
        return found

    return run
