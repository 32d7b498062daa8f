"""Puts the ops of a decision forest in place of TensorFlow Decision Forests' own op.

A SavedModel has the forest among its assets. A resource loads it, and the op asks the resource;
both leave the graph.
"""

# ruff: noqa: SLF001  # the pinned TensorFlow has no public names for what a function captures

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.checkpoint.trackable_view import TrackableView

from pipeline.errors import ConversionError
from pipeline.tf.forests.forest_model import ForestModel, read_forest_model
from pipeline.tf.forests.predict import predict
from pipeline.tf.lower.lowering_body import Replacement, read_bodies, replace_nodes, trace
from pipeline.tf.nodes import all_nodes
from pipeline.tf.saved_model.resources import find_loading, list_resources

ASKS_FOREST = "SimpleMLInferenceOpWithHandle"
"""The op that returns the predictions of a forest, and the names of its classes."""


def find_forests(model: Any, function: Any) -> dict[str, ForestModel]:
    """Return the forests that the function of a signature asks, by the input of their resource.

    Raises:
        FormatError: The files of a forest are damaged.
        ConversionError: A forest is of a kind that has no rule here.
    """
    captured = function._captured_inputs
    inputs = function.inputs[len(function.inputs) - len(captured) :]
    names = {tensor._id: given.name for tensor, given in zip(captured, inputs, strict=True)}
    forests = {}
    for resource in list_resources(model, function):
        if (loading := find_loading(resource)) is not None:
            folder = _find_folder(resource)
            prefix = loading.attr["file_prefix"].s.decode()
            forests[names[resource.resource_handle._id]] = read_forest_model(folder, prefix)
    return forests


def _find_folder(resource: Any) -> Path:
    """Return the folder of the assets from which a resource is loaded."""
    assets = [
        Path(child.asset_path.numpy().decode())
        for child in TrackableView(resource).descendants()
        if isinstance(child, tf.saved_model.Asset)
    ]
    if not assets:
        raise ConversionError("a decision forest is loaded from no file of the model")
    return assets[0].parent


def place_forests(graph: tf.Graph, forests: Mapping[str, ForestModel]) -> tuple[Any, list[str]]:
    """Return a frozen graph without forests, and a sentence on it.

    Args:
        graph: The graph.
        forests: Each forest, by the tensor of its resource.

    Raises:
        ConversionError: A loop or a branch asks a forest.
    """
    graph_def: GraphDef = graph.as_graph_def()
    for body in read_bodies(graph_def, lambda node: node.op == ASKS_FOREST):
        if body.is_function:
            raise ConversionError(
                f"a loop or a branch asks a decision forest ({body.name})",
                hint="`control_flow_v2: false` makes plain nodes of it",
            )
        asking = [node for node in body.nodes if node.op == ASKS_FOREST]
        replace_nodes(body, {node.name: _trace(body.graph, node, forests) for node in asking})
    if any(node.op == ASKS_FOREST for node in all_nodes(graph_def)):
        raise ConversionError("the graph asks a decision forest that it does not hold")
    _drop(graph_def, {name.partition(":")[0] for name in forests})
    with tf.Graph().as_default() as placed:
        tf.import_graph_def(graph_def, name="")
    return placed, [_describe(list(forests.values()))]


def _drop(graph_def: GraphDef, handles: set[str]) -> None:
    """Take the handles of forests out of a graph, and the nodes that pass them on."""
    dropped, size = set(handles), 0
    while size < len(dropped):
        size = len(dropped)
        for node in graph_def.node:
            if any(name.partition(":")[0] in dropped for name in node.input):
                dropped.add(node.name)
    kept = [node for node in graph_def.node if node.name not in dropped]
    for node in kept:
        inputs = [name for name in node.input if name.removeprefix("^") not in dropped]
        node.ClearField("input")
        node.input.extend(inputs)
    nodes = [NodeDef.FromString(node.SerializeToString()) for node in kept]
    del graph_def.node[:]
    graph_def.node.extend(nodes)


def _trace(graph: tf.Graph, node: NodeDef, forests: Mapping[str, ForestModel]) -> Replacement:
    op = graph.get_operation_by_name(node.name)
    handle = op.inputs[len(op.inputs) - 1]
    while handle.op.type == "Identity":
        handle = handle.op.inputs[0]
    model = forests[handle.name]

    def ask(**given: Any) -> list[Any]:
        predictions = predict(
            model,
            given["numerical_features"],
            given["boolean_features"],
            given["categorical_int_features"],
            given["dense_output_dim"],
        )
        return [predictions, tf.constant([name.encode() for name in model.classes])]

    return trace(op, node, ask)


def _describe(forests: Sequence[ForestModel]) -> str:
    trees = sum(len(model.trees.roots) for model in forests)
    nodes = sum(len(model.trees.firsts) for model in forests)
    return (
        f"a decision forest became tables and gathers: {trees} trees, {nodes} nodes "
        f"({len(forests)} in this graph)"
    )
