"""What the rules of the lowering are tried on: an op, its inputs, what must come out alike.

It imports nothing heavy but numpy; tests/helpers/lowered.py runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_RANDOM = np.random.default_rng(7)
FLOATS = np.array([0.4, -2.5, 0, -0.0, 1, 3.5, -1, 0.5, 1e-30, 88, -0.5, 2.5], np.float32)
WITH_EDGES = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-30, 3e38, 0.5], np.float32)
WHOLE = np.array([0, 1, -1, 7, -7, 100, -100, 2**31 - 1, -(2**31) + 1, 12345], np.int32)

_SETS = [
    np.array([[3, -1, 3, 9], [5, 5, 5, 5], [1, 2, 3, 4]], np.int32),
    np.array([[9, 3, 9], [6, 7, 6], [8, 9, 0]], np.int32),
]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An op to be lowered.

    Attributes:
        op: Its name in tf.raw_ops.
        inputs: What is fed, by the names of tf.raw_ops; a list is a list of tensors.
        constants: Inputs that are constants in the graph.
        attributes: By name.
        is_static: Whether the rule needs the sizes of the inputs; else they are unknown.
        is_in_function: Whether TensorFlow runs it in a function too.
        is_in_loop: Whether it is tried in a loop too; its output is like its first input.
        producer: Version of graphs that have it, where today's do not.
        error: Allowed, relative to the greatest absolute value.
        not_in_javascript: None, or why TensorFlow.js is not asked.
        not_on_wasm: The kernel that its wasm backend lacks.
        wrong_before: The backends of TensorFlow.js that fail on the op itself or are wrong.
    """

    op: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_static: bool = False
    is_in_function: bool = True
    is_in_loop: bool = False
    producer: int | None = None
    error: float = 1e-6
    not_in_javascript: str | None = None
    not_on_wasm: str | None = None
    wrong_before: tuple[str, ...] = ()


def _normal(*shape: int) -> Array:
    return _RANDOM.normal(size=shape).astype(np.float32)


def _bits(*values: int) -> Array:
    return np.array(values, np.int32)


def _complex(*shape: int) -> Array:
    return np.asarray(_normal(*shape) + 1j * _normal(*shape), np.complex64)


_IMAGE = _RANDOM.uniform(0, 1, [2, 6, 5, 3]).astype(np.float32)
_GRAYS = np.array([[[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0]]], np.float32)
_PAIRS = {"x": np.repeat(WITH_EDGES, len(WITH_EDGES)), "y": np.tile(WITH_EDGES, len(WITH_EDGES))}
# Of 1 + x the wasm backend takes the plain logarithm, which is far off for a small x.
_LARGE_PAIRS = {key: np.where(values == WITH_EDGES[7], 1, values) for key, values in _PAIRS.items()}
_WHOLE_PAIRS = {
    "x": np.repeat(_bits(0, 1, -1, 7, -7, 100, 2**24, -(2**24)), 5),
    "y": np.tile(_bits(1, -1, 3, -3, 100), 8),
}
_SHIFTS = {
    "x": np.repeat(_bits(0, 1, -1, 12345, -12345, 2**30, -(2**31)), 6),
    "y": np.tile(_bits(0, 1, 4, 16, 30, 31), 7),
}
_SPARSE = {
    "a_indices": np.array([[0, 1], [0, 2], [2, 0]], np.int64),
    "a_values": np.array([2, -1, 0.5], np.float32),
}
_INDEX = {"indices": _bits(3, 0, 1, 3), "segment_ids": _bits(0, 0, 1, 3)}
_MIN_MAX = {
    "min": np.array([-1, 0, -0.1, 0], np.float32),
    "max": np.array([1, 6, 3, 0], np.float32),
}
# Complex numbers on both axes, and 0.
_AXES = np.array([[0, 1, -1, 1j], [-1j, 3 - 4j, -2 + 1e-3j, 0]], np.complex64)

_GAMMAS = np.array(
    [1, 2, 0, -0.0, -1, -2, np.inf, -np.inf, np.nan, 1e-30, 3e4, 0.25, -0.5, -1e10, -10.5, 7.25],
    np.float32,
)
_SMALL_GAMMAS = np.array([0.5, 0.9, 1.01, 1.5, 1.9, 2.1, 3, -0.5, -1.5], np.float32)
_CHANCES = np.array([0, 1, np.nan, 1e-6, 1e-3, 0.1, 0.25, 0.5, 0.75, 0.95, 0.999999], np.float32)


def _parts(k: Any, align: str, shape: tuple[int, ...] = (2, 3, 5)) -> Case:
    return Case(
        op="MatrixDiagPartV3",
        inputs={"input": _normal(*shape)},
        constants={"k": np.array(k, np.int32), "padding_value": np.float32(9)},
        attributes={"align": align},
    )


def _spread(k: Any, shape: tuple[int, ...], align: str, rows: int = -1, columns: int = -1) -> Case:
    return Case(
        op="MatrixDiagV3",
        inputs={"diagonal": _normal(*shape)},
        constants={
            "k": np.array(k, np.int32),
            "num_rows": np.int32(rows),
            "num_cols": np.int32(columns),
            "padding_value": np.float32(9),
        },
        attributes={"align": align},
        is_static=True,  # for TensorFlow's own check of shapes
    )


def _set_parts(k: Any, shape: tuple[int, ...], align: str) -> Case:
    return Case(
        op="MatrixSetDiagV3",
        inputs={"input": _normal(2, 3, 5), "diagonal": _normal(*shape)},
        constants={"k": np.array(k, np.int32)},
        attributes={"align": align},
        is_static=True,
    )


def _unsorted(op: str, data: Array) -> Case:
    """Return a case of five rows, one left out, in 5 segments of which two are empty."""
    return Case(
        op=op,
        inputs={"data": data, "segment_ids": _bits(2, 0, -1, 2, 3)},
        constants={"num_segments": np.int32(5)},
    )


def _sorted(op: str, data: Array) -> Case:
    return Case(op=op, inputs={"data": data, "segment_ids": _bits(0, 0, 1, 3)})


def _sparse_reduced(op: str, axes: list[int], *, keep_dims: bool = False) -> Case:
    places = [[0, 0, 1], [0, 0, 3], [0, 2, 0], [1, 1, 2], [1, 1, 3]]
    return Case(
        op=op,
        inputs={
            "input_indices": np.array(places, np.int64),
            "input_values": np.array([2, -1, -0.5, -4, -3], np.float32),
        },
        constants={
            "input_shape": np.array([2, 3, 4], np.int64),
            "reduction_axes": np.array(axes, np.int32),
        },
        attributes={"keep_dims": keep_dims},
    )


def _sparse_added(limit: float) -> Case:
    return Case(
        op="SparseAdd",
        inputs={
            "a_indices": _SPARSE["a_indices"],
            "a_values": _SPARSE["a_values"],
            "b_indices": np.array([[0, 0], [0, 2], [3, 1]], np.int64),
            "b_values": np.array([-3, 1.5, 0.25], np.float32),
            "thresh": np.float32(limit),
        },
        constants={
            "a_shape": np.array([4, 3], np.int64),
            "b_shape": np.array([4, 3], np.int64),
        },
    )


def _sparse_sliced(start: list[int], size: list[int]) -> Case:
    return Case(
        op="SparseSlice",
        inputs={"indices": _SPARSE["a_indices"], "values": _SPARSE["a_values"]},
        constants={
            "shape": np.array([4, 3], np.int64),
            "start": np.array(start, np.int64),
            "size": np.array(size, np.int64),
        },
    )


def _sparse_with_dense(op: str, dense: Array) -> Case:
    return Case(
        op=op,
        inputs={
            "sp_indices": _SPARSE["a_indices"],
            "sp_values": _SPARSE["a_values"],
            "dense": dense,
        },
        constants={"sp_shape": np.array([4, 3], np.int64)},
    )


_FIRST_SET = ([[0, 0], [0, 1], [0, 3], [1, 0], [3, 2]], [3, -1, 3, 5, 8], [4, 4])
_SECOND_SET = ([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]], [9, 3, 5, 6, 7], [4, 2])


