"""Multiply-adds, against numbers worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest
from topology_nodes import ints, node

from pipeline.inspection.multiply_adds import count_multiply_adds
from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import Fact
from pipeline.tfjs.shapes.infer_shapes import Visit


def visit(op: str, shapes: Sequence[Shape], output: Shape, **attrs: Any) -> Visit:
    """Return a node that read tensors of some shapes and made another."""
    inputs = [Fact(shape=shape) for shape in shapes]
    names = [f"input_{i}" for i in range(len(shapes))]
    return Visit(node=node(op, op, *names, **attrs), inputs=inputs, outputs=[Fact(shape=output)])


@pytest.mark.parametrize(
    ("seen", "total"),
    [
        pytest.param(
            # The first layer of MobileNet: 112 * 112 * 32 places, each of 3 * 3 * 3.
            visit("Conv2D", [(1, 224, 224, 3), (3, 3, 3, 32)], (1, 112, 112, 32)),
            10_838_016,
            id="convolution",
        ),
        pytest.param(
            visit("_FusedConv2D", [(1, 8, 8, 64), (1, 1, 16, 128), (128,)], (1, 8, 8, 128)),
            8 * 8 * 128 * 16,
            id="convolution in four groups",
        ),
        pytest.param(
            visit("DepthwiseConv2dNative", [(1, 112, 112, 32), (3, 3, 32, 1)], (1, 112, 112, 32)),
            3_612_672,
            id="depthwise convolution",
        ),
        pytest.param(
            visit("Conv2DBackpropInput", [(4,), (3, 3, 16, 8), (1, 4, 4, 8)], (1, 8, 8, 16)),
            4 * 4 * 8 * 3 * 3 * 16,
            id="transposed convolution",
        ),
        pytest.param(
            visit("MatMul", [(1, 1024), (1024, 1000)], (1, 1000)), 1_024_000, id="dense layer"
        ),
        pytest.param(
            visit(
                "_FusedMatMul", [(5, 2), (7, 5), (7,)], (2, 7), transpose_a=True, transpose_b=True
            ),
            2 * 7 * 5,
            id="both transposed",
        ),
        pytest.param(
            visit("BatchMatMulV2", [(4, 50, 64), (4, 64, 50)], (4, 50, 50)),
            4 * 50 * 50 * 64,
            id="batched product",
        ),
        pytest.param(
            visit("Einsum", [(1, 50, 256), (256, 4, 64)], (1, 50, 4, 64), equation="abc,cde->abde"),
            50 * 256 * 4 * 64,
            id="einsum",
        ),
        pytest.param(visit("Relu", [(1, 8)], (1, 8)), 0, id="what multiplies nothing"),
    ],
)
def test_multiply_adds_of(seen: Visit, total: int) -> None:
    work = count_multiply_adds([seen])

    assert work.total == total
    assert not work.unknown
    assert not work.repeated


def test_what_cannot_be_counted_is_named() -> None:
    known = visit("MatMul", [(1, 2), (2, 3)], (1, 3))
    vague = visit("Conv2D", [(1, None, 8, 3), (3, 3, 3, 4)], (1, None, 8, 4))
    looped = Visit(
        node=node("looped", "MatMul", "a", "b"), inputs=[], outputs=[ints(1)], certain=False
    )

    work = count_multiply_adds([known, vague, looped])

    assert (work.total, work.counted) == (6, 1)
    assert work.unknown == ("Conv2D",)
    assert work.repeated == ("looped",)
