"""Direct freeze: the graph of a signature from saved_model.pb and the checkpoint alone.

`tf.saved_model.load` rebuilds every function of a model in Python, and freezing by the converter's
function does so twice more; that is most of the time of a conversion. Here the body of the
signature's function is the graph, Grappler inlines its calls, and the variables become constants by
the functions of tensorflow/python/framework/convert_to_constants.py, as in the converter. The nodes
have the names that the converter gives them.

It serves signatures of TensorFlow 2 whose function takes inputs and variables that it only reads.
All others (tables, state, assets, graphs of TensorFlow 1) are loaded.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework import convert_to_constants
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

from pipeline.tf.import_graph import import_graph
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.inline import inline_functions
from pipeline.tf.saved_model.signatures import TracedSignature
from pipeline.tf.untrusted.reach import Library, calls_of, find_reached, node_of, prune

_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_RESOURCE = tf.resource.as_datatype_enum
_READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd"})


def freeze_directly(
    folder: Path,
    meta_graph: MetaGraphDef,
    traced: TracedSignature,
    *,
    library: Library,
    control_flow_v2: bool,
) -> Frozen | None:
    """Freeze a signature without loading the model.

    Args:
        folder: Holds `variables`.
        meta_graph: The chosen graph.
        traced: The signature.
        library: What was looked up of the graph before.
        control_flow_v2: Whether loops and branches stay functions, or become plain nodes.

    Returns:
        The frozen graph; None where the model must be loaded.
    """
    try:
        return _freeze(folder, meta_graph, traced, library, control_flow_v2=control_flow_v2)
    except Exception as error:  # noqa: BLE001  # loading the model tells what is wrong with it
        print(f"The model is loaded, as freezing it failed: {format_reason(error, folder)}")
        return None


def _freeze(
    folder: Path,
    meta_graph: MetaGraphDef,
    traced: TracedSignature,
    library: Library,
    *,
    control_flow_v2: bool,
) -> Frozen | None:
    functions = {one.signature.name: one for one in meta_graph.graph_def.library.function}
    call = _find_call(meta_graph.graph_def, traced)
    function = functions.get(call.attr["f"].func.name) if call is not None else None
    if call is None or function is None:
        return None
    captured = _find_captured(meta_graph.graph_def, call, function)
    if captured is None or not _only_reads(meta_graph.graph_def, function, library):
        return None
    variables, constants = captured
    keys = _find_keys(meta_graph, functions)
    if any(variable not in keys for variable in variables.values()):
        return None
    data = {
        **_read(folder, {argument: keys[name] for argument, name in variables.items()}),
        **constants,
    }
    inputs = [
        f"{argument.name}:0"
        for argument in function.signature.input_arg
        if argument.name not in data
    ]
    outputs = [f"{node_of(function.ret[one.name])}:0" for one in function.signature.output_arg]
    body = _body(meta_graph.graph_def, function, library)
    if control_flow_v2:
        body = convert_to_constants.disable_lower_using_switch_merge(body)
    inlined = inline_functions(MetaGraphDef(graph_def=body), [*inputs, *outputs])
    frozen = prune(_fill(inlined, data), [*inputs, *outputs])
    _forget_notes(frozen)
    graph = import_graph(frozen)
    for part in traced.outputs:
        if part.info.HasField("tensor_shape"):
            graph.get_tensor_by_name(part.inner).set_shape(part.info.tensor_shape)
    return Frozen(
        graph=graph,
        inputs=[graph.get_tensor_by_name(name) for name in inputs],
        outputs=[graph.get_tensor_by_name(name) for name in outputs],
        tensorflow_version=meta_graph.meta_info_def.tensorflow_version,
        initializer_graph=None,
        resource_ids=None,
    )


def _find_call(graph: GraphDef, traced: TracedSignature) -> NodeDef | None:
    """Return the call of which a signature has all outputs, and all inputs are arguments."""
    nodes = {node.name: node for node in graph.node}
    calls = {node_of(part.outer) for part in traced.outputs}
    ends = (*traced.inputs, *traced.outputs)
    if len(calls) != 1 or any(part.inner is None for part in ends):
        return None
    call = nodes.get(calls.pop())
    return call if call is not None and call.op in _CALLS else None


def _read(folder: Path, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the values in the checkpoint, by argument."""
    if not keys:
        return {}
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    return {argument: np.asarray(reader.get_tensor(key)) for argument, key in keys.items()}


def _fill(graph: GraphDef, data: Mapping[str, Any]) -> GraphDef:
    """Return a graph in which the arguments of these names are constants."""
    converter_data = convert_to_constants._ConverterData(graph)  # noqa: SLF001  # the pinned TensorFlow has no other way
    for name, values in data.items():
        dtype = tf.dtypes.as_dtype(values.dtype).as_datatype_enum
        converter_data.tensor_data[name] = convert_to_constants._TensorData(values, dtype, None)  # noqa: SLF001  # the pinned TensorFlow has no other way
    filled: GraphDef
    filled, _ = convert_to_constants._replace_variables_by_constants(converter_data)  # noqa: SLF001  # the pinned TensorFlow has no other way
    return filled


