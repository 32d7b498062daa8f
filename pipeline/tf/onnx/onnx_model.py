"""An ONNX file as types of our own: nodes in the order in which they can run, constants as arrays.

The format: https://github.com/onnx/onnx/blob/main/docs/IR.md
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper, shape_inference

from pipeline.errors import FormatError

STANDARD = ""
"""The domain of the operators of the standard, which is also written "ai.onnx"."""

ML = "ai.onnx.ml"
"""The domain of the operators of classic machine learning."""


@dataclass(frozen=True, kw_only=True)
class End:
    """An input or output of a graph.

    Attributes:
        name: Its name.
        dtype: Name of its dtype in numpy, "str" for texts; None where it is no tensor.
        sizes: The size of each axis: a number, the name of an open size, or None for an open size
            without a name; None where the rank is not stated.
    """

    name: str
    dtype: str | None
    sizes: tuple[int | str | None, ...] | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator of a graph.

    Attributes:
        op: Name of the operator.
        domain: Its domain; "" for the standard.
        version: Version of the domain's operators that the file asks for.
        name: Name of the node; "" for none.
        number: Its place in the file.
        inputs: Names of the values that it reads; "" for one that is left out.
        outputs: Names of the values that it makes; "" for one that nobody reads.
        attributes: Its attributes: numbers, texts, arrays, graphs, and tuples of them.
        proto: The node as the file has it.
    """

    op: str
    domain: str
    version: int
    name: str
    number: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: onnx.NodeProto = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """What messages call it: 'node 12 (Conv "conv1")'."""
        full = f"{self.domain}.{self.op}" if self.domain else self.op
        return f'node {self.number} ({full} "{self.name}")' if self.name else (
            f"node {self.number} ({full})"
        )

    @property
    def graphs(self) -> Iterator["Graph"]:
        """The graphs among the attributes."""
        return (value for value in self.attributes.values() if isinstance(value, Graph))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph: that of a file, or the body of an operator.

    Attributes:
        name: Its name.
        inputs: What it is given; constants are not among them.
        outputs: What it returns.
        nodes: Its operators, each behind those whose values it reads.
        constants: The values that the file has, by name, in the file's dtype.
        dtypes: The dtype of each value, as far as inference finds it.
    """

    name: str
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Any]
    dtypes: Mapping[str, str] = field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        """Yield its nodes, and those of the graphs inside of them."""
        for node in self.nodes:
            yield node
            for graph in node.graphs:
                yield from graph.walk()


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """An ONNX file.

    Attributes:
        name: What messages call the file.
        graph: Its graph; local functions are written out in it.
        opsets: Version of each domain of operators.
        metadata: What the file says of itself, by key.
        producer: The program that wrote it, with its version.
    """

    name: str
    graph: Graph
    opsets: Mapping[str, int]
    metadata: Mapping[str, str]
    producer: str


def read_onnx(path: Path) -> OnnxModel:
    """Read an ONNX file with the data that lies beside it.

    Raises:
        FormatError: It is damaged, or its data are not there.
    """
    try:
        proto = onnx.load(path)
    except Exception as error:
        raise FormatError(f"{path.name} is no ONNX model: {error}") from error
    return make_model(proto, path.name)


def make_model(proto: onnx.ModelProto, name: str) -> OnnxModel:
    """Return the types of a model that is read.

    Args:
        proto: The model, with all its data.
        name: What messages call it.
    """
    opsets = {_domain(entry.domain): int(entry.version) for entry in proto.opset_import}
    inferred = shape_inference.infer_shapes(proto, data_prop=True)
    return OnnxModel(
        name=name,
        graph=_make_graph(inferred.graph, opsets),
        opsets=opsets,
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
    )


def _domain(name: str) -> str:
    return STANDARD if name == "ai.onnx" else name


def _make_graph(proto: onnx.GraphProto, opsets: Mapping[str, int]) -> Graph:
    constants = {tensor.name: to_array(tensor) for tensor in proto.initializer}
    inputs = tuple(_make_end(info) for info in proto.input if info.name not in constants)
    outputs = tuple(_make_end(info) for info in proto.output)
    known = (*inputs, *outputs, *(_make_end(info) for info in proto.value_info))
    return Graph(
        name=proto.name,
        inputs=inputs,
        outputs=outputs,
        nodes=tuple(_make_node(node, i, opsets) for i, node in enumerate(proto.node)),
        constants=constants,
        dtypes={end.name: end.dtype for end in known if end.dtype},
    )


def to_array(tensor: onnx.TensorProto) -> Any:
    """Return a constant as an array of its own dtype; texts as an array of objects."""
    return numpy_helper.to_array(tensor)


def _make_end(info: onnx.ValueInfoProto) -> End:
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        return End(name=info.name, dtype=None, sizes=None)
    sizes = None
    if kind.HasField("shape"):
        sizes = tuple(
            int(size.dim_value) if size.HasField("dim_value") else size.dim_param or None
            for size in kind.shape.dim
        )
    return End(name=info.name, dtype=dtype_name(kind.elem_type), sizes=sizes)


def dtype_name(element_type: int) -> str | None:
    """Return the name of a type of elements: "int64", "str"; None for an unknown one."""
    if element_type == onnx.TensorProto.STRING:
        return "str"
    if element_type == onnx.TensorProto.UNDEFINED:
        return None
    return str(onnx.helper.tensor_dtype_to_np_dtype(element_type).name)


def _make_node(proto: onnx.NodeProto, number: int, opsets: Mapping[str, int]) -> Node:
    domain = _domain(proto.domain)
    return Node(
        op=proto.op_type,
        domain=domain,
        version=opsets.get(domain, 1),
        name=proto.name,
        number=number,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={entry.name: _read_attribute(entry, opsets) for entry in proto.attribute},
        proto=proto,
    )


def make_function_graph(
    function: onnx.FunctionProto, attributes: Iterable[onnx.AttributeProto]
) -> Graph:
    """Return the body of a function as a graph.

    Args:
        function: The function.
        attributes: The attributes that it is called with; those that it does not get have its
            defaults.
    """
    given = {entry.name: entry for entry in (*function.attribute_proto, *attributes)}
    opsets = {_domain(entry.domain): int(entry.version) for entry in function.opset_import}
    nodes = [_fill_in(node, given) for node in function.node]
    return Graph(
        name=function.name,
        inputs=tuple(End(name=name, dtype=None, sizes=None) for name in function.input),
        outputs=tuple(End(name=name, dtype=None, sizes=None) for name in function.output),
        nodes=tuple(_make_node(node, i, opsets) for i, node in enumerate(nodes)),
        constants={},
    )


def _fill_in(node: onnx.NodeProto, given: Mapping[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """Return a node of a function with the attributes of the call in place of references."""
    filled = onnx.NodeProto()
    filled.CopyFrom(node)
    del filled.attribute[:]
    for entry in node.attribute:
        if not entry.ref_attr_name:
            filled.attribute.append(entry)
        elif entry.ref_attr_name in given:
            copied = filled.attribute.add()
            copied.CopyFrom(given[entry.ref_attr_name])
            copied.name = entry.name
    return filled


def _read_attribute(proto: onnx.AttributeProto, opsets: Mapping[str, int]) -> Any:
    kind = onnx.AttributeProto
    match proto.type:
        case kind.TENSOR:
            return to_array(proto.t)
        case kind.GRAPH:
            return _make_graph(proto.g, opsets)
        case kind.STRING:
            return _text(proto.s)
        case kind.STRINGS:
            return tuple(_text(each) for each in proto.strings)
        case kind.TENSORS:
            return tuple(to_array(each) for each in proto.tensors)
        case kind.FLOATS | kind.INTS:
            return tuple(onnx.helper.get_attribute_value(proto))
        case _:
            return onnx.helper.get_attribute_value(proto)


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def outer_names(graph: Graph) -> set[str]:
    """Return the names of the values that a graph reads from around it."""
    own = {end.name for end in graph.inputs} | set(graph.constants)
    read: set[str] = set()
    for node in graph.nodes:
        read |= {name for name in node.inputs if name and name not in own}
        for body in node.graphs:
            read |= outer_names(body) - own
        own |= set(node.outputs)
    return read | ({end.name for end in graph.outputs} - own)


