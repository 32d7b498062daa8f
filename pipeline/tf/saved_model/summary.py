"""Summary: reads the content of a SavedModel from its files, without loading it.

Graphs are returned as JSON in the form of a model.json's topology, so that code for graphs without
TensorFlow (shapes, multiply-adds) serves both. This module runs nothing of the model.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.op_def_pb2 import OpDef
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework import op_def_registry

from pipeline.errors import ConversionError, FormatError, UntrustedSourceError
from pipeline.tf.narrowing import check_narrowing
from pipeline.tf.saved_model.meta_graph import load_saved_model
from pipeline.tf.saved_model.signatures import describe_signatures
from pipeline.tf.untrusted.refuse import check_trusted

_MAX_VALUES = 64
_DIGITS_MAX = 9
_BOOKKEEPING = "_CHECKPOINTABLE_OBJECT_GRAPH"
_LEFT_OUT = ("value", "_class", "config", "config_proto", "executor_type")


def summarize_saved_model(*, source: Path) -> dict[str, Any]:
    """Return the content of a SavedModel in JSON values.

    Returns:
        `graphs`, for each MetaGraph its `tags`, `producer`, `signatures`, `topology`,
        `constants` and `untrusted` (why it would be refused, or None); `variables`.

    Raises:
        FormatError: The files are missing, cut off or no SavedModel, or contradict themselves.
    """
    saved_model = load_saved_model(source)
    return {
        "graphs": [summarize_graph(graph) for graph in saved_model.meta_graphs],
        "variables": _read_variables(source),
    }


def summarize_graph(meta_graph: MetaGraphDef) -> dict[str, Any]:
    """Return a graph with its signatures in JSON values, in the form of a model.json's topology."""
    graph = meta_graph.graph_def
    bodies: dict[str, list[NodeDef]] = {"": list(graph.node)}
    bodies |= {f.signature.name: list(f.node_def) for f in graph.library.function}
    constants = {name: dict(_constants(nodes)) for name, nodes in bodies.items()}
    return {
        "tags": sorted(meta_graph.meta_info_def.tags),
        "producer": meta_graph.meta_info_def.tensorflow_version or None,
        "signatures": {
            key: signature.to_json() for key, signature in describe_signatures(meta_graph).items()
        },
        "nodes": [_node_to_json(node) for node in graph.node],
        "functions": {f.signature.name: _function_to_json(f) for f in graph.library.function},
        "constants": constants,
        "narrowed": _find_narrowed(bodies.values()),
        "untrusted": _find_untrusted(meta_graph),
    }


def _node_to_json(node: NodeDef) -> dict[str, Any]:
    attrs = {
        name: MessageToDict(value) for name, value in node.attr.items() if name not in _LEFT_OUT
    }
    return {"name": node.name, "op": node.op, "input": list(node.input), "attr": attrs}


def _function_to_json(function: FunctionDef) -> dict[str, Any]:
    """Return a function's nodes, with inputs in the form of a graph's."""
    arguments = [argument.name for argument in function.signature.input_arg]
    nodes = {node.name: node for node in function.node_def}
    referred = functools.partial(_graph_reference, nodes)
    return {
        "arguments": arguments,
        "results": [
            referred(function.ret[result.name]) for result in function.signature.output_arg
        ],
        "nodes": [
            {**_node_to_json(node), "input": [referred(name) for name in node.input]}
            for node in function.node_def
        ],
    }


def _graph_reference(nodes: Mapping[str, NodeDef], tensor: str) -> str:
    """Return "node:index" for the "node:output:index" of a function's body."""
    if tensor.startswith("^"):
        return tensor
    name, *rest = tensor.split(":")
    node = nodes.get(name)
    if node is None or not rest:
        return name  # an argument
    number = rest[1] if len(rest) > 1 else "0"
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS_MAX):
        raise FormatError(f"a function reads {tensor!r}; expected node:output:number")
    index = int(number)
    op = op_def_registry.get(node.op)
    for output in op.output_arg if op else ():
        if output.name == rest[0]:
            return f"{name}:{index}"
        index += _count_outputs(node, output)
    return f"{name}:{index}"


def _count_outputs(node: NodeDef, output: OpDef.ArgDef) -> int:
    """Return the number of tensors of a named output of an op."""
    if output.number_attr:
        return int(node.attr[output.number_attr].i)
    if output.type_list_attr:
        return len(node.attr[output.type_list_attr].list.type)
    return 1


def _constants(nodes: Iterable[NodeDef]) -> Iterator[tuple[str, dict[str, Any]]]:
    for node in nodes:
        if node.op != "Const" or "value" not in node.attr:
            continue
        try:
            yield node.name, _describe_constant(node.attr["value"].tensor)
        except (TypeError, ValueError) as error:  # TensorFlow's errors on values that do not fit
            raise FormatError(f"the constant {node.name!r} cannot be read: {error}") from None


def _describe_constant(tensor: TensorProto) -> dict[str, Any]:
    shape = [int(dim.size) for dim in tensor.tensor_shape.dim]
    dtype = tf.dtypes.as_dtype(tensor.dtype)
    entry: dict[str, Any] = {"dtype": dtype.name, "shape": shape}
    if dtype in (tf.int32, tf.int64) and np.prod(shape, dtype=np.int64) <= _MAX_VALUES:
        entry["values"] = [int(value) for value in tf.make_ndarray(tensor).reshape(-1)]
    elif dtype.is_floating:
        entry |= _count_non_finite(tf.make_ndarray(tensor))
    elif dtype == tf.string:
        entry["bytes"] = sum(map(len, tensor.string_val))
    return entry


def _read_variables(source: Path) -> list[dict[str, Any]]:
    """Return the variables in the checkpoint, each with its counts of NaN and infinity."""
    prefix = source / "variables" / "variables"
    if not prefix.with_suffix(".index").is_file():
        return []
    reader = tf.train.load_checkpoint(str(prefix))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    variables = []
    for name in sorted(shapes):
        if name == _BOOKKEEPING:
            continue
        entry: dict[str, Any] = {"name": name, "dtype": dtypes[name].name, "shape": shapes[name]}
        if dtypes[name].is_floating:
            entry |= _count_non_finite(reader.get_tensor(name))
        variables.append(entry)
    return variables


def _count_non_finite(values: Any) -> dict[str, int]:
    # numpy does not count bfloat16 among the numbers.
    numbers = np.asarray(values, np.float64) if values.dtype.kind == "V" else np.asarray(values)
    if np.isfinite(numbers).all():
        return {}
    return {"nan": int(np.isnan(numbers).sum()), "infinite": int(np.isinf(numbers).sum())}


def _find_narrowed(bodies: Iterable[Iterable[NodeDef]]) -> str | None:
    """Return which constants TensorFlow.js cannot hold, else None: "constants … c (int64 …)"."""
    wide = (tf.int64.as_datatype_enum, tf.float64.as_datatype_enum)
    entries = (
        {"name": node.name, "data": tf.make_ndarray(node.attr["value"].tensor)}
        for nodes in bodies
        for node in nodes
        if node.op == "Const" and node.attr["value"].tensor.dtype in wide
    )
    try:
        check_narrowing(entries)
    except ConversionError as error:
        return error.message
    return None


def _find_untrusted(meta_graph: MetaGraphDef) -> str | None:
    try:
        check_trusted(meta_graph)
    except (ConversionError, UntrustedSourceError) as error:
        return error.message
    return None
