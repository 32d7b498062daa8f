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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.inspection.facts import Call, count_elements
from pipeline.inspection.shapes import Visit
from pipeline.inspection.shapes_of_math import einsum_sizes, matrix_sizes
from pipeline.inspection.shapes_of_windows import (
    CONVOLUTIONS,
    DEPTHWISE,
    TRANSPOSED,
    spatial_filter,
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """The multiply-adds of a graph.

    Attributes:
        total: Those of all ops whose shapes are known.
        by_op: The same, by kind of op.
        num_counted: Ops that were counted.
        unknown: Names of the ops that could not be, for want of shapes.
        repeated: Names of those in loops and branches, which run nobody knows how often.
    """

    total: int
    by_op: dict[str, int]
    num_counted: int
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]


def count_multiply_adds(visits: Sequence[Visit]) -> Work:
    """Count the multiply-adds of all nodes visited."""
    by_op: dict[str, int] = {}
    unknown, repeated = [], []
    num_counted = 0
    for visit in visits:
        count = _FORMULAS.get(visit.node.op)
        if count is None:
            continue
        if not visit.certain:
            repeated.append(visit.node.name)
            continue
        outputs = visit.outputs[0].size if visit.outputs else None
        work = count(Call(node=visit.node, inputs=visit.inputs), outputs)
        if work is None:
            unknown.append(visit.node.name)
            continue
        num_counted += 1
        by_op[visit.node.op] = by_op.get(visit.node.op, 0) + work
    return Work(
        total=sum(by_op.values()),
        by_op=by_op,
        num_counted=num_counted,
        unknown=tuple(unknown),
        repeated=tuple(dict.fromkeys(repeated)),
    )


def _convolution(call: Call, outputs: int | None) -> int | None:
    window = spatial_filter(call.fact(1).shape)
    if outputs is None or window is None:
        return None
    # With groups the filter has the channels of one of them.
    return _multiply(outputs, window[:-1])


def _depthwise(call: Call, outputs: int | None) -> int | None:
    window = spatial_filter(call.fact(1).shape)
    return None if outputs is None or window is None else _multiply(outputs, window[:-2])


def _transposed(call: Call, _outputs: int | None) -> int | None:
    window, inputs = spatial_filter(call.fact(1).shape), call.fact(2).size
    return None if inputs is None or window is None else _multiply(inputs, window[:-1])


def _product(call: Call, outputs: int | None) -> int | None:
    sizes = matrix_sizes(call)
    if outputs is None or sizes is None:
        return None
    a, b = sizes
    assert a is not None
    assert b is not None
    shared = a[-1] if a[-1] is not None else b[-2]
    return None if shared is None else outputs * shared


def _einsum(call: Call, _outputs: int | None) -> int | None:
    found = einsum_sizes(call)
    two = len(call.inputs) == 2  # noqa: PLR2004
    return count_elements(tuple(found[1].values())) if found and two else None


def _multiply(count: int, sizes: Sequence[int]) -> int:
    for size in sizes:
        count *= size
    return count


_FORMULAS: dict[str, Callable[[Call, int | None], int | None]] = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(DEPTHWISE, _depthwise),
    **dict.fromkeys(TRANSPOSED, _transposed),
    **dict.fromkeys(("MatMul", "_FusedMatMul", "BatchMatMul", "BatchMatMulV2"), _product),
    "Einsum": _einsum,
}
