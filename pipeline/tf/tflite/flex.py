"""Flex operators: ops of TensorFlow that a file carries as they are, each with its NodeDef."""

from typing import Any

import tensorflow as tf
from flatbuffers import flexbuffers
from google.protobuf.message import DecodeError
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import FormatError
from pipeline.tf.reasons import find_unknown_op, format_reason
from pipeline.tf.tflite.call import Call
from pipeline.tf.tflite.tflite_model import Operator

PREFIX = "Flex"


def read_node(operator: Operator) -> NodeDef:
    """Return the node of a Flex operator.

    Raises:
        FormatError: Its options hold none.
    """
    node = NodeDef()
    try:
        parts = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsVector
        name, content = parts[0].AsString, bytes(parts[1].AsStringBytes)
        node.ParseFromString(content)
    except Exception as error:  # the reader fails in any way it likes
        reason = "no node" if isinstance(error, DecodeError) else "no options"
        raise FormatError(
            f"{operator.label}: it carries {reason} of TensorFlow",
            hint="fetch the file again, or write it again with tf.lite.TFLiteConverter",
        ) from error
    if node.op != name:
        raise FormatError(f"{operator.label}: its node is of the op {node.op!r}")
    return node


def build_flex(call: Call) -> Any:
    """Put the op into the graph."""
    node = read_node(call.operator)
    values = [tf.convert_to_tensor(call.real(i)) for i in range(len(call.inputs))]
    graph = GraphDef()
    places = []
    for number, value in enumerate(values):
        place = graph.node.add(name=f"input_{number}", op="Placeholder")
        place.attr["dtype"].type = value.dtype.as_datatype_enum
        places.append(place.name)
    graph.node.append(node)
    graph.node[-1].name = "node"
    del graph.node[-1].input[:]
    graph.node[-1].input.extend(places)
    wanted = [f"node:{i}" for i in range(len(call.outputs))]
    try:
        return list(
            tf.import_graph_def(
                graph,
                input_map={f"{name}:0": value for name, value in zip(places, values, strict=True)},
                return_elements=wanted,
                name=f"flex_{node.op}",
            )
        )
    except Exception as error:
        if unknown := find_unknown_op(error):
            raise unknown from error
        raise call.refuse(f"TensorFlow refuses its node ({format_reason(error)})") from error
