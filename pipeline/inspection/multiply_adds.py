"""Multiply-adds: the work of convolutions and products of matrices, counted.

One multiplication with its addition counts one, as in the papers of MobileNet ("Mult-Adds")
and as FLOPs / 2. Elementwise ops, pooling and resizing count nothing, as there. It opens no
file.

| op | multiply-adds |
|---|---|
| Conv2D, _FusedConv2D, Conv3D | elements of the output * filter height * width * channels in |
| DepthwiseConv2dNative, FusedDepthwiseConv2dNative | elements of the output * height * width |
| Conv2DBackpropInput, Conv3DBackpropInputV2 | elements of the input * height * width * out |
| MatMul, _FusedMatMul, BatchMatMul(V2) | elements of the output * the size that both share |
| Einsum of two | the product of the sizes of all labels |
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.inspection.description import MultiplyAdds
from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import Call, Fact, NotKnownError, count_elements
from pipeline.tfjs.shapes.infer_shapes import Visit
from pipeline.tfjs.shapes.math_rules import einsum_sizes, matrix_sizes
from pipeline.tfjs.shapes.window_rules import CONVOLUTIONS, DEPTHWISE, TRANSPOSED

Formula = Callable[[Call, Fact], int | None]


def count_multiply_adds(
    visits: Sequence[Visit], *, assumed: Mapping[str, Shape] | None = None
) -> MultiplyAdds:
    """Count the multiply-adds of all nodes visited.

    Args:
        visits: The nodes of a graph that run.
        assumed: Shapes of inputs that were taken in place of the stated ones, by name.
    """
    by_op: dict[str, int] = {}
    unknown, repeated = [], []
    num_counted = 0
    for visit in visits:
        if visit.node.op not in _FORMULAS:
            continue
        if not visit.certain:
            repeated.append(visit.node.name)
            continue
        work = _count(visit)
        if work is None:
            unknown.append(visit.node.name)
            continue
        num_counted += 1
        by_op[visit.node.op] = by_op.get(visit.node.op, 0) + work
    return MultiplyAdds(
        total=sum(by_op.values()),
        exact=not unknown and not repeated,
        by_op=by_op,
        counted=num_counted,
        unknown=tuple(unknown),
        repeated=tuple(dict.fromkeys(repeated)),
        assumed_shapes=dict(assumed or {}),
    )


def _count(visit: Visit) -> int | None:
    call = Call(node=visit.node, inputs=visit.inputs)
    try:
        return _FORMULAS[visit.node.op](call, visit.outputs[0])
    except NotKnownError:
        return None


def _windows(call: Call, made: Fact, axes: slice) -> int | None:
    """Return the elements of a tensor, each times the sizes of the filter in `axes`.

    With groups the filter has the channels of one group.
    """
    window = call.sizes(1)
    if made.shape is None or None in window:
        return None
    return count_elements((*made.shape, *window[axes]))


def _product(call: Call, made: Fact) -> int | None:
    a, b = matrix_sizes(call)
    shared = a[-1] if a[-1] is not None else b[-2]
    return None if made.shape is None else count_elements((*made.shape, shared))


def _einsum(call: Call, _made: Fact) -> int | None:
    _, sizes = einsum_sizes(call)
    return count_elements(tuple(sizes.values())) if len(call.inputs) == 2 else None  # noqa: PLR2004  # a product of two


_FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(CONVOLUTIONS, lambda call, made: _windows(call, made, slice(-1))),
    **dict.fromkeys(DEPTHWISE, lambda call, made: _windows(call, made, slice(-2))),
    **dict.fromkeys(TRANSPOSED, lambda call, _made: _windows(call, call.fact(2), slice(-1))),
    **dict.fromkeys(("MatMul", "_FusedMatMul", "BatchMatMul", "BatchMatMulV2"), _product),
    "Einsum": _einsum,
}
