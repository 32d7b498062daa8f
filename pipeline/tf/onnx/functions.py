"""Operators that the standard defines by a function of other operators.

Where no rule of ours computes an operator, its function does:
https://github.com/onnx/onnx/blob/main/docs/IR.md , "Functions".
"""

from typing import Any

import ml_dtypes  # noqa: F401  # numpy knows bfloat16 by it
import numpy as np
import onnx
from onnx import helper

from pipeline.errors import ConversionError
from pipeline.tf.layout.sizes import is_known
from pipeline.tf.layout.value import Value
from pipeline.tf.onnx.call import Call
from pipeline.tf.onnx.onnx_graph import Graph, Node
from pipeline.tf.onnx.onnx_model import make_function_graph


def has_function(node: Node) -> bool:
    """Return whether the standard defines an operator by a function."""
    schema = _find_schema(node)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def expand(call: Call) -> Graph:
    """Return the function of an operator as a graph of its inputs and outputs.

    Raises:
        ConversionError: The operator has no function for the types of its inputs.
    """
    node = call.node
    schema = _find_schema(node)
    content = _find_function(schema, call, node.proto) if schema and node.proto else None
    if not content or node.proto is None:
        raise ConversionError(f"{node.label}: the operator is not known")
    function = onnx.FunctionProto.FromString(content)
    defaults = [
        attribute.default_value
        for attribute in schema.attributes.values()
        if attribute.default_value.name
    ]
    return make_function_graph(function, [*defaults, *node.proto.attribute])


def _find_schema(node: Node) -> Any:
    try:
        return onnx.defs.get_schema(node.op, node.version, node.domain)
    except onnx.defs.SchemaError:
        return None


def _find_function(schema: Any, call: Call, node: onnx.NodeProto) -> bytes | None:
    """Return the serialized function for the version of the standard that the file asks for."""
    if schema.has_function:
        versions = [v for v in schema.function_opset_versions if v <= call.version]
        if versions:
            return bytes(schema.get_function_with_opset_version(max(versions)))
    if schema.has_context_dependent_function:
        types = [_describe(value).SerializeToString() for value in call.inputs]
        versions = [
            v for v in schema.context_dependent_function_opset_versions if v <= call.version
        ]
        if versions:
            return bytes(
                schema.get_context_dependent_function_with_opset_version(
                    max(versions), node.SerializeToString(), types
                )
            )
    return None


def _describe(value: Value | None) -> onnx.TypeProto:
    """Return the type of a value as the standard writes it."""
    if value is None:
        return onnx.TypeProto()
    element = (
        onnx.TensorProto.STRING
        if value.dtype == "str"
        else helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    )
    sizes: list[str | int | None] = [size if is_known(size) else None for size in value.sizes]
    return helper.make_tensor_type_proto(element, sizes)
