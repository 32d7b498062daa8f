"""Ops that TensorFlow.js has and computes wrongly, and the forms in which it does.

It imports nothing heavy but numpy; tests/helpers/lowered.py runs it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from lowering_cases import Array, Case

_RANDOM = np.random.default_rng(11)
_BOTH = ("cpu", "wasm")
_WHOLE = np.array([0, 1, -1, 7, -7, 100, 2**31 - 1, -(2**31), 306783379, 2**24 + 1], np.int32)
_DIVISORS = np.array([1, 2, 3, -3, 7, 100, -100, 2**24 + 1, 2**31 - 1], np.int32)
_PAIRS = {"x": np.repeat(_WHOLE, len(_DIVISORS)), "y": np.tile(_DIVISORS, len(_WHOLE))}
_BIT_PAIRS = {"x": np.repeat(_WHOLE, len(_WHOLE)), "y": np.tile(_WHOLE, len(_WHOLE))}
_FACTORS = np.array(
    [[2147483629, 1999999973, -1500000001, 3, 7], [1234567891, -1000000007, 46341, 46341, -5]],
    np.int32,
)
_BYTES = np.array([0, 1, 5, 127, 128, 200, 255], np.uint8)
_SIGNED = np.array([-128, 127, -7, 100, -100], np.int8)
_BYTE_PAIRS = {"x": np.repeat(_BYTES, len(_BYTES)), "y": np.tile(_BYTES, len(_BYTES))}
_BEYOND = np.array([0, 1, -1, 127, 128, 200, 255, 256, 300, -129, 40000, 70000], np.int32)
_BOXES = np.array([[0, 0, 1, 1], [0, 0.5, 1, 1.5], [0, 1, 1, 2], [0, 2, 1, 3]], np.float32)
_OVERLAPPING = {"boxes": _BOXES, "scores": np.array([0.9, 0.8, 0.7, 0.6], np.float32)}


def _normal(*shape: int) -> Array:
    return _RANDOM.normal(size=shape).astype(np.float32)


def _whole(*values: int) -> Array:
    return np.array(values, np.int32)


def _convolution(op: str, kernel: Array, stride: int, dilation: int, padding: str) -> Case:
    axes = kernel.ndim - 2
    return Case(
        op=op,
        inputs={"input": _normal(2, *(9, 8, 7)[:axes], kernel.shape[axes])},
        constants={"filter": kernel},
        attributes={
            "strides": [1, *[stride] * axes, 1],
            "dilations": [1, *[dilation] * axes, 1],
            "padding": padding,
        },
        wrong_before=_BOTH if dilation > 1 or axes > 2 else ("wasm",),
    )


def _einsum(equation: str, *shapes: tuple[int, ...], before: tuple[str, ...] = ("wasm",)) -> Case:
    return Case(
        op="Einsum",
        inputs={"inputs": [_normal(*shape) for shape in shapes]},
        attributes={"equation": equation},
        wrong_before=before,
        error=2e-6,
    )


def _sliced(tensor: Array, *, before: tuple[str, ...] = _BOTH, **spec: Any) -> Case:
    arrays = {"begin", "end", "strides"}
    return Case(
        op="StridedSlice",
        inputs={"input": tensor},
        constants={key: _whole(*value) for key, value in spec.items() if key in arrays},
        attributes={key: value for key, value in spec.items() if key not in arrays},
        wrong_before=before,
    )


def _reduced(op: str, tensor: Array, *axes: int) -> Case:
    return Case(
        op=op, inputs={"input": tensor}, constants={"axis": _whole(*axes)}, wrong_before=_BOTH
    )


def _one_hot(on: Any, off: Any, axis: int, depth: int = 4) -> Case:
    return Case(
        op="OneHot",
        inputs={"indices": np.array([[0, 2, -1], [3, 1, 9]], np.int32)},
        constants={"depth": np.int32(depth), "on_value": on, "off_value": off},
        attributes={"axis": axis},
        wrong_before=_BOTH,
    )


def _scattered(op: str, tensor: Array, indices: Array, updates: Array) -> Case:
    return Case(
        op=op,
        inputs={"tensor": tensor, "indices": indices, "updates": updates},
        is_static=True,
        wrong_before=_BOTH,
    )


def _suppressed(op: str, **others: Any) -> Case:
    constants = {"max_output_size": np.int32(9), "iou_threshold": np.float32(0)} | others
    return Case(op=op, inputs=_OVERLAPPING, constants=constants, wrong_before=_BOTH)


FAULTS: Mapping[str, Case] = {
    # no elements
    "GatherV2 from no rows": Case(
        op="GatherV2",
        inputs={"params": np.zeros([0, 3], np.float32), "indices": np.zeros([0, 2], np.int32)},
        constants={"axis": np.int32(0)},
        is_static=True,
        wrong_before=("wasm",),
    ),
    "BroadcastTo no elements": Case(
        op="BroadcastTo",
        inputs={"input": np.float32(3)},
        constants={"shape": _whole(0)},
        is_static=True,
        wrong_before=_BOTH,
    ),
    "SelectV2 of a number and no elements": Case(
        op="SelectV2",
        inputs={"condition": np.zeros(0, bool), "t": np.float32(2), "e": np.zeros(0, np.float32)},
        is_static=True,
        wrong_before=_BOTH,
    ),
    "TopKV2 of no columns": Case(
        op="TopKV2",
        inputs={"input": np.zeros([2, 0], np.float32)},
        constants={"k": np.int32(0)},
        is_static=True,
        wrong_before=_BOTH,
    ),
    # windows
    "Conv2D with steps and dilations": _convolution("Conv2D", _normal(3, 3, 3, 4), 2, 2, "SAME"),
    "Conv2D with steps and dilations, not padded": _convolution(
        "Conv2D", _normal(3, 2, 3, 4), 2, 3, "VALID"
    ),
    "Conv2D over more than its window": _convolution("Conv2D", _normal(2, 2, 3, 4), 3, 1, "SAME"),
    "DepthwiseConv2dNative over more than its window": _convolution(
        "DepthwiseConv2dNative", _normal(2, 2, 3, 2), 3, 1, "SAME"
    ),
    "Conv3D over more than its window": _convolution(
        "Conv3D", _normal(2, 2, 2, 3, 4), 3, 1, "SAME"
    ),
    "MaxPool with paddings": Case(
        op="MaxPool",
        inputs={"input": -np.abs(_normal(1, 5, 6, 2))},
        attributes={
            "ksize": [1, 3, 3, 1],
            "strides": [1, 2, 2, 1],
            "padding": "EXPLICIT",
            "explicit_paddings": [0, 0, 1, 2, 1, 0, 0, 0],
        },
        wrong_before=_BOTH,
    ),
    "Dilation2D of negative values": Case(
        op="Dilation2D",
        inputs={"input": -1 - np.abs(_normal(2, 7, 8, 3))},
        constants={"filter": _normal(3, 2, 3) / 10},
        attributes={"strides": [1, 2, 1, 1], "rates": [1, 1, 2, 1], "padding": "SAME"},
        wrong_before=("wasm",),
    ),
    "MaxPoolWithArgmax of negative values": Case(
        op="MaxPoolWithArgmax",
        inputs={"input": -1 - np.abs(_normal(2, 7, 8, 3))},
        attributes={
            "ksize": [1, 3, 2, 1],
            "strides": [1, 2, 2, 1],
            "padding": "SAME",
            "include_batch_in_index": True,
        },
        wrong_before=("wasm",),
    ),
    "ResizeNearestNeighbor that rounds": Case(
        op="ResizeNearestNeighbor",
        inputs={"images": _normal(1, 97, 31, 1)},
        constants={"size": _whole(61, 53)},
        attributes={"align_corners": True},
        is_static=True,
        wrong_before=("cpu",),
    ),
    # products
    "BatchMatMulV2 that broadcasts the last axis": Case(
        op="BatchMatMulV2",
        inputs={"x": _normal(2, 3, 3, 4), "y": _normal(2, 1, 4, 5)},
        is_static=True,
        wrong_before=_BOTH,
    ),
    "BatchMatMulV2 that broadcasts both": Case(
        op="BatchMatMulV2",
        inputs={"x": _normal(2, 1, 4, 3), "y": _normal(3, 4, 5)},
        attributes={"adj_x": True},
        is_static=True,
        wrong_before=_BOTH,
    ),
    "Einsum of matrices": _einsum("ij,jk->ik", (2, 3), (3, 4)),
    "Einsum of heads": _einsum("bfhk,bthk->bhft", (2, 3, 2, 4), (2, 5, 2, 4)),
    "Einsum of several axes": _einsum("abc,cde->abde", (2, 3, 4), (4, 5, 6)),
    "Einsum of no axis in common": _einsum("i,j->ji", (2,), (3,)),
    "Einsum to a number": _einsum("ij,ij->", (2, 3), (2, 3)),
    "Einsum that sums": _einsum("ijk->ki", (2, 3, 4)),
    "Einsum that sums an axis of one operand": _einsum("ija,jk->ik", (2, 3, 2), (3, 4)),
    "Einsum with an ellipsis": _einsum("...ij,jk...->...ik", (5, 2, 3), (3, 4, 5), before=_BOTH),
    # slices
    "StridedSlice with an index": _sliced(
        _normal(4, 5, 6), begin=[1, 0, -1], end=[3, 5, 0], strides=[1, 2, 1], shrink_axis_mask=4
    ),
    "StridedSlice with a new axis": _sliced(
        _normal(4, 5, 6),
        begin=[0, 1, 0, 4],
        end=[0, 2, 0, -6],
        strides=[1, 1, 1, -2],
        ellipsis_mask=1,
        new_axis_mask=4,
        shrink_axis_mask=2,
    ),
    "StridedSlice of whole numbers": _sliced(
        _whole(2**31 - 1, 2, 3, 4, 5), begin=[-1], end=[-9], strides=[-2], before=("wasm",)
    ),
    "StridedSlice that is empty": _sliced(_normal(4, 2), begin=[3], end=[1], strides=[1]),
    # reductions
    "Mean of nothing": _reduced("Mean", _normal(2, 0), 1),
    "Max of nothing": _reduced("Max", _normal(2, 0, 3), 1),
    "Min of no whole numbers": _reduced("Min", np.zeros([0, 3], np.int32), 0),
    "All of nothing": _reduced("All", np.zeros([0, 3], bool), 0),
    "Sum of nothing": Case(
        op="Sum", inputs={"input": _normal(0, 3)}, constants={"axis": _whole(0)}
    ),
    "Prod of nothing": Case(
        op="Prod", inputs={"input": _normal(0, 3)}, constants={"axis": _whole(0)}
    ),
    "Any of nothing": Case(
        op="Any", inputs={"input": np.zeros([0, 3], bool)}, constants={"axis": _whole(0)}
    ),
    "Sum of some or of none": Case(
        op="Sum", inputs={"input": _normal(2, 3)}, constants={"axis": _whole(0)}
    ),
    "EuclideanNorm of all axes": _reduced("EuclideanNorm", _normal(2, 3, 4), 0, 1, 2),
    "Cumsum from the end": Case(
        op="Cumsum",
        inputs={"x": _normal(2, 3, 4)},
        constants={"axis": np.int32(-1)},
        wrong_before=_BOTH,
    ),
    "Cumprod from the end": Case(
        op="Cumprod",
        inputs={"x": _normal(2, 3, 4)},
        constants={"axis": np.int32(-1)},
        attributes={"reverse": True},
        wrong_before=_BOTH,
    ),
    "Cumprod of whole numbers": Case(
        op="Cumprod",
        inputs={"x": _FACTORS},
        constants={"axis": np.int32(1)},
        is_static=True,
        wrong_before=("cpu",),
    ),
    "Cumprod of whole numbers before, from the end": Case(
        op="Cumprod",
        inputs={"x": _FACTORS},
        constants={"axis": np.int32(-1)},
        attributes={"exclusive": True, "reverse": True},
        is_static=True,
        wrong_before=_BOTH,
    ),
    "Prod of whole numbers": Case(
        op="Prod",
        inputs={"input": _FACTORS},
        constants={"axis": _whole(1)},
        is_static=True,
        wrong_before=("cpu",),
    ),
    "Prod of whole numbers along two axes": Case(
        op="Prod",
        inputs={"input": _FACTORS.reshape(2, 1, 5)},
        constants={"axis": _whole(0, 2)},
        attributes={"keep_dims": True},
        is_static=True,
        wrong_before=("cpu",),
    ),
    # boxes
    "CropAndResize of the nearest pixel": Case(
        op="CropAndResize",
        inputs={
            "image": _normal(2, 8, 6, 3),
            "boxes": np.concatenate(
                [_RANDOM.integers(-2, 14, (60, 4)) / 10, _RANDOM.uniform(-0.1, 1.1, (20, 4))]
            ).astype(np.float32),
            "box_ind": _RANDOM.integers(0, 2, 80).astype(np.int32),
        },
        constants={"crop_size": _whole(5, 7)},
        attributes={"method": "nearest", "extrapolation_value": -2.5},
        is_static=True,
        wrong_before=("cpu",),
    ),
    "CropAndResize of one nearest pixel": Case(
        op="CropAndResize",
        inputs={
            "image": _normal(1, 8, 6, 1),
            "boxes": np.array([[0, 0, 1, 1], [0.2, 0.4, 0.6, 1.4]], np.float32),
            "box_ind": _whole(0, 0),
        },
        constants={"crop_size": _whole(1, 1)},
        attributes={"method": "nearest"},
        is_static=True,
    ),
    # whole numbers
    "TruncateDiv of large numbers": Case(op="TruncateDiv", inputs=_PAIRS, wrong_before=_BOTH),
    "FloorDiv of large numbers": Case(op="FloorDiv", inputs=_PAIRS, wrong_before=("wasm",)),
    "Div of whole numbers": Case(op="Div", inputs=_PAIRS, wrong_before=_BOTH),
    "Mod": Case(
        op="Mod",
        inputs={
            "x": np.repeat(np.array([5.5, -5.5, 0, 3, -3], np.float32), 4),
            "y": np.tile(np.array([2, -2, 1.5, 3], np.float32), 5),
        },
        wrong_before=_BOTH,
    ),
    "BitwiseAnd": Case(op="BitwiseAnd", inputs=_BIT_PAIRS, wrong_before=_BOTH),
    "BitwiseOr": Case(op="BitwiseOr", inputs=_BIT_PAIRS, wrong_before=_BOTH),
    "BitwiseXor": Case(op="BitwiseXor", inputs=_BIT_PAIRS, wrong_before=_BOTH),
    "BitwiseXor of bytes": Case(op="BitwiseXor", inputs=_BYTE_PAIRS, wrong_before=_BOTH),
    "Invert of bytes": Case(op="Invert", inputs={"x": _BYTES}, wrong_before=_BOTH),
    "AddV2 of bytes": Case(op="AddV2", inputs=_BYTE_PAIRS, wrong_before=_BOTH),
    "Mul of bytes": Case(op="Mul", inputs=_BYTE_PAIRS, wrong_before=_BOTH),
    "Sub of bytes": Case(op="Sub", inputs=_BYTE_PAIRS, wrong_before=_BOTH),
    "AddN of bytes": Case(
        op="AddN", inputs={"inputs": [_BYTES, _BYTES, _BYTES]}, wrong_before=_BOTH
    ),
    "BiasAdd of bytes": Case(
        op="BiasAdd",
        inputs={"value": _BYTES.reshape(1, 7), "bias": _BYTES},
        wrong_before=_BOTH,
    ),
    "Abs of signed bytes": Case(op="Abs", inputs={"x": _SIGNED}, wrong_before=_BOTH),
    "Div of signed bytes": Case(
        op="Div", inputs={"x": _SIGNED, "y": np.int8(3)}, wrong_before=_BOTH
    ),
    "Sum of bytes": Case(
        op="Sum", inputs={"input": _BYTES}, constants={"axis": _whole(0)}, wrong_before=_BOTH
    ),
    "Cumsum of bytes": Case(
        op="Cumsum", inputs={"x": _BYTES}, constants={"axis": np.int32(0)}, wrong_before=_BOTH
    ),
    "ScatterNd of bytes": Case(
        op="ScatterNd",
        inputs={"indices": _whole(0, 1, 1).reshape(3, 1), "updates": _BYTES[-3:]},
        constants={"shape": _whole(2)},
        wrong_before=_BOTH,
    ),
    "TruncateDiv of floats": Case(
        op="TruncateDiv",
        inputs={"x": np.array([7, -7, 0.5, -0.5], np.float32), "y": np.float32(2)},
        wrong_before=_BOTH,
    ),
    "Mul of large numbers": Case(op="Mul", inputs=_BIT_PAIRS, wrong_before=("cpu",)),
    "Square of large numbers": Case(op="Square", inputs={"x": _WHOLE}, wrong_before=("cpu",)),
    "SquaredDifference of large numbers": Case(
        op="SquaredDifference", inputs=_BIT_PAIRS, wrong_before=("cpu",)
    ),
    "Pow of whole numbers": Case(
        op="Pow", inputs={"x": _WHOLE}, constants={"y": np.int32(3)}, wrong_before=_BOTH
    ),
    "Pow by whole numbers": Case(
        op="Pow", inputs={"x": _WHOLE[:6], "y": _whole(0, 3, 77, 2, 5, 31)}, wrong_before=("wasm",)
    ),
    "MatMul of whole numbers": Case(
        op="MatMul",
        inputs={"a": _WHOLE.reshape(5, 2), "b": _WHOLE.reshape(5, 2)},
        attributes={"transpose_b": True},
        wrong_before=_BOTH,
    ),
    "BatchMatMulV2 of whole numbers": Case(
        op="BatchMatMulV2",
        inputs={"x": _WHOLE.reshape(5, 1, 2), "y": _WHOLE[:4].reshape(2, 2)},
        attributes={"adj_y": True},
        wrong_before=("wasm",),
    ),
    "Mean of whole numbers": Case(
        op="Mean",
        inputs={"input": np.concatenate([_WHOLE, -_WHOLE[:4], _whole(-5)]).reshape(3, 5)},
        constants={"axis": _whole(1)},
        wrong_before=_BOTH,
    ),
    "Mean of the greatest numbers": Case(
        op="Mean",
        inputs={"input": np.full([1, 70_000], 2**31 - 2, np.int32)},
        constants={"axis": _whole(0, 1)},
        wrong_before=_BOTH,
    ),
    "Mean of signed bytes": Case(
        op="Mean", inputs={"input": _SIGNED}, constants={"axis": _whole(0)}, wrong_before=_BOTH
    ),
    "Cast to uint8": Case(
        op="Cast", inputs={"x": _BEYOND}, attributes={"DstT": "uint8"}, wrong_before=_BOTH
    ),
    "Cast to int8": Case(
        op="Cast",
        inputs={"x": np.array([0.5, -1.7, 127.9, 128, 300, -129], np.float32)},
        attributes={"DstT": "int8"},
        wrong_before=_BOTH,
    ),
    "Cast to uint16": Case(
        op="Cast",
        inputs={"x": _BEYOND},
        attributes={"DstT": "uint16"},
        wrong_before=_BOTH,
    ),
    # positions
    "OneHot along the first axis": _one_hot(np.float32(1), np.float32(-np.inf), axis=0),
    "OneHot along an axis between": _one_hot(np.int32(7), np.int32(-7), axis=1),
    "OneHot of truths": _one_hot(np.bool_(True), np.bool_(False), axis=0),
    "OneHot of depth 1": _one_hot(np.float32(1), np.float32(0), axis=-1, depth=1),
    "TensorScatterMax": _scattered(
        "TensorScatterMax", _normal(5, 3), _whole(0, 2, 2).reshape(3, 1), _normal(3, 3)
    ),
    "TensorScatterMin of whole numbers": _scattered(
        "TensorScatterMin",
        np.zeros([3, 4], np.int32),
        np.array([[0, 1], [2, 2], [2, 2]], np.int32),
        _whole(-5, 3, -(2**31)),
    ),
    "ShapeN": Case(op="ShapeN", inputs={"input": [_normal(2, 3), _normal(4)]}, wrong_before=_BOTH),
    "BiasAdd to the second axis": Case(
        op="BiasAdd",
        inputs={"value": _normal(1, 3, 2, 4), "bias": _normal(3)},
        attributes={"data_format": "NCHW"},
        wrong_before=_BOTH,
    ),
    # boxes
    "NonMaxSuppressionV2 of boxes side by side": _suppressed("NonMaxSuppressionV2"),
    "NonMaxSuppressionV3 of boxes side by side": _suppressed(
        "NonMaxSuppressionV3", score_threshold=np.float32(0.1)
    ),
    "NonMaxSuppressionV5 of boxes side by side": _suppressed(
        "NonMaxSuppressionV5", score_threshold=np.float32(0.1), soft_nms_sigma=np.float32(0)
    ),
    # spectra
    "DenseBincount as it is or not": Case(
        op="DenseBincount",
        inputs={"input": _whole(1, 1, 7, 3), "size": np.int32(5), "weights": _normal(0)},
        attributes={"binary_output": True},
        wrong_before=("cpu",),
    ),
    "RFFT of a part": Case(
        op="RFFT",
        inputs={"input": _normal(2, 6)},
        constants={"fft_length": _whole(4)},
        error=2e-6,
        wrong_before=_BOTH,
    ),
    "IRFFT of odd length": Case(
        op="IRFFT",
        inputs={"input": (_normal(2, 3) + 1j * _normal(2, 3)).astype(np.complex64)},
        constants={"fft_length": _whole(5)},
        error=5e-6,
        wrong_before=_BOTH,
    ),
}
