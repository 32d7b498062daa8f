"""Reads a GraphDef into TensorFlow, which infers its shapes and puts its nodes in order.

tf.import_graph_def looks for devices, places and functions of each node in Python, which takes
more than half of its time. A frozen graph seldom has one of them.
"""

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.client import pywrap_tf_session as c_api
from tensorflow.python.framework import c_api_util

_PLACE = "_class"


def import_graph(graph_def: GraphDef) -> tf.Graph:
    """Return a graph of these nodes under their own names.

    Raises:
        ValueError: It is no valid graph.
    """
    if _has_more(graph_def):
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
        return graph
    graph = _import_natively(graph_def)
    for operation in graph.new_operations():
        graph._create_op_from_tf_operation(operation, compute_device=False)  # noqa: SLF001  # the pinned TensorFlow has no other way
    return graph


def complete(graph_def: GraphDef) -> GraphDef:
    """Return what a graph of these nodes gives back: inputs first, and with all attributes.

    Raises:
        ValueError: It is no valid graph.
    """
    graph = import_graph(graph_def) if _has_more(graph_def) else _import_natively(graph_def)
    completed: GraphDef = graph.as_graph_def()
    return completed


def _has_more(graph_def: GraphDef) -> bool:
    """Return whether a graph has more than nodes: functions, devices, or nodes kept together.

    An attribute without a value counts, too: tf.import_graph_def gives it the op's default.
    """
    placed = (node.device or _PLACE in node.attr for node in graph_def.node)
    return bool(graph_def.library.function) or any(placed) or _lacks_values(graph_def)


def _lacks_values(graph_def: GraphDef) -> bool:
    return any(
        node.attr[key].WhichOneof("value") is None for node in graph_def.node for key in node.attr
    )


def _import_natively(graph_def: GraphDef) -> tf.Graph:
    """Return a graph whose nodes only TensorFlow's own part knows, and not yet Python's."""
    graph = tf.Graph()
    options = c_api_util.ScopedTFImportGraphDefOptions()
    c_api.TF_ImportGraphDefOptionsSetUniquifyNames(
        options.options, True
    )  # the function has no names
    given = c_api.TF_NewBufferFromString(graph_def.SerializeToString())
    try:
        with graph._c_graph.get() as native:  # noqa: SLF001  # the pinned TensorFlow has no other way
            made = c_api.TF_GraphImportGraphDefWithResults(native, given, options.options)
            c_api_util.ScopedTFImportGraphDefResults(made)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(str(error)) from error  # as tf.import_graph_def raises it
    finally:
        c_api.TF_DeleteBuffer(given)
    return graph
