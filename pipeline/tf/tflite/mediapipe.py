"""Operators of MediaPipe, which its own runtime has: pooling with places, and landmarks.

Their kernels are in mediapipe/util/tflite/operations/ of
https://github.com/google-ai-edge/mediapipe; options of the last three are read in
tensorflow/lite/delegates/gpu/common/mediapipe/. The interpreter of TensorFlow Lite has none of
them, so `mediapipe_kernels` follows them once more for references.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers

from pipeline.errors import ConversionError
from pipeline.tf.tflite.call import Call, Table, cut, rows
from pipeline.tf.tflite.tflite_model import Operator

LOWEST = np.finfo(np.float32).min
_LIMITS = {1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
_SAME = 1
_POOL = "MaxPoolingWithArgmax2D"


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a window goes over a picture: TfLitePoolParams, six int32 in the options.

    Attributes:
        size: Its rows and columns.
        strides: Rows and columns from one to the next.
        is_same: Whether the picture is padded, so that each stride has a window.
        limits: Least and greatest value behind the fused activation.
    """

    size: tuple[int, int]
    strides: tuple[int, int]
    is_same: bool
    limits: tuple[float, float]

    def places(self, length: int, axis: int) -> tuple[int, int]:
        """Return the number of windows along an axis, and the padding before the first."""
        size, stride = self.size[axis], self.strides[axis]
        count = -(-length // stride) if self.is_same else (length - size + stride) // stride
        return count, max((count - 1) * stride + size - length, 0) // 2


def read_window(operator: Operator) -> Window:
    """Return the window of a pooling operator.

    Raises:
        ConversionError: Its options are cut off, or no window.
    """
    numbers = np.frombuffer(operator.custom_options[:24], "<i4").tolist()
    if len(numbers) < 6 or min(numbers[1:5]) < 1 or max(numbers[1:5]) > 2**15:  # noqa: PLR2004
        raise ConversionError(f"{operator.label}: its options are no window")
    padding, stride_width, stride_height, width, height, activation = numbers
    return Window(
        size=(height, width),
        strides=(stride_height, stride_width),
        is_same=padding == _SAME,
        limits=_LIMITS.get(activation, (-np.inf, np.inf)),
    )


def read_options(operator: Operator) -> dict[str, Any]:
    """Return the options of an operator for landmarks; none where it has none.

    Raises:
        ConversionError: They are damaged.
    """
    if not operator.custom_options:
        return {}
    try:
        found = flexbuffers.Loads(operator.custom_options)
    except Exception as error:
        raise ConversionError(f"{operator.label}: its options cannot be read") from error
    if not isinstance(found, dict):
        raise ConversionError(f"{operator.label}: its options are no map")
    return found


def _number(call: Call, name: str) -> float:
    value = read_options(call.operator).get(name)
    if not isinstance(value, int | float):
        raise call.refuse(f"it lacks the option {name!r}")
    return value


def _numbers(call: Call, name: str) -> list[int]:
    values = read_options(call.operator).get(name)
    if not isinstance(values, list) or not values:
        raise call.refuse(f"it lacks the option {name!r}")
    return [int(value) for value in values]


def _sizes(call: Call, value: Any) -> tuple[int, int]:
    """Return rows and columns of a picture."""
    height, width = value.shape[1:3]
    if height is None or width is None:
        raise call.refuse("the size of its picture is open")
    return height, width


def _pool(call: Call) -> list[Any]:
    """Return the greatest value of each window, and its place in it plus 0.1."""
    window, value = read_window(call.operator), tf.convert_to_tensor(call.real(0))
    sizes = _sizes(call, value)
    counts, before = zip(*(window.places(size, i) for i, size in enumerate(sizes)), strict=True)
    spans = [(counts[i] - 1) * window.strides[i] + window.size[i] for i in range(2)]
    after = [max(spans[i] - sizes[i] - before[i], 0) for i in range(2)]
    paddings = [(0, 0), *zip(before, after, strict=True), (0, 0)]
    padded = tf.pad(value, paddings, constant_values=LOWEST) if any(map(any, paddings)) else value
    best: Any = None
    place: Any = None
    for number in range(window.size[0] * window.size[1]):
        row, column = divmod(number, window.size[1])
        shifted = padded[
            :,
            row : row + spans[0] - window.size[0] + 1 : window.strides[0],
            column : column + spans[1] - window.size[1] + 1 : window.strides[1],
        ]
        if best is None:
            best, place = shifted, tf.zeros_like(shifted)
            continue
        is_greater = shifted > best
        best = tf.where(is_greater, shifted, best)
        place = tf.where(is_greater, np.float32(number), place)
    return [_limited(best, window), place + np.float32(0.1)]


def _limited(value: Any, window: Window) -> Any:
    low, high = window.limits
    if np.isinf(low):
        return value
    return tf.nn.relu(value) if np.isinf(high) else cut(value, low, high)


def _unpool(call: Call) -> Any:
    """Put each value at its place in its window, and zeros elsewhere."""
    window = read_window(call.operator)
    height, width = window.size
    if window.strides != window.size:
        raise call.refuse("its windows overlap, or leave gaps")
    if not _has_places_of(call, window):
        raise call.refuse(f"its places are not those of {_POOL} with the same window")
    value, place = tf.convert_to_tensor(call.real(0)), tf.floor(call.real(1))
    parts = [
        tf.where(tf.equal(place, np.float32(number)), value, tf.zeros_like(value))
        for number in range(height * width)
    ]
    if height == width:
        return tf.nn.depth_to_space(tf.concat(parts, -1), height) if height > 1 else parts[0]
    rows_, columns = _sizes(call, value)
    depth = value.shape[3]
    lines = [tf.stack(parts[row * width : (row + 1) * width], 3) for row in range(height)]
    flat = [tf.reshape(line, [-1, rows_, 1, columns * width, depth]) for line in lines]
    return tf.reshape(tf.concat(flat, 2), [-1, rows_ * height, columns * width, depth])


def _has_places_of(call: Call, window: Window) -> bool:
    """Return whether places come from a pooling with the same window: others may lie outside."""
    number = call.spec(1).index
    return any(
        operator.name == _POOL
        and operator.outputs[1:2] == (number,)
        and read_window(operator).size == window.size
        for graph in call.state.model.subgraphs
        if call.operator in graph.operators
        for operator in graph.operators
    )


def _transform_picture(call: Call) -> Any:
    """Sample a picture on a grid that a matrix moves, zero outside of it."""
    height, width = (
        _numbers(call, "output_size")
        if call.operator.version == 1
        else (int(_number(call, "output_height")), int(_number(call, "output_width")))
    )
    picture = tf.convert_to_tensor(call.real(0))
    rows_, columns = _sizes(call, picture)
    if picture.shape[0] != 1 or not 0 < height * width < 2**22:
        raise call.refuse("a batch, or the size of its result")
    x, y = _grid(call, height, width)
    is_outside = (x < 0.0) | (x > columns - 1.0) | (y < 0.0) | (y > rows_ - 1.0)
    left, top = tf.floor(x), tf.floor(y)
    flat = tf.reshape(picture, [rows_ * columns, picture.shape[3]])

    def read(row: Any, column: Any) -> Any:
        row, column = cut(row, 0.0, rows_ - 1.0), cut(column, 0.0, columns - 1.0)
        return tf.gather(flat, tf.cast(row * float(columns) + column, tf.int32))

    right, lower = (x - left)[:, None], (y - top)[:, None]
    above = (1.0 - right) * read(top, left) + right * read(top, left + 1.0)
    below = (1.0 - right) * read(top + 1.0, left) + right * read(top + 1.0, left + 1.0)
    mixed = lower * below + (1.0 - lower) * above
    kept = tf.where(is_outside[:, None], tf.zeros_like(mixed), mixed)
    return tf.reshape(kept, [1, height, width, picture.shape[3]])


def _grid(call: Call, height: int, width: int) -> tuple[Any, Any]:
    """Return the places that the points of the result come from, row by row."""
    matrix = tf.reshape(call.real(1), [-1, 4])[:2]
    points = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
    shift = matrix[:, 3]
    if call.operator.version != 1:  # the middle of a point is half a step off
        shift += (matrix[:, 0] + matrix[:, 1]) * 0.5 - 0.5
    moved = tf.matmul(points.astype(np.float32), matrix[:, :2], transpose_b=True) + shift
    return moved[:, 0], moved[:, 1]


def _transform_landmarks(call: Call) -> Any:
    """Move the points (x, y) by a matrix, and leave z."""
    value = tf.convert_to_tensor(call.real(0))
    is_old = call.operator.version == 1
    dimensions = int(_number(call, "dimensions")) if is_old else value.shape[-1]
    if dimensions not in (2, 3) or value.shape[0] != 1:
        raise call.refuse("a batch, or points of other than two or three dimensions")
    scale = np.float32(_number(call, "scale")) if is_old else np.float32(1)
    matrix = tf.reshape(call.real(1), [-1, 4])[:2]
    points = tf.reshape(value, [-1, dimensions])
    moved = tf.matmul(points[:, :2], matrix[:, :2], transpose_b=True) + matrix[:, 3] * scale
    if dimensions > 2:  # noqa: PLR2004
        moved = tf.concat([moved, points[:, 2:]], 1)
    return tf.reshape(moved, value.shape)


def _find_matrix(call: Call) -> Any:
    """Return the matrix from the points of an upright crop to those of the picture."""
    points = tf.reshape(call.real(0), [-1, 3])[:, :2]
    left, right = (
        _check_place(call, int(_number(call, f"{side}_rotation_idx")), points)
        for side in ("left", "right")
    )
    step = points[right] - points[left]
    if call.operator.version == 1:
        return _find_old_matrix(call, points, -tf.atan(step[1] / step[0]))
    angle = np.float32(_number(call, "target_rotation_radians")) - tf.atan2(step[1], step[0])
    size, middle = _frame(call, points, "subset_idxs", angle)
    crop = _pair(_number(call, "output_width"), _number(call, "output_height"))
    scale = size * _pair(_number(call, "scale_x"), _number(call, "scale_y")) / crop
    turned = _turn(-angle) * scale
    shift = _apply(turned, -crop / 2.0) + _apply(_turn(-angle), middle)
    return _complete(turned, shift)


def _find_old_matrix(call: Call, points: Any, angle: Any) -> Any:
    size, middle = _frame(call, points, "subset", angle)
    reach = np.float32(_number(call, "landmarks_range"))
    scale = size * np.float32(_number(call, "bbox_size_multiplier")) / reach
    into = (_pair(*_numbers(call, "input_hw")[1::-1]) - 1.0) / 2.0
    out = 2.0 / (_pair(*_numbers(call, "output_hw")[1::-1]) - 1.0)
    turned = _turn(-angle) * scale
    place = _apply(_turn(-angle), middle) / reach * 2.0 - 1.0
    shift = _apply(turned, _pair(-1, -1)) + place
    return _complete(turned * out * into[:, None], shift * into + into)


def _frame(call: Call, points: Any, name: str, angle: Any) -> tuple[Any, Any]:
    """Return size and middle of the box around some points, after a turn by an angle."""
    places = [_check_place(call, place, points) for place in _numbers(call, name)]
    chosen = tf.gather(points, np.array(places, np.int32))
    turned = tf.matmul(chosen, _turn(angle), transpose_b=True)
    most, least = tf.reduce_max(turned, 0), tf.reduce_min(turned, 0)
    return most - least, (most + least) / 2.0


def _check_place(call: Call, place: int, points: Any) -> int:
    if not 0 <= place < (points.shape[0] or 0):
        raise call.refuse(f"it reads landmark {place} of {points.shape[0]}")
    return place


def _pair(x: float, y: float) -> Any:
    return np.array([x, y], np.float32)


def _turn(angle: Any) -> Any:
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return tf.reshape(tf.stack([cosine, -sine, sine, cosine]), [2, 2])


def _apply(matrix: Any, vector: Any) -> Any:
    return tf.reduce_sum(matrix * vector, 1)


def _complete(matrix: Any, shift: Any) -> Any:
    """Return the matrix of four rows: of x and y, with their shift, and those that leave z."""
    zeros = np.zeros((2, 1), np.float32)
    head = tf.concat([matrix, zeros, shift[:, None]], 1)
    return tf.concat([head, np.eye(4, dtype=np.float32)[2:]], 0)[None]


ROWS: Table = rows(
    {
        _POOL: _pool,
        "MaxUnpooling2D": _unpool,
        "TransformTensor": _transform_picture,
        "TransformTensorBilinear": _transform_picture,
        "TransformLandmarks": _transform_landmarks,
        "Landmarks2TransformMatrix": _find_matrix,
    }
)
