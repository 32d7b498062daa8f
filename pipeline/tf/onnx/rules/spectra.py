"""Fourier transforms and what goes with them."""

from typing import Any

import numpy as np

from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.spectra import transform, transform_frames
from pipeline.tf.layout.value import Value, constant
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.onnx_model import dtype_name
from pipeline.tf.onnx.sizes_of_shapes import listed_sizes

_AXIS_IS_INPUT = 20


def _transform(call: Call) -> Value:
    """DFT: the axis is an attribute before version 20."""
    value = call.value(0)
    if call.version < _AXIS_IS_INPUT:
        axis = int(call.attribute("axis", 1))
    else:
        axis = int(call.require(2, "axis").reshape(())) if call.has(2) else -2
    axis = call.from_front(axis, value.rank)
    inverse, onesided = (bool(call.attribute(name, 0)) for name in ("inverse", "onesided"))
    if onesided and value.sizes[-1] != (2 if inverse else 1):
        raise call.refuse("one side of a spectrum is that of real numbers")
    length: Size = value.sizes[axis]
    if onesided and inverse:
        length = 2 * (length - 1)
    if call.has(1):
        stated = listed_sizes(call.value(1))
        if stated is None:
            raise call.refuse("its length is computed")
        length = int(stated[0]) if is_known(stated[0]) else stated[0]
    return transform(value, axis, length, inverse=inverse, onesided=onesided)


def _transform_frames(call: Call) -> Value:
    """STFT: the length of a frame is that of the window, where it is not stated."""
    value = call.value(0)
    step = int(call.require(1, "step").reshape(()))
    window = call.require(2, "window") if call.has(2) else None
    length = None if not call.has(3) else int(call.require(3, "length of a frame").reshape(()))
    if length is None:
        if window is None:
            raise call.refuse("it has neither a window nor a length of a frame")
        length = len(window)
    onesided = bool(call.attribute("onesided", 1))
    if onesided and value.sizes[-1] != 1:
        raise call.refuse("one side of a spectrum is that of real numbers")
    return transform_frames(value, step, window, length, onesided=onesided)


def _mel_weights(call: Call) -> Value:
    """MelWeightMatrix: triangles between frequencies that are equally far apart in mel."""
    names = ("number of mel bins", "length", "sample rate", "lower edge", "upper edge")
    bins, length, rate, low, high = (
        call.require(index, name).reshape(()).item() for index, name in enumerate(names)
    )
    count = length // 2 + 1
    # As the standard computes it: edges one step apart, the last one below the upper edge.
    first, last = (2595 * np.log10(1 + edge / 700) for edge in (low, high))
    edges = np.arange(bins + 2) * ((last - first) / (bins + 2)) + first
    hertz = 700 * (np.power(10, edges / 2595) - 1)
    places = ((length + 1) * hertz // rate).astype(np.int64)
    made = np.zeros((count, bins), np.float32)
    for number in range(bins):
        _draw_triangle(made[:, number], *places[number : number + 3])
    stated = dtype_name(int(call.attribute("output_datatype", 1)))
    return constant(made.astype(stated or "float32"))


def _draw_triangle(column: Any, low: int, center: int, high: int) -> None:
    """Write a triangle into a column of weights."""
    if center == low:
        column[center] = 1
    else:
        rising = np.arange(low, center + 1)
        column[low : center + 1] = (rising - low) / (center - low)
    if high > center:
        falling = np.arange(center, high)
        column[center:high] = (high - falling) / (high - center)


RULES: Table = {
    "DFT": _transform,
    "STFT": _transform_frames,
    "MelWeightMatrix": _mel_weights,
}
