"""The MetaGraph of a function that was just traced, without a SavedModel on disk.

`tf.saved_model.save` traces more functions, follows all objects of a model and writes a checkpoint,
which is up to two thirds of the time of converting a Keras model. The conversion reads the
signature's call only: TensorFlow's own wrapper of it, with placeholders and variables around it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef
from tensorflow.python.saved_model.signature_serialization import canonicalize_signatures

from pipeline.tf.saved_model.signatures import DEFAULT_KEY

_CALL = "StatefulPartitionedCall"


@dataclass(frozen=True, kw_only=True)
class SignedFunction:
    """A function as the only signature of a MetaGraph.

    Attributes:
        meta_graph: Its signature is `serving_default`.
        values: The numpy array of each variable, by its node.
    """

    meta_graph: MetaGraphDef
    values: Mapping[str, Any]


def sign_function(function: Any) -> SignedFunction | None:
    """Return a concrete function as the signature `serving_default`.

    Args:
        function: It takes tensors and returns them by name.

    Returns:
        None for a function that captures tables or other resources than variables.
    """
    wrapper = canonicalize_signatures({DEFAULT_KEY: function})[0][DEFAULT_KEY]
    captured = list(_capture(wrapper))
    if any(node is None for node, _ in captured):
        return None
    held = [node for node, _ in captured if node is not None]
    arguments = wrapper.inputs[: len(wrapper.inputs) - len(captured)]
    names = [argument.name for argument in wrapper.function_def.signature.input_arg]
    given = [_placeholder(name, tensor) for name, tensor in zip(names, arguments, strict=False)]
    graph = wrapper.graph.as_graph_def()
    call = NodeDef(name=_CALL, op=_CALL, input=[node.name for node in (*given, *held)])
    call.attr["f"].func.name = wrapper.function_def.signature.name
    whole = GraphDef(versions=graph.versions, library=graph.library, node=[*given, *held, call])
    whole.library.function.add().CopyFrom(wrapper.function_def)
    meta_graph = MetaGraphDef(graph_def=whole)
    meta_graph.meta_info_def.tags.append("serve")
    meta_graph.meta_info_def.tensorflow_version = tf.version.VERSION
    meta_graph.signature_def[DEFAULT_KEY].CopyFrom(_describe(wrapper, names, arguments, given))
    values = {node.name: value for node, value in captured if node and node.op != "Const"}
    return SignedFunction(meta_graph=meta_graph, values=values)


def _capture(wrapper: Any) -> Iterator[tuple[NodeDef | None, Any]]:
    """Yield a node and the value for each tensor that a function captures; no node for others."""
    variables = {id(variable.handle): variable for variable in wrapper.graph.variables}
    for i, tensor in enumerate(wrapper.captured_inputs):
        if (variable := variables.get(id(tensor))) is not None:
            node = NodeDef(name=f"variable_{i}", op="VarHandleOp")
            node.attr["dtype"].type = variable.dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(variable.shape.as_proto())
            yield node, np.asarray(variable.read_value())
        elif hasattr(tensor, "numpy") and tensor.dtype not in (tf.resource, tf.variant):
            node = NodeDef(name=f"constant_{i}", op="Const")
            node.attr["dtype"].type = tensor.dtype.as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(tensor.numpy()))
            yield node, None
        else:
            yield None, None


def _placeholder(name: str, tensor: Any) -> NodeDef:
    node = NodeDef(name=f"{DEFAULT_KEY}_{name}", op="Placeholder")
    node.attr["dtype"].type = tensor.dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())
    return node


def _describe(wrapper: Any, names: list[str], arguments: Any, given: list[NodeDef]) -> SignatureDef:
    """Return the names, dtypes and shapes of arguments and results."""
    signature = SignatureDef(method_name="tensorflow/serving/predict")
    outputs = [f"{_CALL}:{i}" for i in range(len(wrapper.outputs))]
    for side, keys, tensors, ends in (
        (signature.inputs, names, arguments, [f"{node.name}:0" for node in given]),
        (signature.outputs, sorted(wrapper.structured_outputs), wrapper.outputs, outputs),
    ):
        for key, tensor, end in zip(keys, tensors, ends, strict=False):
            side[key].name, side[key].dtype = end, tensor.dtype.as_datatype_enum
            side[key].tensor_shape.CopyFrom(tensor.shape.as_proto())
    return signature
