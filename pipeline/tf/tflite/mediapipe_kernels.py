"""MediaPipe's kernels once more, in numpy, for references.

The interpreter of TensorFlow Lite has no kernels of these operators. This module follows
mediapipe/util/tflite/operations/*.cc step by step, in their order and precision, and shares
nothing with the graph that it judges but how options are read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tf.tflite.mediapipe import LOWEST, read_options, read_window
from pipeline.tf.tflite.tflite_model import Array, Operator

_F = np.float32


def _pool(operator: Operator, value: Array) -> list[Array]:
    """Follow max_pool_argmax.cc."""
    window = read_window(operator)
    (rows, y_pad), (columns, x_pad) = (window.places(value.shape[1 + i], i) for i in range(2))
    best = np.full((value.shape[0], rows, columns, value.shape[3]), LOWEST, _F)
    places = np.zeros(best.shape, _F)
    for row, column in np.ndindex(rows, columns):
        top, left = row * window.strides[0] - y_pad, column * window.strides[1] - x_pad
        for y, x in np.ndindex(*window.size):
            if 0 <= top + y < value.shape[1] and 0 <= left + x < value.shape[2]:
                current = value[:, top + y, left + x]
                greater = current > best[:, row, column]
                best[:, row, column][greater] = current[greater]
                places[:, row, column][greater] = y * window.size[1] + x
    low, high = window.limits
    return [np.clip(best, _F(low), _F(high)), places + _F(0.1)]


def _unpool(operator: Operator, value: Array, indices: Array) -> list[Array]:
    """Follow max_unpooling.cc."""
    window = read_window(operator)
    batches, rows, columns, depth = value.shape
    sizes = (rows * window.size[0], columns * window.size[1])
    made = np.zeros((batches, *sizes, depth), _F)
    places = indices.astype(np.int32)
    pads = [
        max((count - 1) * window.strides[i] + window.size[i] - sizes[i], 0) // 2
        for i, count in enumerate((rows, columns))
    ]
    for batch, row, column, channel in np.ndindex(*value.shape):
        y, x = divmod(int(places[batch, row, column, channel]), window.size[1])
        y += row * window.strides[0] - pads[0]
        x += column * window.strides[1] - pads[1]
        if 0 <= y < sizes[0] and 0 <= x < sizes[1]:
            made[batch, y, x, channel] = value[batch, row, column, channel]
    return [made]


def _transform_picture(operator: Operator, picture: Array, matrix: Array) -> list[Array]:
    """Follow transform_tensor_bilinear.cc."""
    options, (across, down) = read_options(operator), matrix.reshape(-1, 4)[:2].copy()
    if operator.version == 1:
        height, width = options["output_size"]
    else:
        height, width = options["output_height"], options["output_width"]
        for line in (across, down):
            line[3] += float(line[0]) * 0.5 + float(line[1]) * 0.5 - 0.5
    rows, columns, depth = picture.shape[1:]
    made = np.zeros((1, height, width, depth), _F)

    def read(row: int, column: int) -> Any:
        return picture[0, row, column] if row < rows and column < columns else np.zeros(depth, _F)

    for row, column in np.ndindex(height, width):
        x = across[0] * _F(column) + across[1] * _F(row) + across[3]
        y = down[0] * _F(column) + down[1] * _F(row) + down[3]
        if x < 0 or x > columns - 1 or y < 0 or y > rows - 1:
            continue
        left, top = int(np.floor(x)), int(np.floor(y))
        right, lower = float(x - _F(left)), float(y - _F(top))
        above = (1 - right) * read(top, left) + right * read(top, left + 1)
        below = (1 - right) * read(top + 1, left) + right * read(top + 1, left + 1)
        made[0, row, column] = lower * below + (1 - lower) * above
    return [made]


def _transform_landmarks(operator: Operator, landmarks: Array, matrix: Array) -> list[Array]:
    """Follow transform_landmarks.cc."""
    options, (across, down) = read_options(operator), matrix.reshape(-1, 4)[:2].copy()
    dimensions = options["dimensions"] if operator.version == 1 else landmarks.shape[-1]
    if operator.version == 1:
        across[3] *= _F(options["scale"])
        down[3] *= _F(options["scale"])
    made = landmarks.copy()
    for point in made.reshape(-1, dimensions):
        x, y = point[:2].copy()
        point[0] = across[0] * x + across[1] * y + across[3]
        point[1] = down[0] * x + down[1] * y + down[3]
    return [made]


def _find_matrix(operator: Operator, landmarks: Array) -> list[Array]:
    """Follow landmarks_to_transform_matrix.cc."""
    options, points = read_options(operator), landmarks.reshape(-1, 3)[:, :2]
    left, right = points[options["left_rotation_idx"]], points[options["right_rotation_idx"]]
    if operator.version == 1:
        return [
            _old_matrix(options, points, -np.arctan((right[1] - left[1]) / (right[0] - left[0])))
        ]
    angle = _F(options["target_rotation_radians"]) - np.arctan2(
        right[1] - left[1], right[0] - left[0]
    )
    turned = np.stack([_rotation(angle)[:2, :2] @ points[i] for i in options["subset_idxs"]])
    size = turned.max(0) - turned.min(0)
    middle = _rotation(-angle)[:2, :2] @ ((turned.max(0) + turned.min(0)) / _F(2))
    crop = _floats([options["output_width"], options["output_height"]])
    scale = _floats([options["scale_x"], options["scale_y"]]) * size / crop
    whole = (
        _shift(middle)
        @ _rotation(-angle)
        @ np.diag(_floats([*scale, 1, 1]))
        @ _shift(-crop / _F(2))
    )
    return [whole[None]]


def _old_matrix(options: Mapping[str, Any], points: Array, angle: Any) -> Array:
    turned = np.stack([_rotation(angle)[:2, :2] @ points[i] for i in options["subset"]])
    size = (turned.max(0) - turned.min(0)) * _F(options["bbox_size_multiplier"])
    middle = _rotation(-angle)[:2, :2] @ ((turned.max(0) + turned.min(0)) / _F(2))
    reach = _F(options["landmarks_range"])
    rotation = np.eye(3, dtype=_F)
    rotation[:2, :2] = _rotation(-angle)[:2, :2]
    rotation[:2, 2] = middle / reach * _F(2) - _F(1)
    out, into = (_floats(options[name][::-1]) for name in ("output_hw", "input_hw"))
    to_relative = np.diag(_floats([*(2 / (out - 1)), 1]))
    to_relative[:2, 2] = -1
    to_absolute = np.diag(_floats([*((into - 1) / 2), 1]))
    to_absolute[:2, 2] = (into - 1) / 2
    inverse = to_absolute @ rotation @ np.diag(_floats([*(size / reach), 1])) @ to_relative
    made = np.eye(4, dtype=_F)
    made[:2, :2], made[:2, 3] = inverse[:2, :2], inverse[:2, 2]
    return made[None]


def _floats(values: Any) -> Array:
    return np.array(values, _F)


def _rotation(angle: Any) -> Array:
    made = np.eye(4, dtype=_F)
    made[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return made


def _shift(by: Array) -> Array:
    made = np.eye(4, dtype=_F)
    made[:2, 3] = by
    return made


KERNELS: Mapping[str, Callable[..., list[Array]]] = {
    "MaxPoolingWithArgmax2D": _pool,
    "MaxUnpooling2D": _unpool,
    "TransformTensor": _transform_picture,
    "TransformTensorBilinear": _transform_picture,
    "TransformLandmarks": _transform_landmarks,
    "Landmarks2TransformMatrix": _find_matrix,
}
"""Kernels by the name of their operator: arrays in, arrays out."""


def find_followed(operators: Sequence[Operator]) -> list[Operator]:
    """Return the operators that the interpreter lacks and a kernel here follows."""
    return [operator for operator in operators if operator.is_custom and operator.name in KERNELS]
