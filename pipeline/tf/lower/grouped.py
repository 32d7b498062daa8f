"""Lowering of grouped convolutions, whose kernel takes fewer channels than the input has.

TensorFlow computes them with Conv2D; TensorFlow.js refuses them ("depth of input must match input
depth for filter"). With a group for each channel it becomes a depthwise convolution; else it
becomes a convolution for each group and a concatenation.
"""

from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_body import read_bodies, replace_nodes, trace

_REASON = (
    "Conv2D in groups became convolutions of single groups: TensorFlow.js has no grouped Conv2D"
)


def split_groups(graph: tf.Graph) -> tuple[GraphDef | None, list[str]]:
    """Return a graph whose convolutions have one group each.

    Args:
        graph: A frozen graph, whose tensors know their number of channels.

    Returns:
        The graph and a sentence with the number of changes; None and an empty list without
        changes. All nodes keep their names.
    """
    grouped = {op.name for op in graph.get_operations() if _is_grouped(op)}
    if not grouped:
        return None, []
    copy = GraphDef()
    copy.CopyFrom(graph.as_graph_def())

    def wanted(node: NodeDef) -> bool:
        return node.op == "Conv2D" and node.name in grouped

    for body in read_bodies(copy, wanted):
        if not body.is_function:
            made = {
                node.name: trace(body.graph.get_operation_by_name(node.name), node, _convolve)
                for node in body.nodes
                if wanted(node)
            }
            replace_nodes(body, made)
    return copy, [f"{_REASON} ({len(grouped)} in this graph)"]


def _is_grouped(op: tf.Operation) -> bool:
    if op.type != "Conv2D" or op.get_attr("data_format") != b"NHWC":
        return False
    inputs, kernel = (tensor.shape for tensor in op.inputs)
    if inputs.rank is None or kernel.rank is None or None in (inputs[-1], *kernel):
        return False
    return bool(inputs[-1] != kernel[2] and inputs[-1] % kernel[2] == 0)


def _convolve(
    *,
    input: tf.Tensor,
    filter: tf.Tensor,
    strides: list[int],
    padding: bytes,
    explicit_paddings: list[int],
    dilations: list[int],
    **_: Any,
) -> tf.Tensor:
    if padding == b"EXPLICIT":
        pairs = [explicit_paddings[i : i + 2] for i in range(0, len(explicit_paddings), 2)]
        input, padding = tf.pad(input, pairs), b"VALID"
    same = {"strides": strides, "padding": padding.decode(), "dilations": dilations}
    height, width, depth, num_outputs = filter.shape
    num_groups = input.shape[-1] // depth
    even = strides[1] == strides[2] and not (max(strides) > 1 and max(dilations) > 1)
    if depth == 1 and even:
        shape = [height, width, num_groups, num_outputs // num_groups]
        kernel = tf.reshape(filter, shape)
        return tf.raw_ops.DepthwiseConv2dNative(input=input, filter=kernel, **same)
    parts = tf.split(input, num_groups, axis=-1)
    kernels = tf.split(filter, num_groups, axis=-1)
    made = [
        tf.raw_ops.Conv2D(input=part, filter=kernel, **same)
        for part, kernel in zip(parts, kernels, strict=True)
    ]
    return tf.concat(made, -1)
