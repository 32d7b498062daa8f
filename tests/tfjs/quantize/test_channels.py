"""Axes of output channels, by the ops that read a weight."""

import pytest
from topology_nodes import node

from pipeline.tfjs.model.topology import Node, Topology
from pipeline.tfjs.quantize.channels import find_channels


def channels(ndim: int, *readers: Node, inner: str = "") -> list[tuple[int, ...]] | None:
    """Return the axes of the channels of `w`, which these nodes read."""
    nodes = [node("x", "Placeholder"), node("w", "Const"), *readers]
    functions = {"f": {inner: node(inner, "Const")}} if inner else {}
    topology = Topology(nodes={each.name: each for each in nodes}, functions=functions)
    found = find_channels(topology, {"w": ndim}).get("w")
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("ndim", "reader", "axes"),
    [
        pytest.param(4, node("y", "Conv2D", "x", "w"), (3,), id="convolution"),
        pytest.param(4, node("y", "_FusedConv2D", "x", "w", "b"), (3,), id="fused"),
        pytest.param(5, node("y", "Conv3D", "x", "w"), (4,), id="volume"),
        pytest.param(4, node("y", "DepthwiseConv2dNative", "x", "w"), (2, 3), id="depthwise"),
        pytest.param(4, node("y", "Conv2DBackpropInput", "s", "w", "x"), (2,), id="transposed"),
        pytest.param(2, node("y", "MatMul", "x", "w"), (1,), id="matrix"),
        pytest.param(2, node("y", "MatMul", "x", "w", transpose_b=True), (0,), id="turned"),
        pytest.param(2, node("y", "MatMul", "w", "x"), (0,), id="first matrix"),
        pytest.param(2, node("y", "MatMul", "w", "x", transpose_a=True), (1,), id="first, turned"),
        pytest.param(2, node("y", "_FusedMatMul", "x", "w", "b"), (1,), id="fused matrix"),
        pytest.param(3, node("y", "BatchMatMulV2", "x", "w"), (0, 2), id="matrices"),
        pytest.param(3, node("y", "BatchMatMulV2", "x", "w", adj_y=True), (0, 1), id="matrices'"),
        pytest.param(3, node("y", "Einsum", "x", "w", equation="abc,cde->abde"), (1, 2), id="sum"),
        pytest.param(3, node("y", "Einsum", "w", "x", equation="bij,bjk->bik"), (0, 1), id="first"),
        pytest.param(2, node("y", "GatherV2", "w", "x", "axis"), (0,), id="table"),
        pytest.param(2, node("y", "SparseSegmentSum", "w", "x", "s"), (0,), id="sums of rows"),
    ],
)
def test_channels_of_an_op(ndim: int, reader: Node, axes: tuple[int, ...]) -> None:
    assert channels(ndim, reader) == [axes]


@pytest.mark.parametrize(
    ("ndim", "reader"),
    [
        pytest.param(1, node("y", "BiasAdd", "x", "w"), id="a bias"),
        pytest.param(1, node("y", "GatherV2", "w", "x", "axis"), id="a list of numbers"),
        pytest.param(2, node("y", "AddV2", "x", "w"), id="a sum"),
        pytest.param(4, node("y", "Conv2D", "w", "x"), id="a picture"),
        pytest.param(4, node("y", "_FusedConv2D", "x", "f", "w"), id="a bias of a fused op"),
        pytest.param(2, node("y", "Einsum", "x", "w", equation="...a,ab->...b"), id="dots"),
        pytest.param(2, node("y", "Einsum", "x", "w", equation="ab,bc->a"), id="all summed"),
    ],
)
def test_a_weight_without_channels(ndim: int, reader: Node) -> None:
    assert channels(ndim, reader) is None


def test_a_weight_that_several_ops_read() -> None:
    conv = node("y", "Conv2D", "x", "w")
    turned = node("a", "MatMul", "x", "w", transpose_b=True)

    assert channels(4, conv, node("z", "Conv2D", "x", "w")) == [(3,)]
    assert channels(2, turned, node("b", "MatMul", "x", "w")) == [(0,), (1,)]
    assert channels(4, conv, node("z", "AddV2", "x", "w")) is None
    assert channels(4) is None


def test_an_identity_hands_a_weight_on() -> None:
    assert channels(2, node("i", "Identity", "w"), node("y", "MatMul", "x", "i")) == [(1,)]
    assert channels(2, node("i", "Identity", "w")) is None


def test_a_weight_of_a_function_has_no_channels() -> None:
    assert channels(2, node("y", "MatMul", "x", "w"), inner="w") is None
