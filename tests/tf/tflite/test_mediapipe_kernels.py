"""The kernels that references follow, on values that can be checked by hand."""

import importlib
import struct
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

pytestmark = pytest.mark.tensorflow

IDENTITY = np.eye(4, dtype=np.float32)[None]
PICTURE = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
WINDOW = struct.pack("<6i", 1, 2, 2, 2, 2, 0)


def follow(name: str, *inputs: Any, options: Any = b"", version: int = 2) -> list[Any]:
    """Return what the kernel of an operator makes of arrays."""
    # TensorFlow is imported when these tests run, not when they are collected.
    model = importlib.import_module("pipeline.tf.tflite.tflite_model")
    kernels = importlib.import_module("pipeline.tf.tflite.mediapipe_kernels").KERNELS
    packed = options if isinstance(options, bytes) else bytes(flexbuffers.Dumps(options))
    operator = model.Operator(
        name=name, is_custom=True, version=version, inputs=(), outputs=(), options=None,
        custom_options=packed, intermediates=(), place="subgraphs[0].operators[0]",
    )  # fmt: skip
    made: list[Any] = kernels[name](operator, *inputs)
    return made


def floats(values: Any) -> Any:
    return np.array(values, np.float32)


def shifted(x: float, y: float) -> Any:
    moved = IDENTITY.copy()
    moved[0, :2, 3] = x, y
    return moved


def test_a_window_has_its_greatest_value_and_its_place() -> None:
    value = floats([[1, 5, 9], [7, 2, -3]]).reshape(1, 2, 3, 1)

    pooled, places = follow("MaxPoolingWithArgmax2D", value, options=WINDOW)
    assert pooled.ravel().tolist() == [7, 9]
    np.testing.assert_allclose(places.ravel(), [2.1, 0.1])
    [back] = follow("MaxUnpooling2D", pooled, places, options=WINDOW)
    assert back[0, :, :, 0].tolist() == [[0, 0, 9, 0], [7, 0, 0, 0]]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        pytest.param(IDENTITY, [[0, 1, 2], [4, 5, 6]], id="not at all"),
        pytest.param(shifted(2, 1), [[6, 7, 0], [10, 11, 0]], id="zeros outside"),
        pytest.param(shifted(0.5, 0.25), [[1.5, 2.5, 3.5], [5.5, 6.5, 7.5]], id="between points"),
    ],
)
def test_a_picture_is_moved(matrix: Any, expected: Any) -> None:
    options = {"output_height": 2, "output_width": 3}

    [made] = follow("TransformTensorBilinear", PICTURE, matrix, options=options)
    np.testing.assert_allclose(made[0, :, :, 0], expected)


def test_points_are_moved_and_keep_their_depth() -> None:
    points = floats([[[1, 2, 9], [3, 4, 8]]])
    quarter = IDENTITY.copy()
    quarter[0, :2] = [[0, -1, 0, 5], [1, 0, 0, 6]]

    [made] = follow("TransformLandmarks", points, quarter)
    assert made.tolist() == [[[3, 7, 9], [1, 9, 8]]]


def test_a_crop_lies_around_its_landmarks() -> None:
    landmarks = floats([[[2, 4, 0], [6, 4, 0], [3, 2, 0], [4, 10, 0]]])
    options = {
        "left_rotation_idx": 0, "right_rotation_idx": 1, "subset_idxs": [0, 1, 2, 3],
        "target_rotation_radians": 0.0, "output_width": 4, "output_height": 8,
        "scale_x": 1.0, "scale_y": 1.0,
    }  # fmt: skip

    [matrix] = follow("Landmarks2TransformMatrix", landmarks, options=options)
    np.testing.assert_allclose(matrix, shifted(2, 2), atol=1e-6)
