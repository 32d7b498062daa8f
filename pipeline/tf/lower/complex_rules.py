"""Rules for ops of complex numbers, on pairs of real tensors.

A rule gets a pair in place of each complex input, and returns one for each complex output. The
formulas are those of std::complex, scaled so that no square overflows.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered
from pipeline.tf.lower.pairs import WHY, Pair
from pipeline.tf.lower.spectra import RULES as SPECTRA

BOTH_PARTS = frozenset({
    "Add", "AddN", "AddV2", "BatchToSpaceND", "BroadcastTo", "Concat", "ConcatV2", "Cumsum",
    "DepthToSpace", "DynamicPartition", "DynamicStitch", "EnsureShape", "ExpandDims", "Fill",
    "Gather", "GatherNd", "GatherV2", "Identity", "IdentityN", "MatrixBandPart", "MatrixDiag",
    "MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3", "MatrixDiagV2", "MatrixDiagV3",
    "MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3", "Mean", "MirrorPad", "Neg", "Pack",
    "Pad", "PadV2", "ParallelDynamicStitch", "PreventGradient", "Rank", "Reshape", "Reverse",
    "ReverseSequence", "ReverseV2", "Roll", "ScatterNd", "SegmentMean", "SegmentSum", "Select",
    "SelectV2", "Shape", "ShapeN", "Size", "Slice", "Snapshot", "SpaceToBatchND", "SpaceToDepth",
    "Split", "SplitV", "Squeeze", "StopGradient", "StridedSlice", "Sub", "Sum", "TensorScatterAdd",
    "TensorScatterSub", "TensorScatterUpdate", "Tile", "Transpose", "Unpack",
    "UnsortedSegmentSum", "ZerosLike",
})  # fmt: skip
"""Ops that do to both parts what they do to real numbers; sizes are those of the real part."""

PASSED_ON = frozenset({
    "Enter", "Exit", "If", "Merge", "NextIteration", "PartitionedCall", "StatefulPartitionedCall",
    "StatelessIf", "StatelessWhile", "Switch", "While",
})  # fmt: skip
"""Ops of control flow and calls, which pass on a pair as one tensor."""

COMPLEX_BY_DEFAULT = frozenset({"Angle", "Complex", "ComplexAbs", "Conj", "Imag", "Real", *SPECTRA})
"""Ops that a graph may have without an attribute that says complex64."""


def _const(*, value: Any, dtype: tf.DType, **_: Any) -> Pair:
    array = tf.make_ndarray(value)
    real = dtype.real_dtype
    return Pair(tf.constant(array.real, real), tf.constant(array.imag, real))


def _complex(*, real: tf.Tensor, imag: tf.Tensor, **_: Any) -> Pair:
    """Make one of both, broadcast to one shape where they differ."""
    same = real.shape.rank is not None and real.shape.as_list() == (
        imag.shape.as_list() if imag.shape.rank is not None else None
    )
    if same:
        return Pair(real, imag)
    return Pair(real + tf.zeros_like(imag), imag + tf.zeros_like(real))


def _conj(*, input: Pair, **_: Any) -> Pair:
    return Pair(input.real, -input.imag)


def _conjugate_transpose(*, x: Pair, perm: tf.Tensor, **_: Any) -> Pair:
    return Pair(tf.transpose(x.real, perm), -tf.transpose(x.imag, perm))


def _magnitude(x: Pair) -> tf.Tensor:
    """Return the absolute value, scaled by the greater part."""
    most = tf.maximum(tf.abs(x.real), tf.abs(x.imag))
    scale = tf.where(tf.equal(most, 0), tf.ones_like(most), most)
    return most * tf.sqrt(tf.square(x.real / scale) + tf.square(x.imag / scale))


def _cast(*, x: Any, DstT: tf.DType, **_: Any) -> Any:
    """Leave out the imaginary part, or add one of zeros."""
    if not DstT.is_complex:
        return tf.cast(x.real, DstT)
    if isinstance(x, Pair):
        return Pair(*(tf.cast(part, DstT.real_dtype) for part in x))
    real = tf.cast(x, DstT.real_dtype)
    return Pair(real, tf.zeros_like(real))


def _ones_like(*, x: Pair, **_: Any) -> Pair:
    return Pair(tf.ones_like(x.real), tf.zeros_like(x.imag))


def _multiply(x: Pair, y: Pair) -> Pair:
    return Pair(x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)


def _divide(x: Pair, y: Pair) -> Pair:
    most = tf.maximum(tf.abs(y.real), tf.abs(y.imag))
    scale = tf.where(tf.equal(most, 0), tf.ones_like(most), most)
    real, imag = y.real / scale, y.imag / scale
    divisor = y.real * real + y.imag * imag
    made = _multiply(x, Pair(real, -imag))
    return Pair(made.real / divisor, made.imag / divisor)


def _divide_no_nan(x: Pair, y: Pair) -> Pair:
    return _where_zero(y, Pair(tf.zeros_like(x.real), tf.zeros_like(x.real)), _divide(x, y))


def _multiply_no_nan(x: Pair, y: Pair) -> Pair:
    zeros = tf.zeros_like(y.real)
    return _where_zero(y, Pair(zeros, zeros), _multiply(x, y))


def _where_zero(tested: Pair, chosen: Pair, other: Pair) -> Pair:
    is_zero = tf.logical_and(tf.equal(tested.real, 0), tf.equal(tested.imag, 0))
    return Pair(*(tf.where(is_zero, *parts) for parts in zip(chosen, other, strict=True)))


def _invert(x: Pair) -> Pair:
    return _divide(Pair(tf.ones_like(x.real), tf.zeros_like(x.real)), x)


def _exp(x: Pair) -> Pair:
    size = tf.exp(x.real)
    return Pair(size * tf.cos(x.imag), size * tf.sin(x.imag))


def _log(x: Pair) -> Pair:
    return Pair(tf.math.log(_magnitude(x)), tf.math.atan2(x.imag, x.real))


def _sqrt(x: Pair) -> Pair:
    """Take the root with a real part that is not negative."""
    size = _magnitude(x)
    root = tf.sqrt((size + tf.abs(x.real)) / 2)
    other = tf.abs(x.imag) / (2 * tf.where(tf.equal(root, 0), tf.ones_like(root), root))
    is_right = tf.greater_equal(x.real, 0)
    imag = tf.where(is_right, other, root)
    return Pair(tf.where(is_right, root, other), tf.where(tf.less(x.imag, 0), -imag, imag))


def _power(x: Pair, y: Pair) -> Pair:
    """Take the exponential of y log(x); of 0 it is 0, or 1 for an exponent of 0."""
    ones, zeros = tf.ones_like(x.real), tf.zeros_like(x.real)
    safe = _where_zero(x, Pair(ones, zeros), x)
    made = _exp(_multiply(y, _log(safe)))
    made_of_zero = _where_zero(x, Pair(zeros, zeros), made)
    return _where_zero(y, Pair(tf.ones_like(made.real), tf.zeros_like(made.real)), made_of_zero)


def _sin(x: Pair) -> Pair:
    return Pair(tf.sin(x.real) * tf.cosh(x.imag), tf.cos(x.real) * tf.sinh(x.imag))


def _cos(x: Pair) -> Pair:
    return Pair(tf.cos(x.real) * tf.cosh(x.imag), -tf.sin(x.real) * tf.sinh(x.imag))


def _sinh(x: Pair) -> Pair:
    return Pair(tf.sinh(x.real) * tf.cos(x.imag), tf.cosh(x.real) * tf.sin(x.imag))


def _cosh(x: Pair) -> Pair:
    return Pair(tf.cosh(x.real) * tf.cos(x.imag), tf.sinh(x.real) * tf.sin(x.imag))


def _sign(x: Pair) -> Pair:
    size = _magnitude(x)
    safe = tf.where(tf.equal(size, 0), tf.ones_like(size), size)
    return Pair(x.real / safe, x.imag / safe)


def _squared_difference(x: Pair, y: Pair) -> Pair:
    size = tf.square(x.real - y.real) + tf.square(x.imag - y.imag)
    return Pair(size, tf.zeros_like(size))


def _equal(x: Pair, y: Pair) -> tf.Tensor:
    return tf.logical_and(tf.equal(x.real, y.real), tf.equal(x.imag, y.imag))


def _unequal(x: Pair, y: Pair) -> tf.Tensor:
    return tf.logical_not(_equal(x, y))


def _compare(choose: Callable[[Pair, Pair], tf.Tensor]) -> Callable[..., tf.Tensor]:
    def lower(*, x: Pair, y: Pair, incompatible_shape_error: bool, **_: Any) -> tf.Tensor:
        if not incompatible_shape_error:
            raise NotLowered("of shapes that need not broadcast")
        return choose(x, y)

    return lower


def _matmul(*, a: Pair, b: Pair, transpose_a: bool, transpose_b: bool, **_: Any) -> Pair:
    def product(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.MatMul(a=x, b=y, transpose_a=transpose_a, transpose_b=transpose_b)

    return _bilinear(product, a, b)


def _batch_matmul(*, x: Pair, y: Pair, adj_x: bool, adj_y: bool, **_: Any) -> Pair:
    """Multiply matrices; what is adjoint is conjugated, too."""

    def product(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.BatchMatMulV2(x=x, y=y, adj_x=adj_x, adj_y=adj_y)

    left, right = (
        Pair(each.real, -each.imag) if is_adjoint else each
        for each, is_adjoint in ((x, adj_x), (y, adj_y))
    )
    return _bilinear(product, left, right)


def _einsum(*, inputs: list[Pair], equation: bytes, **_: Any) -> Pair:
    def product(*parts: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.Einsum(inputs=list(parts), equation=equation)

    if len(inputs) == 1:
        return Pair(product(inputs[0].real), product(inputs[0].imag))
    left, right = inputs
    return _bilinear(product, left, right)


def _bilinear(product: Callable[..., tf.Tensor], x: Pair, y: Pair) -> Pair:
    return Pair(
        product(x.real, y.real) - product(x.imag, y.imag),
        product(x.real, y.imag) + product(x.imag, y.real),
    )


def _of_one(compute: Callable[[Pair], Any], name: str = "x") -> Callable[..., Any]:
    return lambda **given: compute(given[name])


def _of_two(compute: Callable[[Pair, Pair], Any]) -> Callable[..., Any]:
    return lambda **given: compute(given["x"], given["y"])


_LOWERINGS: Mapping[str, Callable[..., Any]] = {
    "Angle": _of_one(lambda x: tf.math.atan2(x.imag, x.real), "input"),
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
    "BatchMatMulV3": _batch_matmul,
    "Cast": _cast,
    "Complex": _complex,
    "ComplexAbs": _of_one(_magnitude),
    "Conj": _conj,
    "ConjugateTranspose": _conjugate_transpose,
    "Const": _const,
    "Cos": _of_one(_cos),
    "Cosh": _of_one(_cosh),
    "Div": _of_two(_divide),
    "DivNoNan": _of_two(_divide_no_nan),
    "Einsum": _einsum,
    "Equal": _compare(_equal),
    "Exp": _of_one(_exp),
    "Imag": _of_one(lambda x: x.imag, "input"),
    "Inv": _of_one(_invert),
    "Log": _of_one(_log),
    "MatMul": _matmul,
    "Mul": _of_two(_multiply),
    "MulNoNan": _of_two(_multiply_no_nan),
    "NotEqual": _compare(_unequal),
    "OnesLike": _ones_like,
    "Pow": _of_two(_power),
    "Real": _of_one(lambda x: x.real, "input"),
    "RealDiv": _of_two(_divide),
    "Reciprocal": _of_one(_invert),
    "Rsqrt": _of_one(lambda x: _invert(_sqrt(x))),
    "Sign": _of_one(_sign),
    "Sin": _of_one(_sin),
    "Sinh": _of_one(_sinh),
    "Sqrt": _of_one(_sqrt),
    "Square": _of_one(lambda x: _multiply(x, x)),
    "SquaredDifference": _of_two(_squared_difference),
    "Tan": _of_one(lambda x: _divide(_sin(x), _cos(x))),
    "Tanh": _of_one(lambda x: _divide(_sinh(x), _cosh(x))),
}

RULES: Mapping[str, Lowering] = SPECTRA | {
    op: Lowering(lower=rule, becomes="a computation with real numbers", why=WHY)
    for op, rule in _LOWERINGS.items()
}
