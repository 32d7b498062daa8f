"""Summary of one call of a model as a graph, in the form of the summary of a SavedModel."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo

from pipeline.tf.saved_model.summary import summarize_graph


def summarize_call(
    graph: GraphDef, key: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a graph and its one signature in JSON values.

    Args:
        graph: The graph.
        key: The key of the signature.
        inputs: Its input tensors, by name.
        outputs: Its output tensors, by name.
    """
    meta_graph = MetaGraphDef(graph_def=graph)
    signature = meta_graph.signature_def[key]
    for stated, tensors in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for name, tensor in tensors.items():
            stated[name].CopyFrom(_describe(tensor))
    return summarize_graph(meta_graph)


def _describe(tensor: tf.Tensor) -> TensorInfo:
    return TensorInfo(
        name=tensor.name,
        dtype=tensor.dtype.as_datatype_enum,
        tensor_shape=tensor.shape.as_proto(),
    )
