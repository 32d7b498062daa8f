"""Tables of TensorFlow 2: resources that a loaded model creates, fills and gives a signature.

After `_get_resource_initializer_concrete_function` and `_get_resource_ids_maps` in
tensorflowjs/converters/tf_saved_model_conversion_v2.py 4.22.0, which fail as soon as the model
has a table that the signature does not look at; here it is left out.
"""

# ruff: noqa: SLF001  # the pinned TensorFlow has no public names for the resources of a model

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.checkpoint.trackable_view import TrackableView


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What fills the tables of a signature.

    Attributes:
        initializer: Concrete function that creates the tables, fills and returns them.
        ids: A number per table, first by the signature's input, then by initializer's output.
    """

    initializer: Any
    ids: tuple[Mapping[str, int], Mapping[str, int]]


def trace_resources(model: Any, function: Any) -> Resources | None:
    """Return what fills the tables that a signature's function looks at; None without any."""
    captured = {tensor._id: i for i, tensor in enumerate(function._captured_inputs)}
    tables = [
        one
        for one in TrackableView(model).descendants()
        if isinstance(one, tf.saved_model.experimental.TrackableResource)
        and one.resource_handle._id in captured
    ]
    if not tables:
        return None
    # The handles' numbers, before the handles are replaced.
    numbers = [table.resource_handle._id for table in tables]
    initializer = tf.function(lambda: [_fill_new(table) for table in tables])
    traced = initializer.get_concrete_function()
    # Captured inputs always come after those of the user.
    inputs = function.inputs[len(function.inputs) - len(captured) :]
    return Resources(
        initializer=traced,
        ids=(
            {inputs[captured[number]].name: number for number in numbers},
            {output.name: number for number, output in zip(numbers, traced.outputs, strict=True)},
        ),
    )


def _fill_new(table: Any) -> Any:
    """Create a table like this one and fill it, in the function that is being traced."""
    fill = table._initialize.get_concrete_function()
    number = table.resource_handle._id
    captured = fill._captured_inputs
    new = table._create_resource()
    # The old handle was filled when the model was loaded, and would be captured in its place.
    for i, tensor in enumerate(captured):
        if tensor._id == number:
            captured[i] = new
    table._initialize()
    return new
