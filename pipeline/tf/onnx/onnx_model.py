"""An ONNX file as types of our own: nodes in the order in which they can run, constants as arrays.

The format: https://github.com/onnx/onnx/blob/main/docs/IR.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.onnx.attributes import fill_in, read_attribute
from pipeline.tf.onnx.file_checks import check_head, check_opsets, check_texts, find_opsets, infer
from pipeline.tf.onnx.local_functions import inline_functions
from pipeline.tf.onnx.node_order import domain_name, label_node, sort_nodes
from pipeline.tf.onnx.onnx_graph import STANDARD, End, Graph, GraphModel, Node
from pipeline.tf.onnx.tensors import Store

_MAX_BYTES = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class OnnxModel(GraphModel):
    """An ONNX file; local functions are written out in its graph.

    Attributes:
        opsets: Version of each domain of operators.
        producer: The program that wrote it, with its version.
        ir_version: Version of the format.
        functions: Names of the functions that the file defined, which are written out.
        files: Bytes of each file beside the model that has constants, by its path.
    """

    opsets: Mapping[str, int]
    producer: str
    ir_version: int = 0
    functions: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)


def read_onnx(path: Path) -> OnnxModel:
    """Read an ONNX file with the data that lies beside it.

    Raises:
        FormatError: It is damaged, or its data are not there.
        ConversionError: It is for other versions of operators than can be converted.
    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise FormatError(
            f"{path.name} has {size:,} bytes; protobuf reads {_MAX_BYTES:,} at most",
            hint="keep the weights beside it: onnx.save(…, save_as_external_data=True)",
        )
    try:
        proto = onnx.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise FormatError(
            f"{path.name} is no ONNX model, or is damaged or cut off: it cannot be decoded"
        ) from error
    return make_model(proto, path.name, folder=path.parent)


def make_model(proto: onnx.ModelProto, name: str, *, folder: Path | None = None) -> OnnxModel:
    """Return the types of a model that is read.

    Args:
        proto: The model; its constants are taken out of it.
        name: What messages call it.
        folder: Folder with the data that lie beside it; None for a model that may have none.

    Raises:
        As `read_onnx`.
    """
    try:
        return _make_model(proto, name, Store(folder=folder))
    except (FormatError, ConversionError) as error:
        raise type(error)(f"{name}: {error.message}", hint=error.hint) from error
    except MemoryError:
        raise
    except Exception as error:  # damage shows in many ways: texts that are none, types nobody has
        reason = f"{type(error).__name__}: {error}"
        raise FormatError(f"{name} is damaged: {reason}") from error


def _make_model(proto: onnx.ModelProto, name: str, store: Store) -> OnnxModel:
    check_head(proto)
    check_texts(proto)
    opsets = find_opsets(proto.opset_import)
    store.take_out(proto.graph)
    for function in proto.functions:
        for node in function.node:
            store.fill_in(node)
    functions = tuple(dict.fromkeys(function.name for function in proto.functions))
    written = inline_functions(proto)
    opsets = find_opsets(written.opset_import) or opsets
    check_opsets(opsets, written.graph.node)
    sort_nodes(written.graph)
    reader = Reader(opsets=opsets, store=store)
    return OnnxModel(
        name=name,
        graph=reader.make_graph(infer(written).graph),
        opsets=opsets,
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
        description=proto.doc_string,
        version=int(proto.model_version),
        ir_version=int(proto.ir_version),
        functions=functions,
        files=store.files,
    )


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Makes types of the parts of a file.

    Attributes:
        opsets: Version of each domain of operators.
        store: The large constants.
    """

    opsets: Mapping[str, int]
    store: Store = field(default_factory=Store)

    def make_graph(self, proto: onnx.GraphProto) -> Graph:
        """Return a graph."""
        constants = {tensor.name: self.store.to_array(tensor) for tensor in proto.initializer}
        inputs = tuple(_make_end(info) for info in proto.input if info.name not in constants)
        outputs = tuple(_make_end(info) for info in proto.output)
        known = (*inputs, *outputs, *(_make_end(info) for info in proto.value_info))
        return Graph(
            name=proto.name,
            inputs=inputs,
            outputs=outputs,
            nodes=self.make_nodes(proto.node),
            constants=constants,
            dtypes={end.name: end.dtype for end in known if end.dtype},
            sizes={end.name: end.sizes for end in known if end.sizes is not None},
        )

    def make_nodes(self, protos: Iterable[onnx.NodeProto]) -> tuple[Node, ...]:
        """Return nodes.

        Raises:
            FormatError: An attribute is damaged; the message names the node.
        """
        return tuple(self._make_node(proto, number) for number, proto in enumerate(protos))

    def _make_node(self, proto: onnx.NodeProto, number: int) -> Node:
        domain = domain_name(proto.domain)
        try:
            attributes = {
                entry.name: read_attribute(entry, self.make_graph) for entry in proto.attribute
            }
        except FormatError as error:
            raise FormatError(f"{label_node(proto, number)}: {error.message}") from error
        return Node(
            op=proto.op_type,
            domain=domain,
            version=self.opsets.get(domain, 1),
            name=proto.name,
            number=number,
            inputs=tuple(proto.input),
            outputs=tuple(proto.output),
            attributes=attributes,
            proto=proto,
        )


def _make_end(info: onnx.ValueInfoProto) -> End:
    kind = _KINDS.get(info.type.WhichOneof("value"), "value")
    if kind != "tensor":
        return End(name=info.name, dtype=None, sizes=None, kind=kind)
    stated = info.type.tensor_type
    sizes = None
    if stated.HasField("shape"):
        sizes = tuple(_read_size(size) for size in stated.shape.dim)
    return End(name=info.name, dtype=dtype_name(stated.elem_type), sizes=sizes)


_KINDS = {
    "tensor_type": "tensor",
    "sequence_type": "sequence",
    "optional_type": "optional",
    "map_type": "map",
    "sparse_tensor_type": "sparse tensor",
}


def _read_size(size: Any) -> int | str | None:
    """Return the size of an axis; some exporters write -1 for an open one."""
    if size.HasField("dim_value"):
        return int(size.dim_value) if size.dim_value >= 0 else None
    return size.dim_param or None


def dtype_name(element_type: int) -> str | None:
    """Return the name of a type of elements: "int64", "str"; None for an unknown one."""
    if element_type == onnx.TensorProto.STRING:
        return "str"
    if element_type not in onnx.TensorProto.DataType.values() or not element_type:
        return None
    return str(onnx.helper.tensor_dtype_to_np_dtype(element_type).name)


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
    opsets = {domain_name(entry.domain): int(entry.version) for entry in function.opset_import}
    # Functions of preview domains leave it out, and are written for the newest.
    opsets.setdefault(STANDARD, onnx.defs.onnx_opset_version())
    nodes = [fill_in(node, given) for node in function.node]
    return Graph(
        name=function.name,
        inputs=tuple(End(name=name, dtype=None, sizes=None) for name in function.input),
        outputs=tuple(End(name=name, dtype=None, sizes=None) for name in function.output),
        nodes=Reader(opsets=opsets).make_nodes(nodes),
        constants={},
    )
