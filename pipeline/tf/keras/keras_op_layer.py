"""Judges TensorFlowOpLayer of tf_keras: a node of a graph in a config, which building runs.

Its op is judged like the ops of an untrusted graph.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import UntrustedSourceError
from pipeline.tf.untrusted.refuse import check_trusted_graph


def describe_op(options: Mapping[str, Any]) -> str | None:
    """Return the other effects of a TensorFlowOpLayer's op: "ReadFile (files)"; else None.

    Args:
        options: The layer's config; `node_def` is a NodeDef as JSON or, in old files, its bytes.
    """
    stated = options.get("node_def")
    try:
        if isinstance(stated, Mapping):
            node = json_format.ParseDict(dict(stated), NodeDef())
        else:
            node = NodeDef.FromString(str(stated).encode())
    except (json_format.ParseError, DecodeError, ValueError, TypeError):
        return "an op that cannot be read"
    # Its inputs are the layer's; a graph of one node has no other nodes to read.
    del node.input[:]
    try:
        check_trusted_graph(GraphDef(node=[node]))
    except UntrustedSourceError:
        return f"an op that touches this machine, {node.op!r}"
    return None