def _sparse_set(name: str, given: tuple[list[list[int]], list[int], list[int]]) -> dict[str, Array]:
    """Return the parts of a sparse tensor of whole numbers, as an op names them."""
    indices, values, shape = given
    return {
        f"{name}_indices": np.array(indices, np.int64),
        f"{name}_values": np.array(values, np.int32),
        f"{name}_shape": np.array(shape, np.int64),
    }


def _counted_apart(op: str, given: Mapping[str, Array], **options: Any) -> Case:
    weights = options.pop("weights", np.empty(0, np.float32))
    attributes = {"binary_output": False, **options}
    held = {"weights": weights} if weights.size == 0 else {}
    return Case(
        op=op,
        inputs={**given, **({} if held else {"weights": weights})},
        constants=held,
        attributes=attributes,
        is_static=True,
    )


def _of_two_sparse(op: str) -> Case:
    added = _sparse_added(0)
    given = {name: array for name, array in added.inputs.items() if name != "thresh"}
    return replace(added, op=op, inputs=given)


def _rounded(**attributes: Any) -> Case:
    return Case(
        op="QuantizeAndDequantizeV2",
        inputs={"input": _normal(5, 4) * 3},
        constants={"input_min": np.float32(-1.3), "input_max": np.float32(2.9)},
        attributes=attributes,
    )


def _positive(count: int, size: int) -> Array:
    """Return symmetric matrices whose eigenvalues are positive."""
    half = _normal(count, size, size)
    return np.asarray(half @ half.swapaxes(1, 2) + 2 * np.eye(size), np.float32)


def _linear(op: str, **given: Any) -> Case:
    arrays = {key: value for key, value in given.items() if isinstance(value, np.ndarray)}
    rest = {key: value for key, value in given.items() if key not in arrays}
    return Case(op=op, inputs=arrays, attributes=rest, is_static=True, error=3e-6)


def _counted(values: Array, weights: Array, *, binary_output: bool = False) -> Case:
    return Case(
        op="RaggedBincount",
        inputs={"splits": np.array([0, 3, 3, 6], np.int64), "values": values, "weights": weights},
        constants={"size": np.int32(5)},
        attributes={"binary_output": binary_output},
        is_static=True,
    )


def _logarithms(**attributes: bool) -> Case:
    rows = [[1, 2, -np.inf, 100, 3, -80, 0.5], [-np.inf, -np.inf, 2, 1, np.inf, 3, 0]]
    return Case(
        op="CumulativeLogsumexp",
        inputs={"x": np.array(rows, np.float32)},
        constants={"axis": np.int32(-1)},
        attributes=attributes,
        is_static=True,
    )


def _chances(*more: float) -> Array:
    return np.append(_CHANCES, np.array(more, np.float32))


def _complex_case(op: str, *, error: float = 2e-6, **given: Any) -> Case:
    arrays = {key: value for key, value in given.items() if isinstance(value, np.ndarray)}
    rest = {key: value for key, value in given.items() if key not in arrays}
    return Case(op=op, inputs=arrays, attributes=rest, is_static=True, error=error)


def _spectrum(op: str, array: Array, *lengths: int) -> Case:
    return Case(
        op=op,
        inputs={"input": array},
        constants={"fft_length": _bits(*lengths)},
        error=2e-6,
    )


def _open(case: Case) -> Case:
    """Return a case in which only the run knows the sizes."""
    return replace(
        case, inputs={**case.inputs, **case.constants}, constants={}, is_static=False, error=5e-6
    )


def _patches(size: int, stride: int, rate: int, padding: str, image: Array = _IMAGE) -> Case:
    return Case(
        op="ExtractImagePatches",
        inputs={"images": image},
        attributes={
            "ksizes": [1, size, size, 1],
            "strides": [1, stride, stride, 1],
            "rates": [1, rate, rate, 1],
            "padding": padding,
        },
    )


def _resized(op: str, size: tuple[int, int], **attributes: Any) -> Case:
    return Case(
        op=op,
        inputs={"images": _IMAGE},
        constants={"size": np.array(size, np.int32)},
        attributes=attributes,
        is_static=True,
        error=3e-6,
    )


def _scaled(kernel: str, *, antialias: bool) -> Case:
    return Case(
        op="ScaleAndTranslate",
        inputs={"images": _IMAGE},
        constants={
            "size": _bits(4, 9),
            "scale": np.array([4 / 6, 9 / 5], np.float32),
            "translation": np.array([0, 0.5], np.float32),
        },
        attributes={"kernel_type": kernel, "antialias": antialias},
        is_static=True,
        error=3e-6,
    )


def _volume(stride: int, padding: str, out: int) -> Case:
    return Case(
        op="Conv3DBackpropInputV2",
        inputs={"out_backprop": _normal(2, 3, 3, 3, 4)},
        constants={
            "input_sizes": _bits(2, out, out, out, 2),
            "filter": _normal(3, 3, 3, 2, 4),
        },
        attributes={"strides": [1, stride, stride, stride, 1], "padding": padding},
        is_static=True,
        error=3e-6,
    )


def _suppressed(classes: int, **attributes: bool) -> Case:
    corner = _RANDOM.uniform(-0.1, 0.8, [2, 12, classes, 2])
    size = _RANDOM.uniform(0.1, 0.5, [2, 12, classes, 2])
    return Case(
        op="CombinedNonMaxSuppression",
        inputs={
            "boxes": np.concatenate([corner, corner + size], -1).astype(np.float32),
            "scores": _RANDOM.uniform(size=[2, 12, 3]).astype(np.float32),
        },
        constants={
            "max_output_size_per_class": np.int32(4),
            "max_total_size": np.int32(20),
            "iou_threshold": np.float32(0.3),
            "score_threshold": np.float32(0.4),
        },
        attributes=attributes,
    )


def _shifts(op: str) -> Case:
    return Case(op=op, inputs=_SHIFTS)


_ROUNDINGS: Mapping[str, Mapping[str, Any]] = {
    "of its own range": {},
    "of a range": {"range_given": True, "num_bits": 4},
    "of a range, halves up": {
        "range_given": True,
        "num_bits": 4,
        "round_mode": "HALF_UP",
        "narrow_range": True,
    },
    "without sign": {"range_given": True, "signed_input": False},
}

