"""Gives a graph the dtypes that TensorFlow.js reads, and its constants those that files hold.

TensorFlow.js knows no int16, uint16 and bfloat16 (`parseDtypeParam` in
tfjs-converter/src/operations/operation_mapper.ts), and its weight files no int8 either. Their
numbers are int32 or float32 there; what wraps or is beyond a type was lowered before. Inputs keep
their dtype, which says what they may be. Numbers without a sign of 32 bits and more have no dtype
that holds them, so they are refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import ConversionError
from pipeline.text.suggest import list_first
from pipeline.tf.nodes import all_nodes

_INT = tf.int32.as_datatype_enum
_FLOAT = tf.float32.as_datatype_enum
_UNREAD: Mapping[int, int] = {
    tf.bfloat16.as_datatype_enum: _FLOAT,
    tf.int16.as_datatype_enum: _INT,
    tf.uint16.as_datatype_enum: _INT,
}
# Dtypes of constants that a weight file does not have.
_UNWRITTEN = {"bfloat16": np.float32, "int16": np.int32, "int8": np.int32, "uint16": np.int32}
_REFUSED = {dtype.as_datatype_enum: dtype.name for dtype in (tf.uint32, tf.uint64)}
_INPUTS = {"Placeholder", "PlaceholderWithDefault"}
_MOVING = {"Const", "Identity", "Pack", "Placeholder", "Reshape", "Transpose"}
_NUM_NAMED = 3


def narrow_types(graph_def: GraphDef) -> None:
    """Change dtypes of a graph and its functions in place.

    Args:
        graph_def: An optimized graph and its function library.

    Raises:
        ConversionError: A node has numbers of uint32 or uint64.
    """
    _refuse_unsigned(all_nodes(graph_def))
    for node in all_nodes(graph_def):
        if node.op == "Const":
            _write_wider(node)
        if node.op not in _INPUTS:
            for attr in node.attr.values():
                _read_wider(attr)
    for function in graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = _UNREAD.get(argument.type, argument.type)


def find_rounding(graph_def: GraphDef) -> Literal["float16", "bfloat16"] | None:
    """Return the dtype of few bits that a graph computes in; None without one."""
    kinds = {
        node.attr["T"].type
        for node in all_nodes(graph_def)
        if node.op not in _MOVING and "T" in node.attr
    }
    if tf.bfloat16.as_datatype_enum in kinds:
        return "bfloat16"
    return "float16" if tf.float16.as_datatype_enum in kinds else None


def _refuse_unsigned(nodes: Iterable[NodeDef]) -> None:
    found = [(node, name) for node in nodes for name in _list_unsigned(node)]
    if found:
        named = [f"{node.op} ({node.name})" for node, _ in found]
        names = " and ".join(sorted({name for _, name in found}))
        raise ConversionError(
            f"TensorFlow.js has no {names}: {list_first(list(dict.fromkeys(named)), _NUM_NAMED)}",
            hint="use int32 in the model, and save it again",
        )


def _list_unsigned(node: NodeDef) -> Iterator[str]:
    for attr in node.attr.values():
        for dtype in (attr.type, *attr.list.type):
            if dtype in _REFUSED:
                yield _REFUSED[dtype]


def _write_wider(node: NodeDef) -> None:
    tensor = node.attr["value"].tensor
    name = tf.as_dtype(tensor.dtype).name
    if name in _UNWRITTEN:
        wider = tf.make_ndarray(tensor).astype(_UNWRITTEN[name])
        tensor.CopyFrom(tf.make_tensor_proto(wider))


def _read_wider(attr: AttrValue) -> None:
    if attr.type in _UNREAD:
        attr.type = _UNREAD[attr.type]
    for i, dtype in enumerate(attr.list.type):
        attr.list.type[i] = _UNREAD.get(dtype, dtype)
