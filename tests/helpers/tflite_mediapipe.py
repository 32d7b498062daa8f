"""TensorFlow Lite files with MediaPipe's operators, which no converter of these days writes."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

SAME, VALID = 1, 2
RELU, RELU6 = 1, 3


def write_files() -> Mapping[str, bytes]:
    """Return the files by name."""
    return {
        "pooling": _pooling((1, 7, 6, 3), rows=2, columns=2, strides=(2, 2), padding=SAME),
        "pooling_wide": _pooling(
            (2, 8, 9, 2), rows=2, columns=3, strides=(2, 3), padding=VALID, activation=RELU6
        ),
        "pooling_overlap": _pooling(
            (1, 7, 6, 3), rows=3, columns=2, strides=(2, 1), padding=SAME, activation=RELU
        ),
        "landmarks": _landmarks(),
        "landmarks_1": _landmarks_1(),
    }


def _pooling(  # noqa: PLR0913  # a window
    shape: tuple[int, ...],
    *,
    rows: int,
    columns: int,
    strides: tuple[int, int],
    padding: int,
    activation: int = 0,
) -> bytes:
    """Return a pooling; where its windows do not overlap, an operator puts values back."""
    options = struct.pack("<6i", padding, strides[1], strides[0], columns, rows, activation)
    sizes = [
        -(-shape[i + 1] // strides[i])
        if padding == SAME
        else (shape[i + 1] - (rows, columns)[i]) // strides[i] + 1
        for i in range(2)
    ]
    pooled = (shape[0], *sizes, shape[3])
    operators = [("MaxPoolingWithArgmax2D", 1, [0], [1, 2], options)]
    tensors, outputs = [shape, pooled, pooled], [1, 2]
    if strides == (rows, columns):
        tensors.append((shape[0], sizes[0] * rows, sizes[1] * columns, shape[3]))
        operators.append(("MaxUnpooling2D", 1, [1, 2], [3], options))
        outputs.append(3)
    return _write(operators, tensors, [0], outputs)


def _landmarks() -> bytes:
    find = {
        "left_rotation_idx": 1, "right_rotation_idx": 3, "subset_idxs": [0, 2, 4, 5, 8],
        "target_rotation_radians": 0.25, "output_width": 5, "output_height": 6,
        "scale_x": 6.5, "scale_y": 5.5,
    }  # fmt: skip
    return _write(
        [
            ("Landmarks2TransformMatrix", 2, [0], [3], _map(find)),
            (
                "TransformTensorBilinear", 2, [1, 3], [4],
                _map({"output_height": 6, "output_width": 5}),
            ),
            ("TransformLandmarks", 2, [2, 3], [5], b""),
        ],
        [(1, 9, 3), (1, 12, 10, 4), (1, 4, 2), (1, 4, 4), (1, 6, 5, 4), (1, 4, 2)],
        [0, 1, 2],
        [3, 4, 5],
    )  # fmt: skip


def _landmarks_1() -> bytes:
    find = {
        "left_rotation_idx": 1, "right_rotation_idx": 3, "subset": [0, 2, 4, 5, 8],
        "dimensions": 3, "landmarks_range": 2, "bbox_size_multiplier": 1.5,
        "input_hw": [12, 10], "output_hw": [6, 5],
    }  # fmt: skip
    return _write(
        [
            ("Landmarks2TransformMatrix", 1, [0], [3], _map(find)),
            ("TransformTensor", 1, [1, 3], [4], _map({"output_size": [6, 5], "mode": "bilinear"})),
            ("TransformLandmarks", 1, [2, 3], [5], _map({"dimensions": 3, "scale": 0.5})),
        ],
        [(1, 1, 1, 27), (1, 12, 10, 4), (1, 1, 1, 12), (1, 4, 4), (1, 6, 5, 4), (1, 1, 1, 12)],
        [0, 1, 2],
        [3, 4, 5],
    )


def _map(options: Mapping[str, Any]) -> bytes:
    return bytes(flexbuffers.Dumps(dict(options)))


Custom = tuple[str, int, Sequence[int], Sequence[int], bytes]


def _write(
    operators: Sequence[Custom],
    shapes: Sequence[tuple[int, ...]],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """Return a file of custom operators: name, version, tensors in and out, options."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    model.subgraphs, model.operatorCodes = [graph], []
    graph.inputs, graph.outputs, graph.tensors, graph.operators = inputs, outputs, [], []
    for number, shape in enumerate(shapes):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tensor_{number}", list(shape), 0
        graph.tensors.append(tensor)
    for name, version, taken, made, options in operators:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode, code.version = name, version
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = list(taken), list(made)
        operator.customOptions = np.frombuffer(options, np.uint8)
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