CASES: Mapping[str, Case] = {
    # elementwise
    "Erfc": Case(op="Erfc", inputs={"x": FLOATS}, is_in_loop=True),
    "Erfc of edges": Case(op="Erfc", inputs={"x": WITH_EDGES}),
    "Erfc of nothing": Case(op="Erfc", inputs={"x": np.zeros([0, 3], np.float32)}),
    "Inv": Case(op="Inv", inputs={"x": FLOATS[4:8]}),
    "Rint": Case(op="Rint", inputs={"x": np.array([0.5, 1.5, 2.5, -0.5, -1.5, 3.2], np.float32)}),
    "Softsign": Case(op="Softsign", inputs={"features": FLOATS}),
    "Softsign of edges": Case(op="Softsign", inputs={"features": WITH_EDGES}),
    "L2Loss": Case(op="L2Loss", inputs={"t": _normal(3, 4)}),
    "Xlogy": Case(op="Xlogy", inputs=_PAIRS),
    "Xlogy of one number": Case(op="Xlogy", inputs={"x": _normal(2, 3), "y": np.float32(2)}),
    "Xlog1py": Case(op="Xlog1py", inputs=_LARGE_PAIRS),
    "Xdivy": Case(op="Xdivy", inputs=_PAIRS),
    "MulNoNan": Case(op="MulNoNan", inputs=_PAIRS),
    "TruncateDiv": Case(op="TruncateDiv", inputs=_WHOLE_PAIRS),
    "TruncateMod of whole numbers": Case(op="TruncateMod", inputs=_WHOLE_PAIRS),
    "TruncateMod": Case(
        op="TruncateMod",
        inputs={
            "x": np.repeat(np.array([5.5, -5.5, 0, 3, -3], np.float32), 4),
            "y": np.tile(np.array([2, -2, 1.5, 3], np.float32), 5),
        },
    ),
    "Invert": Case(op="Invert", inputs={"x": WHOLE}),
    "LeftShift": _shifts("LeftShift"),
    "RightShift": _shifts("RightShift"),
    "ApproximateEqual": Case(
        op="ApproximateEqual",
        inputs={"x": FLOATS, "y": FLOATS + np.float32(0.25)},
        attributes={"tolerance": 0.3},
    ),
    "Bucketize": Case(
        op="Bucketize",
        inputs={"input": WITH_EDGES.reshape(2, 5)},
        attributes={"boundaries": [-1.0, 0.0, 0.5, 10.0]},
    ),
    "Bucketize of whole numbers": Case(
        op="Bucketize", inputs={"input": WHOLE}, attributes={"boundaries": [-1.0, 0.0, 7.0]}
    ),
    "Select": Case(
        op="Select",
        inputs={"condition": np.array([True, False, True]), "t": _normal(3, 2), "e": _normal(3, 2)},
    ),
    "Conj": Case(op="Conj", inputs={"input": _complex(2, 3)}),
    "ConjugateTranspose": Case(
        op="ConjugateTranspose",
        inputs={"x": _complex(2, 3)},
        constants={"perm": _bits(1, 0)},
    ),
    "Angle": Case(op="Angle", inputs={"input": _complex(2, 3)}),
    "Cross": Case(op="Cross", inputs={"a": _normal(4, 3), "b": _normal(4, 3)}),
    # another name for the same
    "AccumulateNV2": Case(
        op="AccumulateNV2",
        inputs={"inputs": [_normal(2, 3), _normal(2, 3), _normal(2, 3)]},
        attributes={"shape": [2, 3]},
        is_static=True,
        is_in_function=False,
    ),
    "BatchMatMulV3": Case(
        op="BatchMatMulV3",
        inputs={"x": _normal(2, 3, 4), "y": _normal(1, 5, 4)},
        attributes={"Tout": "float32", "adj_y": True},
    ),
    "BatchMatrixBandPart": Case(
        op="BatchMatrixBandPart",
        inputs={"input": _normal(2, 4, 4)},
        constants={"num_lower": np.int64(1), "num_upper": np.int64(-1)},
        producer=13,
    ),
    "BatchNormWithGlobalNormalization": Case(
        op="BatchNormWithGlobalNormalization",
        inputs={
            "t": _normal(2, 3, 3, 4),
            "m": _normal(4),
            "v": np.abs(_normal(4)),
            "beta": _normal(4),
            "gamma": _normal(4),
        },
        attributes={"variance_epsilon": 1e-3, "scale_after_normalization": True},
        producer=8,
    ),
    "BatchToSpace": Case(
        op="BatchToSpace",
        inputs={"input": _normal(4, 2, 2, 3)},
        constants={"crops": np.array([[0, 1], [0, 0]], np.int32)},
        attributes={"block_size": 2},
    ),
    "BiasAddV1": Case(op="BiasAddV1", inputs={"value": _normal(2, 3), "bias": _normal(3)}),
    "CheckNumerics": Case(
        op="CheckNumerics", inputs={"tensor": FLOATS}, attributes={"message": "no number"}
    ),
    "EnsureShape": Case(
        op="EnsureShape", inputs={"input": _normal(2, 3)}, attributes={"shape": [None, 3]}
    ),
    "DeepCopy": Case(op="DeepCopy", inputs={"x": FLOATS}),
    "Empty": Case(
        op="Empty",
        constants={"shape": _bits(2, 3)},
        attributes={"dtype": "float32", "init": True},
        not_in_javascript="it is a constant",
    ),
    "FusedPadConv2D": Case(
        op="FusedPadConv2D",
        inputs={"input": _normal(1, 5, 5, 2)},
        constants={
            "paddings": np.array([[0, 0], [1, 1], [2, 1], [0, 0]], np.int32),
            "filter": _normal(3, 3, 2, 4),
        },
        attributes={"mode": "REFLECT", "strides": [1, 1, 1, 1], "padding": "VALID"},
    ),
    "GuaranteeConst": Case(op="GuaranteeConst", inputs={"input": FLOATS}),
    "ImageProjectiveTransformV2": Case(
        op="ImageProjectiveTransformV2",
        inputs={"images": _IMAGE[:1]},
        constants={
            "transforms": np.array([[1, 0.1, -1, 0, 0.9, 1, 0, 0]], np.float32),
            "output_shape": _bits(6, 5),
        },
        attributes={"interpolation": "BILINEAR"},
    ),
    "MaxPoolV2": Case(
        op="MaxPoolV2",
        inputs={"input": _normal(1, 4, 4, 2)},
        constants={"ksize": _bits(1, 2, 2, 1), "strides": _bits(1, 2, 2, 1)},
        attributes={"padding": "VALID"},
    ),
    "NonMaxSuppression": Case(
        op="NonMaxSuppression",
        inputs={
            "boxes": np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 2, 1, 3]], np.float32),
            "scores": np.array([0.9, 0.8, 0.7], np.float32),
        },
        constants={"max_output_size": np.int32(3)},
        attributes={"iou_threshold": 0.5},
    ),
    "PreventGradient": Case(op="PreventGradient", inputs={"input": FLOATS}),
    "SpaceToBatch": Case(
        op="SpaceToBatch",
        inputs={"input": _normal(1, 4, 3, 3)},
        constants={"paddings": np.array([[0, 0], [0, 1]], np.int32)},
        attributes={"block_size": 2},
    ),
    "SparseMatMul": Case(
        op="SparseMatMul",
        inputs={"a": _normal(4, 3), "b": _normal(4, 5)},
        attributes={"transpose_a": True},
    ),
    # by index
    "Roll": Case(
        op="Roll",
        inputs={"input": _normal(3, 4), "shift": _bits(-1, 6)},
        constants={"axis": _bits(0, -1)},
        is_in_loop=True,
    ),
    "Roll of one axis twice": Case(
        op="Roll",
        inputs={"input": WHOLE},
        constants={"shift": _bits(2, 3), "axis": _bits(0, 0)},
    ),
    "Roll of nothing": Case(
        op="Roll",
        inputs={"input": np.zeros([0, 2], np.float32)},
        constants={"shift": np.int32(1), "axis": np.int32(0)},
    ),
    "ReverseSequence": Case(
        op="ReverseSequence",
        inputs={"input": _normal(3, 4, 2), "seq_lengths": np.array([4, 0, 2], np.int64)},
        attributes={"seq_dim": 1, "batch_dim": 0},
    ),
    "ReverseSequence of other axes": Case(
        op="ReverseSequence",
        inputs={"input": _normal(2, 4, 3), "seq_lengths": _bits(1, 4, 3)},
        attributes={"seq_dim": 1, "batch_dim": 2},
    ),
    "TensorScatterAdd": Case(
        op="TensorScatterAdd",
        inputs={"tensor": _normal(4, 2), "updates": _normal(3, 2)},
        constants={"indices": np.array([[1], [3], [1]], np.int32)},
    ),
    "TensorScatterSub": Case(
        op="TensorScatterSub",
        inputs={
            "tensor": WHOLE,
            "indices": np.array([[1], [3], [1]], np.int32),
            "updates": _bits(5, 6, 7),
        },
    ),
    "InplaceUpdate": Case(
        op="InplaceUpdate",
        inputs={"x": _normal(4, 2), "i": _bits(2, 0), "v": _normal(2, 2)},
    ),
    "InplaceAdd": Case(
        op="InplaceAdd", inputs={"x": _normal(4, 2), "i": _bits(2, 0), "v": _normal(2, 2)}
    ),
    "InplaceSub": Case(
        op="InplaceSub", inputs={"x": _normal(4, 2), "i": _bits(2, 0), "v": _normal(2, 2)}
    ),
    "TensorStridedSliceUpdate": Case(
        op="TensorStridedSliceUpdate",
        inputs={"input": _normal(4, 5), "value": _normal(2, 4)},
        constants={"begin": _bits(0, 1), "end": _bits(3, 0), "strides": _bits(2, 1)},
        attributes={"end_mask": 2},
    ),
    "InvertPermutation": Case(op="InvertPermutation", inputs={"x": _bits(3, 0, 2, 1)}),
    "UnravelIndex": Case(
        op="UnravelIndex",
        inputs={"indices": _bits(0, 5, 11)},
        constants={"dims": _bits(2, 3, 2)},
    ),
    "ConcatOffset": Case(
        op="ConcatOffset",
        inputs={"shape": [_bits(2, 3, 4), _bits(2, 5, 4), _bits(2, 1, 4)]},
        constants={"concat_dim": np.int32(1)},
        is_static=True,
    ),
    "UniqueWithCounts": Case(op="UniqueWithCounts", inputs={"x": _bits(3, 1, 3, 3, 2, 1)}),
    "NthElement": Case(
        op="NthElement", inputs={"input": _normal(3, 5)}, constants={"n": np.int32(1)}
    ),
    "NthElement from above": Case(
        op="NthElement",
        inputs={"input": _normal(3, 5)},
        constants={"n": np.int32(1)},
        attributes={"reverse": True},
    ),
    "DynamicStitch": Case(
        op="DynamicStitch",
        inputs={
            "indices": [_bits(3, 1), np.array([[0, 2], [4, 1]], np.int32)],
            "data": [_normal(2, 2), _normal(2, 2, 2)],
        },
        is_static=True,
    ),
    "DynamicPartition": Case(
        op="DynamicPartition",
        inputs={"data": _normal(5, 2), "partitions": _bits(1, 0, 1, 2, 0)},
        attributes={"num_partitions": 4},
    ),
    "DataFormatVecPermute": Case(
        op="DataFormatVecPermute",
        inputs={"x": _bits(7, 4, 9, 3)},
        attributes={"src_format": "NHWC", "dst_format": "NCHW"},
        is_static=True,
    ),
    "DataFormatDimMap": Case(
        op="DataFormatDimMap",
        inputs={"x": _bits(0, 1, -1, 2)},
        attributes={"src_format": "NHWC", "dst_format": "NCHW"},
    ),
    "GatherV2": Case(
        op="GatherV2",
        inputs={
            "params": _normal(3, 4, 2),
            "indices": np.array([[3, 0], [1, 1], [2, 3]], np.int32),
        },
        constants={"axis": np.int32(1)},
        attributes={"batch_dims": 1},
    ),
    "GatherV2 of two batch axes": Case(
        op="GatherV2",
        inputs={"params": _normal(2, 3, 4), "indices": _bits(*[3, 0, 1, 1, 2, 3]).reshape(2, 3)},
        constants={"axis": np.int32(-1)},
        attributes={"batch_dims": 2},
    ),
    "GatherV2 of a later axis": Case(
        op="GatherV2",
        inputs={
            "params": _normal(2, 3, 4, 2),
            "indices": np.array([[3, 0, 0], [1, 1, 2]], np.int64),
        },
        constants={"axis": np.int32(2)},
        attributes={"batch_dims": 1},
    ),
    # diagonals
    "MatrixBandPart": Case(
        op="MatrixBandPart",
        inputs={"input": _normal(2, 4, 5)},
        constants={"num_lower": np.int64(-1), "num_upper": np.int64(0)},
        is_in_loop=True,
    ),
    "MatrixBandPart of whole numbers": Case(
        op="MatrixBandPart",
        inputs={"input": WHOLE.reshape(2, 5), "num_lower": np.int32(0), "num_upper": np.int32(2)},
    ),
    "MatrixDiag": Case(op="MatrixDiag", inputs={"diagonal": _normal(2, 3)}),
    "MatrixDiag of whole numbers": Case(op="MatrixDiag", inputs={"diagonal": WHOLE}),
    "MatrixDiagPart": Case(op="MatrixDiagPart", inputs={"input": _normal(2, 3, 4)}),
    "MatrixSetDiag": Case(
        op="MatrixSetDiag", inputs={"input": _normal(2, 3, 4), "diagonal": _normal(2, 3)}
    ),
    "Diag": Case(op="Diag", inputs={"diagonal": _normal(2, 3)}),
    "DiagPart": Case(op="DiagPart", inputs={"input": _normal(2, 3, 2, 3)}),
    "MatrixDiagPartV3 above": _parts(1, "RIGHT_LEFT"),
    "MatrixDiagPartV3 below": _parts(-2, "RIGHT_LEFT"),
    "MatrixDiagPartV3 right left": _parts([-2, 3], "RIGHT_LEFT"),
    "MatrixDiagPartV3 left right": _parts([-2, 3], "LEFT_RIGHT"),
    "MatrixDiagPartV3 left": _parts([-2, 3], "LEFT_LEFT"),
    "MatrixDiagPartV3 right": _parts([-2, 3], "RIGHT_RIGHT"),
    "MatrixDiagPartV3 of a tall matrix": _parts([-4, 1], "RIGHT_RIGHT", (5, 3)),
    "MatrixDiagPartV2": Case(
        op="MatrixDiagPartV2",
        inputs={"input": _normal(2, 3, 4)},
        constants={"k": _bits(-1, 1), "padding_value": np.float32(9)},
    ),
    "MatrixDiagV2": Case(
        op="MatrixDiagV2",
        inputs={"diagonal": _normal(2, 3)},
        constants={
            "k": np.int32(1),
            "num_rows": np.int32(-1),
            "num_cols": np.int32(-1),
            "padding_value": np.float32(0),
        },
    ),
    "MatrixDiagV3": _spread(0, (2, 3), "RIGHT_LEFT"),
    "MatrixDiagV3 below": _spread(-1, (2, 3), "RIGHT_LEFT"),
    "MatrixDiagV3 band": _spread([-1, 1], (2, 3, 4), "RIGHT_LEFT"),
    "MatrixDiagV3 band left right": _spread([-2, 1], (4, 4), "LEFT_RIGHT"),
    "MatrixDiagV3 band in 3 by 5": _spread([-1, 2], (2, 4, 3), "RIGHT_RIGHT", 3, 5),
    "MatrixDiagV3 of given rows": _spread(1, (3,), "RIGHT_LEFT", rows=5),
    "MatrixSetDiagV3": _set_parts(0, (2, 3), "RIGHT_LEFT"),
    "MatrixSetDiagV3 band": _set_parts([-1, 3], (2, 5, 3), "RIGHT_LEFT"),
    "MatrixSetDiagV3 band left": _set_parts([-1, 3], (2, 5, 3), "LEFT_RIGHT"),
    "MatrixSetDiagV2": Case(
        op="MatrixSetDiagV2",
        inputs={"input": _normal(3, 3), "diagonal": _normal(2)},
        constants={"k": np.int32(1)},
    ),
    # ragged
    "RaggedTensorToTensor": Case(
        op="RaggedTensorToTensor",
        inputs={
            "values": _normal(6, 2),
            "default_value": np.float32(-1),
            "row_partition_tensors": [np.array([0, 3, 3, 4, 6], np.int64)],
        },
        constants={"shape": np.array([-1, -1, 2], np.int64)},
        attributes={"row_partition_types": ["ROW_SPLITS"]},
        is_static=True,
    ),
    "RaggedTensorToTensor of given size": Case(
        op="RaggedTensorToTensor",
        inputs={
            "values": _bits(1, 2, 3, 4, 5, 6),
            "default_value": np.int32(-1),
            "row_partition_tensors": [np.int64(4), np.array([0, 0, 0, 2, 3, 3], np.int64)],
        },
        constants={"shape": np.array([5, 2], np.int64)},
        attributes={"row_partition_types": ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]},
        is_static=True,
    ),
    "RaggedTensorToTensor of two axes": Case(
        op="RaggedTensorToTensor",
        inputs={
            "values": _normal(5),
            "default_value": np.float32(0),
            "row_partition_tensors": [_bits(0, 2, 2, 3), _bits(0, 2, 2, 5)],
        },
        constants={"shape": np.int32(-1)},
        attributes={"row_partition_types": ["ROW_SPLITS", "ROW_SPLITS"]},
        is_static=True,
    ),
    "RaggedRange": Case(
        op="RaggedRange",
        inputs={
            "starts": _bits(0, 5, 3, 9),
            "limits": _bits(3, 5, 10, 1),
            "deltas": _bits(1, 1, 3, -3),
        },
    ),
    "RaggedGather": Case(
        op="RaggedGather",
        inputs={
            "params_nested_splits": [
                np.array([0, 2, 2, 4], np.int64),
                np.array([0, 1, 4, 4, 6], np.int64),
            ],
            "params_dense_values": _normal(6, 2),
            "indices": _bits(2, 0, 0, 1),
        },
        attributes={"OUTPUT_RAGGED_RANK": 2},
        is_static=True,
    ),
    "RaggedBincount": _counted(_bits(1, 1, 3, 0, 5, 2), np.zeros([0], np.float32)),
    "RaggedBincount of weights": _counted(_bits(1, 1, 3, 0, 5, 2), _normal(6)),
    "RaggedBincount as it is or not": _counted(
        _bits(1, 1, 3, 0, 5, 2), np.zeros([0], np.int32), binary_output=True
    ),
    # segments
    "UnsortedSegmentSum": Case(
        op="UnsortedSegmentSum",
        inputs={"data": _normal(5, 2), "segment_ids": _bits(2, 0, -1, 2, 3)},
        constants={"num_segments": np.int32(5)},
    ),
    "UnsortedSegmentSum of two axes": Case(
        op="UnsortedSegmentSum",
        inputs={
            "data": _normal(2, 3, 2),
            "segment_ids": np.array([[0, 1, 1], [0, 2, 0]], np.int32),
            "num_segments": np.int32(3),
        },
    ),
    "UnsortedSegmentSum of no rows": Case(
        op="UnsortedSegmentSum",
        inputs={"data": _normal(0, 2), "segment_ids": _bits(), "num_segments": np.int32(3)},
    ),
    "UnsortedSegmentMax": _unsorted("UnsortedSegmentMax", _normal(5, 2)),
    "UnsortedSegmentMax of infinite rows": _unsorted(
        "UnsortedSegmentMax", np.array([-np.inf, 1, 2, -np.inf, -np.inf], np.float32)
    ),
    "UnsortedSegmentMax of no rows": Case(
        op="UnsortedSegmentMax",
        inputs={"data": _normal(0, 2), "segment_ids": _bits(), "num_segments": np.int32(3)},
    ),
    "UnsortedSegmentMax of whole numbers": _unsorted(
        "UnsortedSegmentMax", _bits(3, -(2**31), 7, 2**31 - 1, -5)
    ),
    "UnsortedSegmentMin": _unsorted("UnsortedSegmentMin", _normal(5, 2)),
    "UnsortedSegmentMin of two axes": Case(
        op="UnsortedSegmentMin",
        inputs={
            "data": _normal(2, 3, 2),
            "segment_ids": np.array([[0, 1, 1], [0, 3, -2]], np.int32),
            "num_segments": np.int32(4),
        },
    ),
    "UnsortedSegmentProd": _unsorted("UnsortedSegmentProd", _normal(5, 2)),
    "SegmentMax": _sorted("SegmentMax", _normal(4, 2)),
    "SegmentMax of infinite rows": _sorted(
        "SegmentMax", np.array([-np.inf, -np.inf, -np.inf, 1], np.float32)
    ),
    "SegmentMin": _sorted("SegmentMin", _normal(4, 2)),
    "SegmentProd": _sorted("SegmentProd", _normal(4, 2, 3)),
    "SegmentSum": Case(
        op="SegmentSum", inputs={"data": _normal(4, 2), "segment_ids": _bits(0, 0, 1, 3)}
    ),
    "SegmentMean": Case(
        op="SegmentMean", inputs={"data": _normal(4, 2), "segment_ids": _bits(0, 0, 1, 3)}
    ),
    "SparseSegmentSqrtN": Case(op="SparseSegmentSqrtN", inputs={"data": _normal(4, 2)} | _INDEX),
    "SparseSegmentSumWithNumSegments": Case(
        op="SparseSegmentSumWithNumSegments",
        inputs={"data": _normal(4, 2)} | _INDEX,
        constants={"num_segments": np.int32(6)},
    ),
    "SparseSegmentMeanWithNumSegments": Case(
        op="SparseSegmentMeanWithNumSegments",
        inputs={"data": _normal(4, 2)} | _INDEX,
        constants={"num_segments": np.int32(6)},
    ),
    "SparseSegmentSqrtNWithNumSegments": Case(
        op="SparseSegmentSqrtNWithNumSegments",
        inputs={"data": _normal(4, 2)} | _INDEX,
        constants={"num_segments": np.int32(6)},
    ),
    "SparseTensorDenseMatMul": Case(
        op="SparseTensorDenseMatMul",
        inputs=_SPARSE | {"b": _normal(3, 4)},
        constants={"a_shape": np.array([4, 3], np.int64)},
    ),
    "SparseTensorDenseMatMul transposed": Case(
        op="SparseTensorDenseMatMul",
        inputs=_SPARSE | {"b": _normal(4, 4)},
        constants={"a_shape": np.array([4, 3], np.int64)},
        attributes={"adjoint_a": True, "adjoint_b": True},
    ),
    "SparseTensorDenseAdd": Case(
        op="SparseTensorDenseAdd",
        inputs=_SPARSE | {"b": _normal(4, 3)},
        constants={"a_shape": np.array([4, 3], np.int64)},
    ),
    "SparseReorder": Case(
        op="SparseReorder",
        inputs={
            "input_indices": np.array([[2, 0], [0, 2], [1, 9], [0, 1], [1, 0]], np.int64),
            "input_values": _normal(5),
        },
        constants={"input_shape": np.array([3, 2**40], np.int64)},
        is_static=True,
    ),
    "SparseReorder of no entries": Case(
        op="SparseReorder",
        inputs={"input_indices": np.zeros([0, 2], np.int64), "input_values": _normal(0)},
        constants={"input_shape": np.array([3, 4], np.int64)},
    ),
    "SparseBincount": Case(
        op="SparseBincount",
        inputs={
            "indices": np.array([[0, 0], [0, 2], [2, 0]], np.int64),
            "values": _bits(3, 3, 1),
            "dense_shape": np.array([3, 4], np.int64),
            "size": np.int32(4),
            "weights": _normal(3),
        },
        is_static=True,
    ),
    "SparseBincount of one axis": Case(
        op="SparseBincount",
        inputs={
            "indices": np.array([[0], [2], [3]], np.int64),
            "values": _bits(3, 3, 1),
            "dense_shape": np.array([5], np.int64),
            "size": np.int32(4),
            "weights": np.zeros([0], np.int32),
        },
        is_static=True,
    ),
    "SparseConcat": Case(
        op="SparseConcat",
        inputs={
            "indices": [
                np.array([[0, 1], [2, 0]], np.int64),
                np.array([[0, 0], [1, 2]], np.int64),
            ],
            "values": [_normal(2), _normal(2)],
        },
        constants={},
        attributes={
            "shapes": [np.array([3, 2], np.int64), np.array([3, 3], np.int64)],
            "concat_dim": 1,
        },
        is_static=True,
    ),
    "SparseAdd": _sparse_added(0.0),
    "SparseAdd with a limit": _sparse_added(1.0),
    "SparseSlice": _sparse_sliced([0, 1], [2, 2]),
    "SparseSlice of nothing": _sparse_sliced([1, 2], [5, 9]),
    "SparseReduceSum": _sparse_reduced("SparseReduceSum", [1]),
    "SparseReduceSum of two axes": _sparse_reduced("SparseReduceSum", [0, -1], keep_dims=True),
    "SparseReduceSum of all axes": _sparse_reduced("SparseReduceSum", [0, 1, 2]),
    "SparseReduceSum of no axes": _sparse_reduced("SparseReduceSum", []),
    "SparseReduceMax": _sparse_reduced("SparseReduceMax", [2]),
    "SparseReduceMax of two axes": _sparse_reduced("SparseReduceMax", [-3, 1], keep_dims=True),
    "SparseSoftmax": Case(
        op="SparseSoftmax",
        inputs={
            "sp_indices": np.array([[0, 0, 1], [0, 0, 3], [0, 2, 0], [1, 1, 2]], np.int64),
            "sp_values": np.array([2, 90, -0.5, -4], np.float32),
        },
        constants={"sp_shape": np.array([2, 3, 4], np.int64)},
    ),
    "SparseDenseCwiseMul": _sparse_with_dense("SparseDenseCwiseMul", _normal(4, 3)),
    "SparseDenseCwiseDiv": _sparse_with_dense("SparseDenseCwiseDiv", _normal(1, 3)),
    # linear algebra
    "Cholesky": _linear("Cholesky", input=_positive(2, 5)),
    "MatrixDeterminant": _linear("MatrixDeterminant", input=_normal(3, 4, 4)),
    "MatrixDeterminant of zero": _linear(
        "MatrixDeterminant", input=np.array([[0, 1, 2], [0, 4, 4], [0, 7, 9]], np.float32)
    ),
    "MatrixDeterminant with exchanges": _linear(
        "MatrixDeterminant", input=np.array([[0, 1, 2], [4, 0, 4], [1, 7, 0]], np.float32)
    ),
    "MatrixInverse": _linear("MatrixInverse", input=_positive(2, 6) + _normal(2, 6, 6)),
    "MatrixInverse with exchanges": _linear(
        "MatrixInverse", input=np.array([[0, 1, 0], [0, 0, 2], [4, 0, 0]], np.float32)
    ),
    "MatrixInverse adjoint": _linear(
        "MatrixInverse", input=_positive(1, 3) + _normal(1, 3, 3), adjoint=True
    ),
    "MatrixSolve": _linear(
        "MatrixSolve", matrix=_positive(2, 4) + _normal(2, 4, 4), rhs=_normal(2, 4, 3)
    ),
    "MatrixTriangularSolve": _linear(
        "MatrixTriangularSolve", matrix=_positive(2, 4), rhs=_normal(2, 4, 3)
    ),
    "MatrixTriangularSolve of the upper one": _linear(
        "MatrixTriangularSolve", matrix=_positive(1, 4), rhs=_normal(3, 4, 2), lower=False
    ),
    "MatrixTriangularSolve adjoint": _linear(
        "MatrixTriangularSolve", matrix=_positive(2, 4), rhs=_normal(2, 4, 3), adjoint=True
    ),
    # windows
    "SpaceToDepth": Case(
        op="SpaceToDepth", inputs={"input": _normal(2, 4, 6, 3)}, attributes={"block_size": 2}
    ),
    "ExtractImagePatches": _patches(3, 2, 1, "VALID"),
    "ExtractImagePatches padded": _patches(3, 2, 1, "SAME"),
    "ExtractImagePatches with gaps": _patches(2, 1, 2, "SAME"),
    "ExtractImagePatches apart": _patches(2, 3, 1, "VALID"),
    "ExtractImagePatches of whole numbers": _patches(
        2, 2, 1, "SAME", np.arange(45, dtype=np.int32).reshape(1, 5, 3, 3)
    ),
    "ResizeBicubic": _resized("ResizeBicubic", (9, 4), half_pixel_centers=True),
    "ResizeBicubic of old": _resized("ResizeBicubic", (9, 4)),
    "ResizeBicubic with corners": _resized("ResizeBicubic", (12, 3), align_corners=True),
    "ResizeBicubic of open sizes": _open(
        _resized("ResizeBicubic", (9, 4), half_pixel_centers=True)
    ),
    "ResizeBicubic of open sizes of old": _open(_resized("ResizeBicubic", (4, 9))),
    "ResizeBicubic of open sizes with corners": _open(
        _resized("ResizeBicubic", (12, 3), align_corners=True)
    ),
    "ResizeArea": _resized("ResizeArea", (4, 3)),
    "ResizeArea to more": _resized("ResizeArea", (9, 7)),
    "ScaleAndTranslate": _scaled("lanczos3", antialias=True),
    "ScaleAndTranslate by triangle": _scaled("triangle", antialias=False),
    **{
        f"ScaleAndTranslate of open sizes by {kernel}": _open(_scaled(kernel, antialias=antialias))
        for kernel, antialias in (
            ("lanczos3", True),
            ("lanczos5", False),
            ("gaussian", True),
            ("box", True),
            ("triangle", False),
            ("keyscubic", True),
            ("mitchellcubic", False),
        )
    },
    "Conv3DBackpropInputV2": _volume(2, "SAME", 6),
    "Conv3DBackpropInputV2 of odd size": _volume(2, "SAME", 5),
    "Conv3DBackpropInputV2 valid": _volume(2, "VALID", 7),
    "Conv3DBackpropInputV2 of stride 1": _volume(1, "SAME", 3),
    # detection
    "CombinedNonMaxSuppression": _suppressed(classes=1),
    "CombinedNonMaxSuppression of boxes by class": _suppressed(classes=3),
    "CombinedNonMaxSuppression padded by class": _suppressed(classes=1, pad_per_class=True),
    "CombinedNonMaxSuppression beyond the image": _suppressed(classes=1, clip_boxes=False),
    # colors
    "RGBToHSV": Case(op="RGBToHSV", inputs={"images": _IMAGE}),
    "RGBToHSV of grays": Case(op="RGBToHSV", inputs={"images": _GRAYS}),
    "HSVToRGB": Case(op="HSVToRGB", inputs={"images": _IMAGE}),
    "AdjustHue": Case(
        op="AdjustHue", inputs={"images": _IMAGE, "delta": np.float32(-0.3)}, error=3e-6
    ),
    "AdjustSaturation": Case(
        op="AdjustSaturation", inputs={"images": _IMAGE, "scale": np.float32(1.7)}, error=3e-6
    ),
    "AdjustContrastv2": Case(
        op="AdjustContrastv2", inputs={"images": _IMAGE, "contrast_factor": np.float32(2)}
    ),
    "FakeQuantWithMinMaxArgs": Case(
        op="FakeQuantWithMinMaxArgs",
        inputs={"inputs": _normal(5, 4) * 3},
        attributes={"min": -1.3, "max": 2.9, "num_bits": 4},
    ),
    "FakeQuantWithMinMaxVars": Case(
        op="FakeQuantWithMinMaxVars",
        inputs={"inputs": _normal(5, 4) * 3, "min": np.float32(-1.3), "max": np.float32(2.9)},
        attributes={"num_bits": 4},
    ),
    "FakeQuantWithMinMaxVarsPerChannel": Case(
        op="FakeQuantWithMinMaxVarsPerChannel",
        inputs={"inputs": _normal(5, 4) * 3},
        constants=_MIN_MAX,
    ),
    "FakeQuantWithMinMaxVarsPerChannel narrow": Case(
        op="FakeQuantWithMinMaxVarsPerChannel",
        inputs={"inputs": _normal(5, 4) * 3},
        constants=_MIN_MAX,
        attributes={"narrow_range": True, "num_bits": 3},
    ),
    # strings
    "StringLower": Case(
        op="StringLower",
        inputs={"input": np.array(["AbC zZ", "", "ÄÖ 1X"], object)},
        not_on_wasm="StaticRegexReplace",
    ),
    "StringStrip": Case(
        op="StringStrip",
        inputs={"input": np.array(["  a b\t\n", "", " ", "x"], object)},
        not_on_wasm="StaticRegexReplace",
    ),
    "RegexReplace": Case(
        op="RegexReplace",
        inputs={"input": np.array(["a1b22", ""], object)},
        constants={"pattern": np.array("[0-9]+", object), "rewrite": np.array("#", object)},
        not_on_wasm="StaticRegexReplace",
    ),
    "StaticRegexReplace": Case(
        op="StaticRegexReplace",
        inputs={"input": np.array(["Aa A\\b-1 Zz", "\nB"], object)},
        attributes={"pattern": r"[A-C\\]+|\S-\D*", "rewrite": "#"},
        not_on_wasm="StaticRegexReplace",
    ),
    "StringSplitV2": Case(
        op="StringSplitV2",
        inputs={"input": np.array([" a  b\tc", "", "d "], object)},
        constants={"sep": np.array("", object)},
    ),
    "StringSplitV2 at a comma": Case(
        op="StringSplitV2",
        inputs={"input": np.array(["a,,b", "", ",c,"], object)},
        constants={"sep": np.array(",", object)},
        not_on_wasm="StaticRegexReplace",
    ),
    "CTCGreedyDecoder": Case(
        op="CTCGreedyDecoder",
        inputs={"inputs": _normal(7, 3, 4), "sequence_length": _bits(7, 3, 0)},
        attributes={"merge_repeated": True},
    ),
    "CTCGreedyDecoder of repeated": Case(
        op="CTCGreedyDecoder",
        inputs={"inputs": _normal(7, 3, 4), "sequence_length": _bits(7, 3, 5)},
        attributes={"merge_repeated": False},
    ),
    # spectra
    "FFT": _complex_case("FFT", input=_complex(2, 7)),
    "FFT of a length that is split": _complex_case("FFT", input=_complex(2, 720)),
    "IFFT": _complex_case("IFFT", input=_complex(2, 3, 8)),
    "FFT2D": _complex_case("FFT2D", input=_complex(2, 4, 8)),
    "FFT2D of open sizes": Case(op="FFT2D", inputs={"input": _complex(2, 4, 6)}, error=2e-6),
    "IFFT2D": _complex_case("IFFT2D", input=_complex(4, 8)),
    "FFT3D": _complex_case("FFT3D", input=_complex(2, 4, 2)),
    "IFFT3D": _complex_case("IFFT3D", input=_complex(2, 3, 4, 2)),
    "RFFT": _spectrum("RFFT", _normal(2, 9), 9),
    "RFFT of a longer input": _spectrum("RFFT", _normal(2, 9), 6),
    "RFFT of a length that is split": _spectrum("RFFT", _normal(2, 1024), 1024),
    "RFFT2D": _spectrum("RFFT2D", _normal(2, 5, 6), 4, 4),
    "RFFT3D": _spectrum("RFFT3D", _normal(3, 5, 6), 3, 5, 6),
    "IRFFT": _spectrum("IRFFT", _complex(2, 5), 8),
    "IRFFT of an odd length": _spectrum("IRFFT", _complex(2, 5), 9),
    "IRFFT of a longer input": _spectrum("IRFFT", _complex(2, 9), 7),
    "IRFFT2D": _spectrum("IRFFT2D", _complex(2, 4, 5), 4, 8),
    "IRFFT3D": _spectrum("IRFFT3D", _complex(2, 4, 3), 2, 4, 4),
    # complex numbers
    **{
        op: _complex_case(op, x=_complex(2, 3), y=_complex(3))
        for op in ("AddV2", "Sub", "Mul", "RealDiv", "MulNoNan", "DivNoNan")
    },
    "Pow": _complex_case("Pow", x=_complex(2, 3), y=_complex(3), error=5e-6),
    **{
        f"{op} of complex numbers": _complex_case(op, x=_complex(2, 3))
        for op in (
            "Cos",
            "Cosh",
            "Exp",
            "Log",
            "Neg",
            "Reciprocal",
            "Rsqrt",
            "Sign",
            "Sin",
            "Sinh",
            "Sqrt",
            "Square",
            "Tan",
            "Tanh",
            "ZerosLike",
            "OnesLike",
        )
    },
    "Sqrt of complex numbers on the axes": _complex_case("Sqrt", x=_AXES),
    "DivNoNan by zero": _complex_case("DivNoNan", x=_complex(2, 1), y=_AXES),
    "Pow of zero": _complex_case("Pow", x=_AXES, y=np.array(2 + 0j, np.complex64)),
    "SquaredDifference of complex numbers": _complex_case(
        "SquaredDifference", x=_complex(2, 3), y=_complex(3)
    ),
    "ComplexAbs": _complex_case("ComplexAbs", x=_complex(2, 3)),
    "ComplexAbs of large numbers": _complex_case("ComplexAbs", x=_AXES * np.float32(1e30)),
    "Equal of complex numbers": _complex_case("Equal", x=_AXES, y=np.array(1j, np.complex64)),
    "NotEqual of complex numbers": _complex_case("NotEqual", x=_AXES, y=_AXES[::-1]),
    "Cast to complex numbers": Case(
        op="Cast", inputs={"x": _normal(2, 3)}, attributes={"DstT": "complex64"}
    ),
    "Cast from complex numbers": Case(
        op="Cast", inputs={"x": _complex(2, 3)}, attributes={"DstT": "float32"}
    ),
    "Complex of one real number": Case(
        op="Complex", inputs={"real": np.float32(2), "imag": _normal(2, 3)}
    ),
    "MatMul of complex numbers": _complex_case(
        "MatMul", a=_complex(3, 2), b=_complex(4, 3), transpose_a=True, transpose_b=True
    ),
    "BatchMatMulV2 of complex numbers": _complex_case(
        "BatchMatMulV2", x=_complex(2, 3, 4), y=_complex(2, 3, 5), adj_x=True
    ),
    "Einsum of complex numbers": Case(
        op="Einsum",
        inputs={"inputs": [_complex(2, 3, 4), _complex(2, 4)]},
        attributes={"equation": "bij,bj->bi"},
        error=2e-6,
    ),
    "Transpose of complex numbers": Case(
        op="Transpose", inputs={"x": _complex(2, 3, 4)}, constants={"perm": _bits(2, 0, 1)}
    ),
    "ConcatV2 of complex numbers": Case(
        op="ConcatV2",
        inputs={"values": [_complex(2, 3), _complex(2, 1)]},
        constants={"axis": np.int32(1)},
    ),
    "Split of complex numbers": Case(
        op="Split",
        inputs={"value": _complex(2, 6)},
        constants={"axis": np.int32(1)},
        attributes={"num_split": 3},
    ),
    "PadV2 of complex numbers": Case(
        op="PadV2",
        inputs={"input": _complex(2, 3)},
        constants={
            "paddings": np.array([[1, 0], [0, 2]], np.int32),
            "constant_values": np.array(1 - 2j, np.complex64),
        },
    ),
    "StridedSlice of complex numbers": Case(
        op="StridedSlice",
        inputs={"input": _complex(3, 4)},
        constants={"begin": _bits(0, 3), "end": _bits(1, 0), "strides": _bits(1, -2)},
        attributes={"shrink_axis_mask": 1},
    ),
    "Mean of complex numbers": Case(
        op="Mean", inputs={"input": _complex(3, 4)}, constants={"axis": _bits(1)}
    ),
    "GatherV2 of complex numbers": Case(
        op="GatherV2",
        inputs={"params": _complex(4, 2), "indices": _bits(3, 0)},
        constants={"axis": np.int32(0)},
    ),
    "SelectV2 of complex numbers": _complex_case(
        "SelectV2", condition=np.array([True, False]), t=_complex(3, 2), e=_complex(2)
    ),
    # special functions
    "Lgamma": Case(op="Lgamma", inputs={"x": _GAMMAS}),
    "Lgamma near one and two": Case(op="Lgamma", inputs={"x": _SMALL_GAMMAS}),
    "Digamma": Case(op="Digamma", inputs={"x": np.delete(_GAMMAS, [9, 10])}),
    "Digamma near its pole": Case(op="Digamma", inputs={"x": _GAMMAS[9:]}),
    "Erfinv": Case(op="Erfinv", inputs={"x": _chances(2, -2, -1, -0.3, -0.9999)}),
    "Ndtri": Case(op="Ndtri", inputs={"x": _chances(2, -1, 2e-38, 1e-12, 0.8646)}),
    "PopulationCount": Case(op="PopulationCount", inputs={"x": WHOLE}),
    "PopulationCount of bytes": Case(
        op="PopulationCount", inputs={"x": np.array([-128, -1, 0, 127, 5], np.int8)}
    ),
    "PopulationCount of int64": Case(op="PopulationCount", inputs={"x": WHOLE.astype(np.int64)}),
    "CumulativeLogsumexp": _logarithms(),
    "CumulativeLogsumexp that leaves itself out": _logarithms(exclusive=True),
    "CumulativeLogsumexp from the end": _logarithms(exclusive=True, reverse=True),
    "HistogramFixedWidth": Case(
        op="HistogramFixedWidth",
        inputs={"values": np.arange(-20, 130, dtype=np.float32).reshape(15, 10) / 100},
        constants={"value_range": np.array([0, 1], np.float32), "nbins": np.int32(10)},
    ),
    # normalization
    "FusedBatchNormV3 that trains": Case(
        op="FusedBatchNormV3",
        inputs={"x": _normal(2, 3, 4, 5), "scale": _normal(5), "offset": _normal(5)},
        constants={"mean": np.empty(0, np.float32), "variance": np.empty(0, np.float32)},
        attributes={"is_training": True, "epsilon": 1e-3},
        is_static=True,
        error=2e-6,
    ),
    "FusedBatchNormV3 that averages with former batches": Case(
        op="FusedBatchNormV3",
        inputs={
            "x": _normal(2, 3, 4, 5),
            "scale": _normal(5),
            "offset": _normal(5),
            "mean": _normal(5),
            "variance": _normal(5) ** 2,
        },
        attributes={"is_training": True, "exponential_avg_factor": 0.25},
        is_static=True,
        error=2e-6,
    ),
    "FusedBatchNorm that trains, channels first": Case(
        op="FusedBatchNorm",
        inputs={"x": _normal(2, 3, 4, 5), "scale": _normal(3), "offset": _normal(3)},
        constants={"mean": np.empty(0, np.float32), "variance": np.empty(0, np.float32)},
        attributes={"is_training": True, "data_format": "NCHW"},
        is_static=True,
        error=2e-6,
    ),
    **{
        f"DenseToDenseSetOperation {operation}": Case(
            op="DenseToDenseSetOperation",
            inputs={"set1": _SETS[0], "set2": _SETS[1]},
            attributes={"set_operation": operation},
        )
        for operation in ("intersection", "union", "a-b", "b-a")
    },
    "DenseToDenseSetOperation of two outer axes": Case(
        op="DenseToDenseSetOperation",
        inputs={"set1": np.stack(_SETS[:1] * 2), "set2": np.stack([_SETS[1], _SETS[1][::-1]])},
        attributes={"set_operation": "intersection"},
    ),
    "DenseToDenseSetOperation of nothing": Case(
        op="DenseToDenseSetOperation",
        inputs={"set1": np.zeros([2, 0], np.int32), "set2": np.ones([2, 1], np.int32)},
        attributes={"set_operation": "a-b"},
    ),
    "SetSize": Case(
        op="SetSize",
        inputs={
            "set_indices": np.array([[0, 0, 0], [0, 0, 1], [0, 2, 0], [1, 1, 0]], np.int64),
            "set_values": _bits(5, 7, 5, 5),
            "set_shape": np.array([2, 3, 2], np.int64),
        },
    ),
    **{
        f"SparseToSparseSetOperation {operation}": Case(
            op="SparseToSparseSetOperation",
            inputs={**_sparse_set("set1", _FIRST_SET), **_sparse_set("set2", _SECOND_SET)},
            attributes={"set_operation": operation},
            is_static=True,
        )
        for operation in ("intersection", "union", "a-b", "b-a")
    },
    "DenseToSparseSetOperation": Case(
        op="DenseToSparseSetOperation",
        inputs={"set1": np.resize(_SETS[0], [4, 4]), **_sparse_set("set2", _SECOND_SET)},
        attributes={"set_operation": "a-b"},
        is_static=True,
    ),
    "SparseToSparseSetOperation of two outer axes": Case(
        op="SparseToSparseSetOperation",
        inputs={
            **_sparse_set("set1", ([[0, 1, 0], [1, 0, 0], [1, 0, 1]], [4, 2, 9], [2, 2, 2])),
            **_sparse_set("set2", ([[0, 0, 0], [1, 0, 0]], [4, 3], [2, 2, 1])),
        },
        attributes={"set_operation": "union"},
        is_static=True,
    ),
    "DenseCountSparseOutput": _counted_apart(
        "DenseCountSparseOutput", {"values": _bits(5, 1, 5, 7, 1, 5)}
    ),
    "DenseCountSparseOutput of rows with weights": _counted_apart(
        "DenseCountSparseOutput",
        {"values": np.array([[5, 1, 5], [7, 1, 9]], np.int32)},
        weights=_normal(2, 3),
        maxlength=8,
    ),
    "DenseCountSparseOutput of what is there": _counted_apart(
        "DenseCountSparseOutput",
        {"values": np.array([[5, 1, 5], [7, 1, 9]], np.int32)},
        minlength=12,
        binary_output=True,
    ),
    "SparseCountSparseOutput": _counted_apart(
        "SparseCountSparseOutput",
        {
            "indices": np.array([[0, 1], [0, 3], [2, 0], [2, 2], [2, 3]], np.int64),
            "values": _bits(4, 4, 6, 1, 6),
            "dense_shape": np.array([3, 4], np.int64),
        },
    ),
    "RaggedCountSparseOutput": _counted_apart(
        "RaggedCountSparseOutput",
        {"splits": np.array([0, 2, 2, 5], np.int64), "values": _bits(4, 4, 6, 1, 6)},
    ),
    "SparseSparseMaximum": _of_two_sparse("SparseSparseMaximum"),
    "SparseSparseMinimum": _of_two_sparse("SparseSparseMinimum"),
    # scores of classes
    "SoftmaxCrossEntropyWithLogits": Case(
        op="SoftmaxCrossEntropyWithLogits",
        inputs={
            "features": np.concatenate([_normal(3, 5) * 9, [[-np.inf, 0, 1, 2, 3]]]).astype("f4"),
            "labels": np.array([[0, 1, 0, 0, 0]] * 2 + [[0.1, 0.2, 0.3, 0.4, 0]] * 2, np.float32),
        },
    ),
    "SparseSoftmaxCrossEntropyWithLogits": Case(
        op="SparseSoftmaxCrossEntropyWithLogits",
        inputs={"features": _normal(3, 5) * 9, "labels": _bits(4, 0, 2)},
    ),
    "InTopKV2": Case(
        op="InTopKV2",
        inputs={
            "predictions": np.array([[1, 2, 2, 0], [4, 3, 2, 1], [np.inf, 1, 2, 3]], np.float32),
            "targets": _bits(2, 2, 3),
            "k": np.int32(2),
        },
    ),
    "InTopK": Case(
        op="InTopK",
        inputs={"predictions": _normal(6, 5), "targets": _bits(2, 2, 3, 0, 1, 9)},
        attributes={"k": 3},
    ),
    "ApproxTopK": Case(
        op="ApproxTopK", inputs={"input": _normal(3, 40)}, attributes={"k": 4}, is_static=True
    ),
    **{
        f"QuantizeAndDequantizeV2 {title}": _rounded(**attributes)
        for title, attributes in _ROUNDINGS.items()
    },
    "QuantizeAndDequantizeV4 of the range of each column": Case(
        op="QuantizeAndDequantizeV4",
        inputs={"input": _normal(5, 4) * 3},
        constants={"input_min": np.zeros(4, np.float32), "input_max": np.zeros(4, np.float32)},
        attributes={"axis": 1, "narrow_range": True},
    ),
    "QuantizeAndDequantizeV3": Case(
        op="QuantizeAndDequantizeV3",
        inputs={
            "input": _normal(5, 4) * 3,
            "input_min": np.array([-1, -2, -0.1, 0], np.float32),
            "input_max": np.array([1, 6, 3, 5], np.float32),
        },
        constants={"num_bits": np.int32(6)},
        attributes={"axis": 1, "range_given": True},
    ),
    # Bessel functions
    **{
        op: Case(op=op, inputs={"x": np.linspace(-30, 30, 241, dtype=np.float32)})
        for op in ("BesselI0", "BesselI0e", "BesselI1", "BesselI1e")
    },
    "LogMatrixDeterminant": _linear("LogMatrixDeterminant", input=_normal(4, 5, 5)),
    "Lu": _linear("Lu", input=_normal(3, 5, 5)),
    "Qr": _linear("Qr", input=_normal(2, 5, 3)),
    "Qr of a wide one": _linear("Qr", input=_normal(2, 3, 5)),
    "Qr with full matrices": _linear("Qr", input=_normal(5, 3), full_matrices=True),
}
