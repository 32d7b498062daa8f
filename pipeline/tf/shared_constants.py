"""Constants that several operators of a model read: one node for all of them.

Each reader gets a kernel in the layout of TensorFlow, a node of its own; equal ones are put
together again, so that a model is not larger than its file.
"""

import hashlib

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from pipeline.tf.saved_model.freeze import import_graph

# Smaller ones are not worth it, and the optimizer reads many of them.
_MIN_BYTES = 256


def share_constants(graph: tf.Graph) -> tf.Graph:
    """Return a graph without equal constants; the same graph where it has none."""
    graph_def: GraphDef = graph.as_graph_def()
    first: dict[bytes, str] = {}
    other: dict[str, str] = {}
    for node in graph_def.node:
        if node.op == "Const" and node.ByteSize() >= _MIN_BYTES:
            content = hashlib.sha256(node.attr["value"].SerializeToString(deterministic=True))
            kept = first.setdefault(content.digest(), node.name)
            if kept != node.name:
                other[node.name] = kept
    if not other:
        return graph
    nodes = [node for node in graph_def.node if node.name not in other]
    for node in nodes:
        for i, name in enumerate(node.input):
            own = name.removeprefix("^").partition(":")[0]
            if own in other:
                node.input[i] = name.replace(own, other[own], 1)
    shared = GraphDef(versions=graph_def.versions, library=graph_def.library)
    shared.node.extend(nodes)
    return import_graph(shared)
