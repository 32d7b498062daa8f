"""Shapes of arithmetic: elementwise ops, reductions, products of matrices.

Rules as TensorFlow's own shape functions have them (tensorflow/core/ops/math_ops.cc); where
they need what is not known, the answer is unknown. It opens no file.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.inspection.facts import UNKNOWN, Call, Fact, count_axis
from pipeline.tfjs.model.graph_ops import SAME_SHAPE_OPS
from pipeline.tfjs.model.inference import Shape, merge_shapes

Rule = Callable[[Call], Sequence[Fact]]

_MATRIX = 2

_MORE_SAME_SHAPE_OPS = frozenset(
    {
        "Asinh",
        "CheckNumerics",
        "Cumprod",
        "Cumsum",
        "Digamma",
        "Erfc",
        "FFT",
        "FakeQuantWithMinMaxVars",
        "IFFT",
        "Imag",
        "LRN",
        "Lgamma",
        "MatrixBandPart",
        "OnesLike",
        "Prelu",
        "PreventGradient",
        "Real",
        "Reverse",
        "ReverseV2",
        "Rint",
        "Softsign",
        "StaticRegexReplace",
        "StringToHashBucketFast",
        "TensorScatterUpdate",
        "ZerosLike",
    }
)
_BROADCAST_OPS = frozenset(
    {
        "Add",
        "AddV2",
        "Atan2",
        "BitwiseAnd",
        "Complex",
        "Div",
        "DivNoNan",
        "Equal",
        "FloorDiv",
        "FloorMod",
        "Greater",
        "GreaterEqual",
        "Less",
        "LessEqual",
        "LogicalAnd",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Mod",
        "Mul",
        "NotEqual",
        "Pow",
        "RealDiv",
        "SelectV2",
        "SquaredDifference",
        "Sub",
        "TruncateDiv",
        "Xdivy",
        "Xlogy",
    }
)
_REDUCTION_OPS = frozenset(
    {"All", "Any", "EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum"},
)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an elementwise op on shapes; None where they do not fit."""
    result: list[int | None] = []
    for shape in shapes:
        if shape is None:
            return None
        longer = max(len(shape), len(result))
        result = [*[1] * (longer - len(result)), *result]
        for axis, size in enumerate(shape, start=longer - len(shape)):
            joined = _broadcast_size(result[axis], size)
            if joined == -1:
                return None
            result[axis] = joined
    return tuple(result)


def _broadcast_size(one: int | None, other: int | None) -> int | None:
    """Return the size of an axis, None where unknown, -1 where the two do not fit."""
    if one in (1, other):
        return other
    if other == 1:
        return one
    # Of an unknown size and one above 1 the latter wins: only 1 and itself fit.
    if one is None or other is None:
        return other if one is None else one
    return -1


def _same(call: Call) -> Sequence[Fact]:
    return [Fact(shape=call.fact(0).shape)]


def _elementwise(call: Call) -> Sequence[Fact]:
    return [Fact(shape=broadcast([fact.shape for fact in call.inputs]))]


def _merged(call: Call) -> Sequence[Fact]:
    """AddN, and Select whose condition may be of fewer axes: all others have one shape."""
    shape: Shape = None
    for fact in call.inputs[1 if call.node.op == "Select" else 0 :]:
        try:
            shape = merge_shapes(shape, fact.shape)
        except ValueError:
            return [UNKNOWN]
    return [Fact(shape=shape)]


def _reduction(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    axes = call.fact(1).known_values
    keep = call.flag("keep_dims") or call.flag("keepdims")
    if shape is None:
        return [UNKNOWN]
    if axes is None:
        return [Fact(shape=(None,) * len(shape)) if keep else UNKNOWN]
    reduced = {count_axis(axis, len(shape)) for axis in axes}
    if None in reduced:
        return [UNKNOWN]
    kept = [1 if axis in reduced else size for axis, size in enumerate(shape)]
    return [
        Fact(shape=tuple(size for axis, size in enumerate(kept) if keep or axis not in reduced))
    ]


def _arg_extreme(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    axis = call.axis(1, call.fact(0).ndim)
    if shape is None or axis is None:
        return [UNKNOWN]
    return [Fact(shape=shape[:axis] + shape[axis + 1 :])]


def matrix_sizes(call: Call) -> tuple[Shape, Shape] | None:
    """Return (…, m, k) and (…, k, n) of a product, with what is transposed set right."""
    a, b = call.fact(0).shape, call.fact(1).shape
    if a is None or b is None or len(a) < _MATRIX or len(b) < _MATRIX:
        return None
    batch = call.node.op.startswith("BatchMatMul")
    flips = ("adj_x", "adj_y") if batch else ("transpose_a", "transpose_b")
    return tuple(  # type: ignore[return-value]  # of two
        (*shape[:-2], shape[-1], shape[-2]) if call.flag(flip) else shape
        for shape, flip in zip((a, b), flips, strict=True)
    )


def _matrix_product(call: Call) -> Sequence[Fact]:
    sizes = matrix_sizes(call)
    if sizes is None:
        return [UNKNOWN]
    a, b = sizes
    assert a is not None
    assert b is not None
    batch = broadcast([a[:-2], b[:-2]])
    return [UNKNOWN if batch is None else Fact(shape=(*batch, a[-2], b[-1]))]


def einsum_sizes(call: Call) -> tuple[str, Mapping[str, int | None]] | None:
    """Return the labels of an Einsum's result and the size of every label.

    None for one with an ellipsis, or where the number of axes does not fit.
    """
    equation = call.text("equation").replace(" ", "")
    left, arrow, result = equation.partition("->")
    if not arrow or "." in equation:
        return None
    sizes: dict[str, int | None] = {}
    for labels, fact in zip(left.split(","), call.inputs, strict=False):
        if fact.shape is None or len(labels) != len(fact.shape):
            return None
        for label, size in zip(labels, fact.shape, strict=True):
            known = sizes.get(label)
            sizes[label] = size if known in (None, 1) else known
    return result, sizes


def _einsum(call: Call) -> Sequence[Fact]:
    found = einsum_sizes(call)
    if found is None:
        return [UNKNOWN]
    labels, sizes = found
    return [Fact(shape=tuple(sizes.get(label) for label in labels))]


MATH_RULES: dict[str, Rule] = {
    **dict.fromkeys(SAME_SHAPE_OPS | _MORE_SAME_SHAPE_OPS, _same),
    **dict.fromkeys(_BROADCAST_OPS, _elementwise),
    **dict.fromkeys(_REDUCTION_OPS, _reduction),
    **dict.fromkeys(("MatMul", "_FusedMatMul", "BatchMatMul", "BatchMatMulV2"), _matrix_product),
    **dict.fromkeys(("AddN", "Select"), _merged),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_extreme),
    "Einsum": _einsum,
}