def _find_captured(
    graph: GraphDef, call: NodeDef, function: FunctionDef
) -> tuple[dict[str, str], dict[str, Any]] | None:
    """Return what a function captures, by argument: nodes of variables, and values of constants.

    None if it captures something else.
    """
    nodes = {node.name: node for node in graph.node}
    variables: dict[str, str] = {}
    constants: dict[str, Any] = {}
    given = [name for name in call.input if not name.startswith("^")]
    for argument, name in zip(function.signature.input_arg, given, strict=True):
        node = nodes[node_of(name)]
        if node.op == "VarHandleOp":
            variables[argument.name] = node.name
        elif node.op == "Const":
            constants[argument.name] = tf.make_ndarray(node.attr["value"].tensor)
        elif node.op != "Placeholder" or argument.type == _RESOURCE:
            return None
    return variables, constants


def _only_reads(graph: GraphDef, function: FunctionDef, library: Library) -> bool:
    """Return whether all ops that take a resource, in a function and those it calls, read it."""
    reached = find_reached(graph, (), [function.signature.name], library=library)
    functions = [one for one in graph.library.function if one.signature.name in reached.functions]
    return all(_body_only_reads(one, reached.functions) for one in functions)


def _body_only_reads(function: FunctionDef, known: set[str]) -> bool:
    resources = {
        argument.name for argument in function.signature.input_arg if argument.type == _RESOURCE
    }
    for node in function.node_def:
        takes = any(name.partition(":")[0] in resources for name in node.input)
        makes = _RESOURCE in {node.attr[key].type for key in node.attr}
        if takes and not (node.op in _READS or known.intersection(calls_of(node))):
            return False
        if makes and not known.intersection(calls_of(node)):
            return False
    return True


def _find_keys(meta_graph: MetaGraphDef, functions: Mapping[str, FunctionDef]) -> dict[str, str]:
    """Return the key in the checkpoint of each variable, by its node: what the model restores."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    restore = nodes.get(meta_graph.saver_def.restore_op_name)
    function = functions.get(restore.attr["f"].func.name) if restore is not None else None
    if restore is None or function is None:
        return {}
    given = dict(
        zip(
            (argument.name for argument in function.signature.input_arg),
            (node_of(name) for name in restore.input if not name.startswith("^")),
            strict=True,
        )
    )
    return {given[argument]: key for argument, key in _restored(function) if argument in given}


def _restored(function: FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield each variable that a function restores as a whole: its argument and its key."""
    nodes = {node.name: node for node in function.node_def}
    read = cache(lambda name: _texts(nodes[node_of(name)]))
    for node in function.node_def:
        if node.op != "AssignVariableOp":
            continue
        name, _, place = node.input[1].partition(":")
        while nodes[name].op == "Identity":
            name, _, place = nodes[name].input[0].partition(":")
        source = nodes[name]
        if source.op != "RestoreV2":
            continue
        number = int(place.partition(":")[2])
        keys, slices = (read(part) for part in source.input[1:3])
        if keys and slices and not slices[number]:
            yield node_of(node.input[0]), keys[number].decode()


def _texts(node: NodeDef) -> list[bytes]:
    if node.op != "Const":
        return []
    return list(tf.make_ndarray(node.attr["value"].tensor).reshape(-1))


def _body(graph: GraphDef, function: FunctionDef, library: Library) -> GraphDef:
    """Return the body of a function as a graph, with the functions that it calls."""
    reached = find_reached(graph, (), [function.signature.name], library=library)
    called = GraphDef(versions=graph.versions)
    for one in graph.library.function:
        if one.signature.name in reached.functions - {function.signature.name}:
            added = called.library.function.add()
            added.CopyFrom(one)
            # With it Grappler inlines nothing: a function for other devices could take its place.
            if "api_implements" in added.attr:
                del added.attr["api_implements"]
    with import_graph(called).as_default():
        body: GraphDef
        body, _ = function_def_to_graph_def(function)
    body.library.CopyFrom(called.library)
    _forget_notes(body)
    for node in body.node[: len(function.signature.input_arg)]:
        if "shape" not in node.attr:
            # Grappler refuses a Placeholder without; that of a variable is its handle, a scalar.
            is_handle = node.attr["dtype"].type == _RESOURCE
            node.attr["shape"].shape.unknown_rank = not is_handle
    return body


def _forget_notes(graph: GraphDef) -> None:
    """Remove what loading a model does not keep of a node: its shapes and its place."""
    functions = (node for one in graph.library.function for node in one.node_def)
    for node in (*graph.node, *functions):
        node.ClearField("experimental_debug_info")
        for key in ("_class", "_output_shapes", "_user_specified_name"):
            if key in node.attr:
                del node.attr[key]
