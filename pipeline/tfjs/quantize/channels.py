"""Channels: the axes of a weight along which each index has a scale of its own.

A product of a convolution or of matrices sums over some axes of its weight; the others are output
channels. A scale for each output channel leaves every sum a sum of whole numbers, which is
multiplied once. A table whose rows are looked up has a scale for each row.

| op | weight | axes of its channels |
|---|---|---|
| Conv1D, Conv2D, Conv3D | width, input, output and the like | the last |
| DepthwiseConv2dNative | height, width, input, multiplier | the last two |
| Conv2DBackpropInput | height, width, output, input | the last but one |
| MatMul, BatchMatMul | …, rows, columns | the axis that is not summed, and those before both |
| Einsum | as its equation says | those whose labels are in the output |
| Gather, GatherNd, SparseSegmentMean, SparseSegmentSum | rows, … | the first |

A fused op has the axes of its product. It opens no file.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.tfjs.model.topology import Node, Topology, split_tensor_name

Axes = tuple[int, ...]
Readers = Mapping[str, Sequence[tuple[Node, int]]]

# What hands a weight on as it is.
_PASSING = frozenset({"Enter", "Identity", "StopGradient"})
_FILTER = 1


def find_channels(topology: Topology, ndims: Mapping[str, int]) -> dict[str, tuple[Axes, ...]]:
    """Return the axes of the output channels of each weight of a graph.

    Args:
        topology: The graph. Constants of its functions have no channels here.
        ndims: Number of axes of each weight.

    Returns:
        By weight, the axes for the ops that read it: several where these differ. Weights that no
        op in the table reads, or that another op reads too, are left out.
    """
    readers = read_by(topology.nodes.values())
    inner = {name for nodes in topology.functions.values() for name in nodes}
    channels: dict[str, tuple[Axes, ...]] = {}
    for name, ndim in ndims.items():
        node = topology.nodes.get(name)
        if node is None or node.op != "Const" or name in inner:
            continue
        found = [find_axes(reader, place, ndim) for reader, place in _follow(name, readers)]
        axes = tuple(dict.fromkeys(each for each in found if each))
        if axes and all(found):
            channels[name] = axes
    return channels


def read_by(nodes: Iterable[Node]) -> dict[str, list[tuple[Node, int]]]:
    """Return the nodes that read each node, with the place of the input."""
    readers: dict[str, list[tuple[Node, int]]] = {}
    for node in nodes:
        for place, tensor in enumerate(node.data_inputs):
            readers.setdefault(split_tensor_name(tensor)[0], []).append((node, place))
    return readers


def _follow(name: str, readers: Mapping[str, list[tuple[Node, int]]]) -> Iterable[tuple[Node, int]]:
    for node, place in readers.get(name, ()):
        if node.op in _PASSING and readers.get(node.name):
            yield from _follow(node.name, readers)
        else:
            yield node, place


def find_axes(node: Node, place: int, ndim: int) -> Axes | None:
    """Return the axes of the channels of a weight that is an input of a node; None without any."""
    rule = _RULES.get(node.op)
    axes = None if rule is None else rule(node, place, ndim)
    # A scale for each value is no gain.
    return axes if axes and len(axes) < ndim and min(axes) >= 0 else None


def _last(_node: Node, place: int, ndim: int) -> Axes | None:
    return (ndim - 1,) if place == _FILTER else None


def _last_two(_node: Node, place: int, ndim: int) -> Axes | None:
    return (ndim - 2, ndim - 1) if place == _FILTER else None


def _last_but_one(_node: Node, place: int, ndim: int) -> Axes | None:
    return (ndim - 2,) if place == _FILTER else None


def _matrix(node: Node, place: int, ndim: int) -> Axes | None:
    """Return the axis that a product of matrices does not sum, behind those of the batch."""
    if place > 1:
        return None
    flags = ("transpose_a", "adj_x") if place == 0 else ("transpose_b", "adj_y")
    turned = any(node.attrs.get(flag, {}).get("b", False) for flag in flags)
    is_last = (place == 1) != turned
    return (*range(ndim - 2), ndim - 1 if is_last else ndim - 2)


def _einsum(node: Node, place: int, ndim: int) -> Axes | None:
    equation = attr_text(node.attrs.get("equation"))
    sides = equation.replace(" ", "").split("->")
    if len(sides) != 2 or "." in equation:  # noqa: PLR2004  # inputs and output
        return None
    inputs = sides[0].split(",")
    if place >= len(inputs) or len(inputs[place]) != ndim:
        return None
    return tuple(i for i, label in enumerate(inputs[place]) if label in sides[1])


def _rows(_node: Node, place: int, _ndim: int) -> Axes | None:
    return (0,) if place == 0 else None


def attr_text(attr: Any) -> str:
    """Return the text of an attribute in protobuf JSON; empty without one."""
    wire = attr.get("s", "") if isinstance(attr, Mapping) else ""
    return base64.b64decode(wire).decode() if isinstance(wire, str) else bytes(wire).decode()


_RULES: Mapping[str, Callable[[Node, int, int], Axes | None]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "_FusedConv2D"), _last),
    **dict.fromkeys(
        ("DepthwiseConv2d", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"), _last_two
    ),
    "Conv2DBackpropInput": _last_but_one,
    **dict.fromkeys(("MatMul", "_FusedMatMul", "BatchMatMul", "BatchMatMulV2"), _matrix),
    "Einsum": _einsum,
    **dict.fromkeys(
        ("Gather", "GatherNd", "GatherV2", "SparseSegmentMean", "SparseSegmentSum"), _rows
    ),
}
