"""Tables of TensorFlow 2: resources that a loaded model creates, fills and adds to a signature.

It follows `_get_resource_initializer_concrete_function` and `_get_resource_ids_maps` in
tensorflowjs/converters/tf_saved_model_conversion_v2.py 4.22.0, which fail if the model has a
table that the signature does not use; here that table is left out.
"""

# ruff: noqa: SLF001  # the pinned TensorFlow has no public names for the resources of a model

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.checkpoint.trackable_view import TrackableView

from pipeline.tf.nodes import all_nodes

LOADS_FOREST = "SimpleMLLoadModelFromPathWithHandle"
"""The op that loads a model of Decision Forests."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The function that fills the tables of a signature.

    Attributes:
        initializer: Concrete function that creates, fills and returns the tables.
        ids: A number per table, first by the signature's input, then by the initializer's output.
    """

    initializer: Any
    ids: tuple[Mapping[str, int], Mapping[str, int]]


def trace_resources(model: Any, function: Any) -> Resources | None:
    """Return the resources of the tables that a function uses; None without tables."""
    captured = {tensor._id: i for i, tensor in enumerate(function._captured_inputs)}
    tables = [one for one in list_resources(model, function) if find_loading(one) is None]
    if not tables:
        return None
    # The handles' numbers, before the handles are replaced.
    numbers = [table.resource_handle._id for table in tables]
    initializer = tf.function(lambda: [_fill_new(table) for table in tables])
    traced = initializer.get_concrete_function()
    # Captured inputs always come after the user's inputs.
    inputs = function.inputs[len(function.inputs) - len(captured) :]
    return Resources(
        initializer=traced,
        ids=(
            {inputs[captured[number]].name: number for number in numbers},
            {output.name: number for number, output in zip(numbers, traced.outputs, strict=True)},
        ),
    )


def list_resources(model: Any, function: Any) -> list[Any]:
    """Return the tables and forests that a function captures."""
    captured = {tensor._id for tensor in function._captured_inputs}
    return [
        child
        for child in TrackableView(model).descendants()
        if isinstance(child, tf.saved_model.experimental.TrackableResource)
        and child.resource_handle._id in captured
    ]


def find_loading(resource: Any) -> NodeDef | None:
    """Return the node that loads a decision forest; None for a table."""
    graph_def = resource._initialize.get_concrete_function().graph.as_graph_def()
    return next((node for node in all_nodes(graph_def) if node.op == LOADS_FOREST), None)


def _fill_new(table: Any) -> Any:
    """Create and fill a table like this one, in the function that is being traced."""
    fill = table._initialize.get_concrete_function()
    number = table.resource_handle._id
    captured = fill._captured_inputs
    new = table._create_resource()
    # Without this the function would capture the old handle, filled when the model was loaded.
    for i, tensor in enumerate(captured):
        if tensor._id == number:
            captured[i] = new
    table._initialize()
    return new
