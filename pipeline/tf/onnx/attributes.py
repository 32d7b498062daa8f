"""Attributes of the nodes of an ONNX file."""

from collections.abc import Callable, Mapping
from typing import Any

import onnx

from pipeline.errors import FormatError
from pipeline.tf.onnx.tensors import to_array, to_dense


def read_attribute(proto: onnx.AttributeProto, make_graph: Callable[[onnx.GraphProto], Any]) -> Any:
    """Return the value of an attribute: a number, text, array or graph, or a tuple of them.

    Args:
        proto: The attribute.
        make_graph: Returns a graph that is an attribute.

    Raises:
        FormatError: It is damaged, or that of a function outside of one.
    """
    if proto.ref_attr_name:
        raise FormatError(
            f"attribute {proto.name!r} is that of a function, and the node is in none"
        )
    name = onnx.AttributeProto.AttributeType.Name(proto.type or _find_type(proto))
    if name == "GRAPH":
        return make_graph(proto.g)
    if name not in _READERS:
        raise FormatError(f"attribute {proto.name!r} is of type {name}, which is not read")
    return _READERS[name](proto)


def _find_type(proto: onnx.AttributeProto) -> int:
    """Return the type of an attribute of a file so old that it does not state it."""
    kind = onnx.AttributeProto
    fields = {"f": kind.FLOAT, "i": kind.INT, "s": kind.STRING, "t": kind.TENSOR, "g": kind.GRAPH}
    for name, found in fields.items():
        if proto.HasField(name):
            return int(found)
    lists = {"floats": kind.FLOATS, "strings": kind.STRINGS, "tensors": kind.TENSORS}
    for name, found in lists.items():
        if getattr(proto, name):
            return int(found)
    return int(kind.INTS)


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


_READERS: Mapping[str, Callable[[onnx.AttributeProto], Any]] = {
    "FLOAT": lambda proto: proto.f,
    "FLOATS": lambda proto: tuple(proto.floats),
    "INT": lambda proto: proto.i,
    "INTS": lambda proto: tuple(proto.ints),
    "SPARSE_TENSOR": lambda proto: to_dense(proto.sparse_tensor),
    "STRING": lambda proto: _text(proto.s),
    "STRINGS": lambda proto: tuple(_text(each) for each in proto.strings),
    "TENSOR": lambda proto: to_array(proto.t),
    "TENSORS": lambda proto: tuple(to_array(each) for each in proto.tensors),
    "TYPE_PROTO": lambda proto: proto.tp,
}


def fill_in(node: onnx.NodeProto, given: Mapping[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """Return a node of a function with the attributes of the call in place of references.

    Args:
        node: The node.
        given: The attributes of the call by name.
    """
    filled = onnx.NodeProto()
    filled.CopyFrom(node)
    del filled.attribute[:]
    for entry in node.attribute:
        source = given.get(entry.ref_attr_name) if entry.ref_attr_name else entry
        if source is None:
            continue
        copied = filled.attribute.add()
        copied.CopyFrom(source)
        copied.name = entry.name
        inner = [fill_in(each, given) for each in copied.g.node]
        if inner:
            del copied.g.node[:]
            copied.g.node.extend(inner)
    return filled
