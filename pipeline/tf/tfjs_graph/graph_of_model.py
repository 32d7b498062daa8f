"""The GraphDef of a graph model: its topology with its weights, of ops that TensorFlow has.

TensorFlow.js computes in float32 and int32, whatever the graph says; so half and double floats are
float32 here too, and int16 and uint16 int32. Fused ops and Prelu are taken apart, which needs no
rewrite of ours: a reference must not share the repairs that it judges. Attributes that no op of
TensorFlow has are dropped, and data types that a published graph leaves out
(`tfjs/model/short_graph.py`) are added.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework import op_def_registry

from pipeline.errors import ConversionError
from pipeline.tfjs.model.short_graph import INDEX_TYPES
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.rewrite.numbered_outputs import name_outputs

_FLOAT = tf.float32.as_datatype_enum
_INT = tf.int32.as_datatype_enum
_WIDER: Mapping[int, int] = {
    dtype.as_datatype_enum: _FLOAT for dtype in (tf.float16, tf.bfloat16, tf.float64)
} | {dtype.as_datatype_enum: _INT for dtype in (tf.int16, tf.uint16)}
_PLAIN_OPS = {
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedConv2D": "Conv2D",
    "_FusedMatMul": "MatMul",
}
# What a fused op does after its product: the op, and how many more inputs it takes.
_FOLLOWING = {
    "BiasAdd": ("AddV2", 1),
    "Elu": ("Elu", 0),
    "LeakyRelu": ("LeakyRelu", 0),
    "Prelu": ("Prelu", 1),
    "Relu": ("Relu", 0),
    "Relu6": ("Relu6", 0),
    "Sigmoid": ("Sigmoid", 0),
    "Tanh": ("Tanh", 0),
    "FusedBatchNorm": ("FusedBatchNormV3", 4),
}


def build_graph_def(topology: Mapping[str, Any], weights: Mapping[str, Array]) -> GraphDef:
    """Return a graph that TensorFlow runs.

    Args:
        topology: `modelTopology` of a model.json, which is protobuf JSON.
        weights: Values of its constants, by node.

    Raises:
        ConversionError: The topology is no graph, or has an op that cannot be taken apart.
    """
    named = name_outputs(topology)
    try:
        graph = json_format.ParseDict(named, GraphDef(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ConversionError(f"modelTopology is no GraphDef: {error}") from None
    # Files that state no version are taken for the oldest, whose rules were others.
    graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    graph.versions.min_consumer = 0
    made = [node for old in graph.node for node in _translate(old, weights)]
    del graph.node[:]
    graph.node.extend(made)
    for function in graph.library.function:
        nodes = [node for old in function.node_def for node in _translate(old, weights, inner=True)]
        del function.node_def[:]
        function.node_def.extend(nodes)
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = _widen(argument.type)
    return graph


def _translate(
    node: NodeDef, weights: Mapping[str, Array], *, inner: bool = False
) -> Iterator[NodeDef]:
    """Yield the nodes that stand for a node; the last has its name."""
    for made in _take_over(node, weights, inner=inner):
        _complete_types(made)
        if made.op == "DepthwiseConv2dNative" and not inner:
            yield from _fill_holes(made, weights)
        yield made


def _complete_types(node: NodeDef) -> None:
    """Add the data types that a short graph leaves out."""
    op_def = op_def_registry.get(node.op)
    for attr in op_def.attr if op_def else ():
        if (
            attr.type == "type"
            and not attr.HasField("default_value")
            and attr.name not in node.attr
        ):
            node.attr[attr.name].type = _INT if attr.name in INDEX_TYPES else _FLOAT


def _take_over(
    node: NodeDef, weights: Mapping[str, Array], *, inner: bool = False
) -> Iterator[NodeDef]:
    _widen_types(node)
    if node.op in _PLAIN_OPS:
        yield from _take_apart(node, inner=inner)
    elif node.op == "Prelu":
        yield from _prelu(node.name, *node.input[:2], inner=inner)
    else:
        if node.name in weights:
            _fill(node, weights[node.name])
        _drop_unknown(node)
        yield node


def _fill(node: NodeDef, values: Array) -> None:
    """Give a constant its values, in the data type that the graph states, or else their own."""
    if "dtype" not in node.attr:
        own = tf.string if values.dtype.kind in "OSU" else tf.as_dtype(values.dtype)
        node.attr["dtype"].type = own.as_datatype_enum
    dtype = tf.as_dtype(node.attr["dtype"].type)
    if dtype == tf.string:
        tensor = tf.make_tensor_proto(values, tf.string, values.shape)
    else:
        tensor = tf.make_tensor_proto(values.astype(dtype.as_numpy_dtype), dtype, values.shape)
    node.op = "Const"
    node.attr["value"].tensor.CopyFrom(tensor)


def _widen(dtype: int) -> int:
    return _WIDER.get(dtype, dtype)


def _widen_types(node: NodeDef) -> None:
    for value in node.attr.values():
        if value.type in _WIDER:
            value.type = _WIDER[value.type]
        for i, dtype in enumerate(value.list.type):
            value.list.type[i] = _widen(dtype)


def _drop_unknown(node: NodeDef) -> None:
    op_def = op_def_registry.get(node.op)
    if op_def is None:
        return
    known = {attr.name for attr in op_def.attr}
    for name in [name for name in node.attr if name not in known and not name.startswith("_")]:
        del node.attr[name]


def _take_apart(node: NodeDef, *, inner: bool) -> Iterator[NodeDef]:
    """Yield the product of a fused op, and each op that follows it."""
    fused = [name.decode() for name in node.attr["fused_ops"].list.s]
    inputs = [name for name in node.input if not name.startswith("^")]
    controls = node.input[len(inputs) :]
    arguments = inputs[2:]
    product = NodeDef(name=f"{node.name}/product", op=_PLAIN_OPS[node.op])
    product.input.extend([*inputs[:2], *controls])
    for key, value in node.attr.items():
        product.attr[key].CopyFrom(value)
    _drop_unknown(product)
    yield product
    last = _reference(product, inner=inner)
    for i, name in enumerate(fused):
        if name not in _FOLLOWING:
            raise ConversionError(f"{node.op} with {name} has no equal in TensorFlow")
        op, num_taken = _FOLLOWING[name]
        taken = [arguments.pop(0) for _ in range(num_taken)]
        own = node.name if i == len(fused) - 1 else f"{node.name}/{name}"
        if op == "Prelu":
            made = list(_prelu(own, last, taken[0], inner=inner))
        else:
            made = [_follow(own, op, [last, *taken], node)]
        yield from made
        last = _reference(made[-1], inner=inner)
    if not fused:
        yield _follow(node.name, "Identity", [last], node)


def _follow(name: str, op: str, inputs: list[str], fused: NodeDef) -> NodeDef:
    made = NodeDef(name=name, op=op, input=inputs)
    made.attr["T"].type = _FLOAT
    if op == "LeakyRelu" and "leakyrelu_alpha" in fused.attr:
        made.attr["alpha"].CopyFrom(fused.attr["leakyrelu_alpha"])
    if op == "FusedBatchNormV3":
        made.attr["U"].type = _FLOAT
        made.attr["is_training"].b = False
        for key in ("epsilon", "data_format"):
            if key in fused.attr:
                made.attr[key].CopyFrom(fused.attr[key])
    return made


def _fill_holes(node: NodeDef, weights: Mapping[str, Array]) -> Iterator[NodeDef]:
    """Give a depthwise convolution with holes a filter with zeros there, and yield its nodes.

    TensorFlow's kernels for processors have no dilations. Each value of the (height, width,
    channels, multiplier) filter gets rows and columns of zeros behind it; the last are cut off.
    """
    at = 2 if node.attr["data_format"].s == b"NCHW" else 1
    down, across = list(node.attr["dilations"].list.i)[at : at + 2] or (1, 1)
    kernel = node.input[1]
    values = weights.get(kernel.removesuffix(":0"))
    if (down, across) == (1, 1) or values is None:
        return
    height, width, channels, multiplier = values.shape
    behind = [(0, 0), (0, down - 1), (0, 0), (0, across - 1), (0, 0), (0, 0)]
    wide = (height * down, width * across, channels, multiplier)
    cut = (wide[0] - down + 1, wide[1] - across + 1, channels, multiplier)
    parts = (
        ("apart", "Reshape", (height, 1, width, 1, channels, multiplier)),
        ("filled", "Pad", behind),
        ("together", "Reshape", wide),
        ("cut", "Slice", (0, 0, 0, 0), cut),
    )
    for part, op, *arguments in parts:
        made = NodeDef(name=f"{node.name}/{part}", op=op, input=[kernel])
        made.attr["T"].type = _FLOAT
        for i, argument in enumerate(arguments):
            constant = NodeDef(name=f"{made.name}/{i}", op="Const")
            constant.attr["dtype"].type = _INT
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(argument, tf.int32))
            made.input.append(constant.name)
            yield constant
        _complete_types(made)
        yield made
        kernel = made.name
    node.input[1] = kernel
    node.attr["dilations"].list.i[:] = [1, 1, 1, 1]


def _prelu(name: str, values: str, alpha: str, *, inner: bool) -> Iterator[NodeDef]:
    """Yield Prelu as max(x, 0) - alpha * max(-x, 0)."""
    kind = AttrValue(type=_FLOAT)
    last = values
    made: dict[str, NodeDef] = {}

    def add(part: str, op: str, *inputs: str) -> str:
        node = NodeDef(name=f"{name}/{part}" if part else name, op=op, input=inputs)
        node.attr["T"].CopyFrom(kind)
        made[part] = node
        return _reference(node, inner=inner)

    positive = add("positive", "Relu", last)
    negative = add("below", "Relu", add("opposite", "Neg", last))
    add("", "Sub", positive, add("scaled", "Mul", alpha, negative))
    yield from made.values()


# How a library function calls the output of these ops: "node:output:0".
_OUTPUTS = {
    "AddV2": "z", "Conv2D": "output", "DepthwiseConv2dNative": "output", "Elu": "activations",
    "FusedBatchNormV3": "y", "Identity": "output", "LeakyRelu": "activations",
    "MatMul": "product", "Mul": "z", "Neg": "y", "Relu": "activations", "Relu6": "activations",
    "Sigmoid": "y", "Sub": "z", "Tanh": "y",
}  # fmt: skip


def _reference(node: NodeDef, *, inner: bool) -> str:
    return f"{node.name}:{_OUTPUTS[node.op]}:0" if inner else node.name
