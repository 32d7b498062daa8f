"""Fourier transforms, of whole axes and of frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Rule, Table
from pipeline.tf.openvino.rules.parts import slice_axes, vector

_PAIR = 2


def _axes(layer: Layer, rank: int) -> list[int]:
    return [layer.axis(axis, rank) for axis in layer.numbers(1, "axes")]


def _lengths(layer: Layer, count: int) -> list[str]:
    """Return the name of the length of each axis; "" for that of the signal."""
    if not layer.has(2):
        return [""] * count
    if layer.known(2) is None:
        numbers = [layer.constant(n, "int64") for n in range(count)]
        return [layer.emit("Gather", [vector(layer, 2), number], axis=0) for number in numbers]
    stated = layer.numbers(2, "signal size")
    return ["" if n < 0 else layer.constant(n, "int64") for n in stated]


def _along(layer: Layer, name: str, axis: int, length: str, **flags: Any) -> str:
    """Write a transform along an axis."""
    return layer.emit("DFT", [name, length, layer.constant(axis, "int64")], **flags)


def _transform(*, inverse: bool) -> Rule:
    """Return the rule of DFT, or of IDFT: pairs along the last axis, which no axis counts."""

    def rule(layer: Layer) -> str:
        name, axes = layer.names[0], _axes(layer, layer.rank() - 1)
        for axis, length in zip(axes, _lengths(layer, len(axes)), strict=True):
            name = _along(layer, name, axis, length, inverse=int(inverse))
        return name

    return rule


def _transform_real(layer: Layer) -> str:
    """RDFT: of the last of the axes only the first half and the middle are there."""
    rank = layer.rank()
    axes = _axes(layer, rank)
    lengths = _lengths(layer, len(axes))
    name = layer.unsqueeze(layer.names[0], [rank])
    name = _along(layer, name, axes[-1], lengths[-1], onesided=1)
    for axis, length in zip(axes[:-1], lengths[:-1], strict=True):
        name = _along(layer, name, axis, length)
    return name


def _transform_back(layer: Layer) -> str:
    """IRDFT: the other half of the last of the axes mirrors the first; the result is real."""
    rank = layer.rank()
    axes = _axes(layer, rank - 1)
    lengths = _lengths(layer, len(axes))
    name = layer.names[0]
    for axis, length in zip(axes[:-1], lengths[:-1], strict=True):
        name = _along(layer, name, axis, length, inverse=1)
    name = _along(layer, name, axes[-1], lengths[-1], inverse=1, onesided=1)
    return layer.squeeze(name, [rank - 1])


def _window(layer: Layer, size: int) -> Any:
    """Return the window in the middle of a frame, with zeros around it."""
    stated = np.ravel(layer.require(1, "window")).astype(np.float32)
    window = np.zeros(size, np.float32)
    begin = (size - len(stated)) // 2
    window[begin : begin + len(stated)] = stated
    return window


def _transform_frames(layer: Layer) -> str:
    """STFT: signals, a window, the length of a frame and the step to the next one."""
    (size,), (step,) = layer.numbers(2, "frame size"), layer.numbers(3, "frame step")
    name, is_single = layer.names[0], layer.rank() == 1
    name = layer.unsqueeze(layer.unsqueeze(name, [0]) if is_single else name, [_PAIR])
    given = [layer.constant(step, "int64"), layer.constant(_window(layer, size))]
    name = layer.emit("STFT", [name, *given, layer.constant(size, "int64")], onesided=1)
    if layer.attribute("transpose_frames"):
        name = layer.transpose(name, [0, 2, 1, 3])
    return layer.squeeze(name, [0]) if is_single else name


def _join_frames(layer: Layer) -> str:
    """ISTFT: the sum of frames times their windows, divided by that of the squares of windows."""
    (size,), (step,) = layer.numbers(2, "frame size"), layer.numbers(3, "frame step")
    is_single = layer.rank() == 3  # noqa: PLR2004  # (frequencies, frames, parts)
    count = layer.sizes()[-2]
    if count is None:
        raise layer.refuse("the number of its frames is open")
    name = layer.unsqueeze(layer.names[0], [0]) if is_single else layer.names[0]
    length = layer.constant(size, "int64")
    name = _along(layer, name, 1, length, inverse=1, onesided=1)
    total = (count - 1) * step + size
    window, weights = _window(layer, size), np.zeros(total, np.float32)
    for frame in range(count):
        weights[frame * step : frame * step + size] += window * window
    columns = layer.emit("Mul", [layer.squeeze(name, [3]), layer.constant(window[:, None])])
    ends = [layer.constant([n], "int64") for n in (total, size)]
    summed = layer.emit("Col2Im", [columns, *ends], strides=(step,))
    scale = np.where(weights == 0, 1, weights)
    made = layer.emit("Div", [layer.squeeze(summed, [1]), layer.constant(scale)])
    factor = np.float32(np.sqrt(size) if layer.attribute("normalized") else 1)
    if factor != 1 or not weights.all():
        made = layer.emit("Mul", [made, layer.constant(np.where(weights == 0, 0, factor))])
    made = _cut(layer, made, total, size // 2 if layer.attribute("center") else 0)
    return layer.squeeze(made, [0]) if is_single else made


def _cut(layer: Layer, name: str, total: int, margin: int) -> str:
    """Return signals without their margins, or of the length that the operation states."""
    stated: Sequence[int] = layer.numbers(4, "signal length") if layer.has(4) else []
    length = stated[0] if stated else total - 2 * margin
    end = min(margin + length, total - margin)
    if margin or end < total:
        name = slice_axes(layer, name, [margin], [end], [1])
    missing = length - (end - margin)
    if missing <= 0:
        return name
    return layer.emit("Pad", [name, layer.constant([0, 0, 0, missing], "int64")])


RULES: Table = {
    "DFT": _transform(inverse=False),
    "IDFT": _transform(inverse=True),
    "IRDFT": _transform_back,
    "ISTFT": _join_frames,
    "RDFT": _transform_real,
    "STFT": _transform_frames,
}
