"""Shapes of arithmetic: elementwise ops, reductions, products of matrices.

The rules follow TensorFlow's own shape functions (tensorflow/core/ops/math_ops.cc). If a rule
needs a fact that is not known, it raises NotKnownError. It opens no file.
"""

from collections.abc import Mapping, Sequence

from pipeline.records.shape import Shape
from pipeline.tfjs.model.graph_ops import SAME_SHAPE_OPS
from pipeline.tfjs.model.inference import merge_shapes
from pipeline.tfjs.shapes.facts import Call, NotKnownError, Sizes, count_axis
from pipeline.tfjs.shapes.layout_rules import Rule

_MATRIX = 2

_MORE_SAME_SHAPE_OPS = """
    CheckNumerics Cumprod Cumsum Digamma Erfc FFT FakeQuantWithMinMaxVars IFFT Imag LRN
    Lgamma MatrixBandPart OnesLike Prelu PreventGradient Real Reverse ReverseV2 Rint Softsign
    StaticRegexReplace StringToHashBucketFast TensorScatterUpdate ZerosLike
"""
_BROADCAST_OPS = """
    Add AddV2 Atan2 BitwiseAnd Complex Div DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual
    Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mod Mul NotEqual Pow RealDiv SelectV2
    SquaredDifference Sub TruncateDiv Xdivy Xlogy
"""
_REDUCTION_OPS = ("All", "Any", "EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum")


def _broadcast(shapes: Sequence[Sizes]) -> Sizes:
    """Return the shape of an elementwise op on shapes."""
    ndim = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_axis(column) for column in zip(*padded, strict=True))


def _broadcast_axis(sizes: Sequence[int | None]) -> int | None:
    """Return the size of an axis: of an unknown size and a size above 1 the latter."""
    others = {size for size in sizes if size != 1}
    if len(others - {None}) > 1:
        raise NotKnownError
    return max(others, key=lambda size: size is not None, default=1)


def _merged(call: Call) -> Shape:
    """Return the one shape of all inputs; the condition of a Select may have fewer axes."""
    shape: Shape = None
    for fact in call.inputs[1 if call.node.op == "Select" else 0 :]:
        try:
            shape = merge_shapes(shape, fact.shape)
        except ValueError:
            raise NotKnownError from None
    return shape


def _reduction(call: Call) -> Shape:
    shape = call.sizes(0)
    keep = call.flag("keep_dims") or call.flag("keepdims")
    axes = call.numbers(1, ndim=len(shape) if keep else None)
    reduced = {count_axis(axis, len(shape)) for axis in axes}
    kept = [1 if axis in reduced else size for axis, size in enumerate(shape)]
    return tuple(size for axis, size in enumerate(kept) if keep or axis not in reduced)


def _arg_extreme(call: Call) -> Shape:
    shape = call.sizes(0)
    axis = call.axis(1, len(shape))
    return shape[:axis] + shape[axis + 1 :]


def matrix_sizes(call: Call) -> tuple[Sizes, Sizes]:
    """Return (…, m, k) and (…, k, n) of a product, after the transpositions that it asks for."""
    batched = call.node.op.startswith("BatchMatMul")
    flips = ("adj_x", "adj_y") if batched else ("transpose_a", "transpose_b")
    sides = []
    for i, flip in enumerate(flips):
        shape = call.sizes(i, ndim=None if batched else _MATRIX)
        if len(shape) < _MATRIX:
            raise NotKnownError
        sides.append((*shape[:-2], shape[-1], shape[-2]) if call.flag(flip) else shape)
    return sides[0], sides[1]


def _matrix_product(call: Call) -> Shape:
    a, b = matrix_sizes(call)
    return (*_broadcast([a[:-2], b[:-2]]), a[-2], b[-1])


def einsum_sizes(call: Call) -> tuple[str, Mapping[str, int | None]]:
    """Return the labels of an Einsum's result, and the size of every label.

    An equation with an ellipsis is not followed.
    """
    equation = call.text("equation").replace(" ", "")
    left, arrow, result = equation.partition("->")
    if not arrow or "." in equation:
        raise NotKnownError
    sizes: dict[str, int | None] = {}
    for i, labels in enumerate(left.split(",")):
        for label, size in zip(labels, call.sizes(i, ndim=len(labels)), strict=True):
            known = sizes.get(label)
            sizes[label] = size if known in (None, 1) else known
    return result, sizes


def _einsum(call: Call) -> Shape:
    labels, sizes = einsum_sizes(call)
    return tuple(sizes.get(label) for label in labels)


MATH_RULES: dict[str, Rule] = {
    **dict.fromkeys([*SAME_SHAPE_OPS, *_MORE_SAME_SHAPE_OPS.split()], lambda call: call.sizes(0)),
    **dict.fromkeys(
        _BROADCAST_OPS.split(),
        lambda call: _broadcast([call.sizes(i) for i in range(len(call.inputs))]),
    ),
    **dict.fromkeys(_REDUCTION_OPS, _reduction),
    **dict.fromkeys(("MatMul", "_FusedMatMul", "BatchMatMul", "BatchMatMulV2"), _matrix_product),
    **dict.fromkeys(("AddN", "Select"), _merged),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_extreme),
    "Einsum": _einsum,
}
