"""What rules of many families write: inputs as ONNX takes them, slices with known ends."""

from collections.abc import Sequence

import numpy as np

from pipeline.tf.openvino.layer import Layer

LARGEST = np.iinfo(np.int64).max
"""The end of an axis, from its start, for a slice."""

LEAST = np.iinfo(np.int64).min
"""The end of an axis, from its end, for a slice."""


def whole(layer: Layer, index: int) -> str:
    """Return the name of an input of whole numbers as int64, as ONNX takes shapes and axes."""
    known = layer.known(index)
    if known is not None:
        return layer.constant(np.ravel(known) if known.ndim else known, "int64")
    name = layer.names[index]
    return name if layer.inputs[index].dtype == "int64" else layer.cast(name, "int64")


def vector(layer: Layer, index: int) -> str:
    """Return the name of an input of whole numbers as a vector of int64."""
    known = layer.known(index)
    if known is not None:
        return layer.constant(np.ravel(known), "int64")
    name = whole(layer, index)
    return layer.unsqueeze(name, [0]) if layer.rank(index) == 0 else name


def slice_axes(  # noqa: PLR0913, PLR0917  # what a slice has
    layer: Layer,
    name: str,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> str:
    """Write a slice with known ends; return the name of its value."""
    steps = steps or [1] * len(axes)
    parts = [layer.constant(each, "int64") for each in (starts, ends, axes, steps)]
    return layer.emit("Slice", [name, *parts])


def scalar(layer: Layer, index: int) -> str:
    """Return the name of an input of one whole number as a scalar of int64."""
    known = layer.known(index)
    if known is not None:
        return layer.constant(int(np.ravel(known)[0]), "int64")
    name = whole(layer, index)
    return layer.squeeze(name, [0]) if layer.rank(index) else name
