"""Checks of an ONNX file as a whole: versions of its format and of its operators."""

import itertools
from collections.abc import Iterable, Mapping

import onnx
from onnx import shape_inference

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.onnx.node_order import domain_name, label_node

_STANDARD = ""
_OLDEST = 7
_NO_VERSION = 2**31
_NEWEST = {
    _STANDARD: onnx.defs.onnx_opset_version(),
    "ai.onnx.ml": max(
        version for (domain, version) in onnx.helper.OP_SET_ID_VERSION_MAP if domain == "ai.onnx.ml"
    ),
}
"""The newest version of each domain that is versioned, as the library knows it."""


def check_head(proto: onnx.ModelProto) -> None:
    """Raise for what is no ONNX model, or one of a newer version of the format.

    Raises:
        FormatError: It has no graph, or a graph without outputs.
        ConversionError: The library does not know its version.
    """
    if not proto.ir_version or not proto.HasField("graph"):
        raise FormatError("it is no ONNX model: it has no graph, or no version of the format")
    if proto.ir_version > onnx.IR_VERSION:
        raise ConversionError(
            f"it is written in version {proto.ir_version} of the format, and "
            f"onnx {onnx.__version__} reads {onnx.IR_VERSION} at most",
            hint="export it for an older opset",
        )
    if not proto.graph.output:
        raise FormatError("its graph has no outputs")


def check_texts(proto: onnx.ModelProto) -> None:
    """Raise for names that are no texts: protobuf returns bytes that are no UTF-8 as they are.

    Raises:
        FormatError: The message names the node, or the value.
    """
    pairs = ((entry.key, entry.value) for entry in proto.metadata_props)
    said = (proto.producer_name, proto.producer_version, proto.doc_string)
    _check_all(itertools.chain(said, *pairs), "what it says of itself")
    _check_all((entry.domain for entry in proto.opset_import), "a domain")
    _check_graph(proto.graph)
    for function in proto.functions:
        _check_all((function.name, *function.input, *function.output), "a function")
        _check_nodes(function.node)


def _check_graph(graph: onnx.GraphProto) -> None:
    ends = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    _check_all((graph.name,), "the name of a graph")
    _check_all((each.name for each in ends), "the name of a value")
    for end in (*graph.input, *graph.output):
        sizes = (size.dim_param for size in end.type.tensor_type.shape.dim)
        _check_all(sizes, f"a size of {end.name!r}")
    _check_nodes(graph.node)


def _check_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    for number, node in enumerate(nodes):
        names = (node.op_type, node.domain, node.name, *node.input, *node.output)
        _check_all(names, f"a name of {label_node(node, number)}")
        for attribute in node.attribute:
            _check_all((attribute.name, attribute.ref_attr_name), label_node(node, number))
            for graph in (attribute.g, *attribute.graphs):
                _check_graph(graph)


def _check_all(texts: Iterable[object], where: str) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise FormatError(f"{where} is no text in UTF-8: {text!r}")


def find_opsets(entries: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Return the version of each domain.

    Raises:
        FormatError: A domain has two versions, or one that is no version.
    """
    opsets: dict[str, int] = {}
    for entry in entries:
        domain, version = domain_name(entry.domain), int(entry.version)
        if not 0 < version < _NO_VERSION:
            raise FormatError(f"it asks for version {version} of the operators of {entry.domain!r}")
        if opsets.setdefault(domain, version) != version:
            raise FormatError(f"it asks for two versions of the operators of {domain or 'ai.onnx'}")
    return opsets


def check_opsets(opsets: Mapping[str, int], nodes: Iterable[onnx.NodeProto]) -> None:
    """Check the versions of operators.

    Raises:
        FormatError: A node is of a domain whose version the file does not state.
        ConversionError: A version is older or newer than those that are known.
    """
    for domain, newest in _NEWEST.items():
        name, version = domain or "ai.onnx", opsets.get(domain, newest)
        if version > newest:
            raise ConversionError(
                f"it asks for opset {version} of {name}; onnx {onnx.__version__} knows {newest}",
                hint="export it for an older opset",
            )
    if opsets.get(_STANDARD, _OLDEST) < _OLDEST:
        raise ConversionError(
            f"it asks for opset {opsets[_STANDARD]}; {_OLDEST} is the oldest that is converted",
            hint="onnx.version_converter.convert_version writes it for a newer one",
        )
    for number, node in enumerate(nodes):
        if domain_name(node.domain) == _STANDARD and _STANDARD not in opsets:
            raise FormatError(
                f"{label_node(node, number)}: the file states no version of its operators"
            )


def infer(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model with the types of inner values, as far as inference finds them."""
    try:
        return shape_inference.infer_shapes(proto, data_prop=True)
    except Exception as error:  # noqa: BLE001  # ONNX Runtime infers for itself; so do the rules
        print(f"shapes are not inferred: {error}")
        return proto
