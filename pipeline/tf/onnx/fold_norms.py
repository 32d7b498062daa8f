"""Normalizations by constants, folded into the convolution or product of matrices before them.

A BatchNormalization, and a Mul, Add, Sub or Div by a constant for each channel, multiplies each
channel by a number and adds another. A convolution whose result nothing else reads does both with
other weights and another bias, which are computed here as float64. This module knows no TensorFlow.
"""

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.tf.onnx.onnx_graph import STANDARD, Graph, Node, outer_names

_LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_EPSILON = 1e-5

Change = tuple[Any, Any]
"""What each channel is multiplied by, and what is added to it: arrays (channels,) or numbers."""


def fold_norms(graph: Graph) -> Graph:
    """Return a graph whose normalizations by constants are parts of the operators before them."""
    constants = _find_constants(graph)
    uses = _count_uses(graph)
    made: dict[str, Any] = {}
    nodes: list[Node] = []
    places: dict[str, int] = {}
    for node in graph.nodes:
        folded = _fold(graph, node, nodes, places, collections.ChainMap(made, constants), uses)
        if folded is None:
            nodes.append(node)
            if node.op in _LAYERS:
                places[node.outputs[0]] = len(nodes) - 1
            continue
        place, changed, arrays = folded
        nodes[place] = changed
        made |= arrays
        places[changed.outputs[0]] = place
    return replace(graph, nodes=tuple(nodes), constants={**graph.constants, **made})


def _find_constants(graph: Graph) -> dict[str, Any]:
    found = dict(graph.constants)
    for node in graph.nodes:
        if node.op == "Constant" and not node.domain and "value" in node.attributes:
            found[node.outputs[0]] = node.attributes["value"]
        elif node.op == "Identity" and node.inputs[0] in found:
            found[node.outputs[0]] = found[node.inputs[0]]
    return found


def _count_uses(graph: Graph) -> Mapping[str, int]:
    counts: collections.Counter[str] = collections.Counter(end.name for end in graph.outputs)
    for node in graph.nodes:
        counts.update(node.inputs)
        for body in node.graphs:
            counts.update(outer_names(body))
    return counts


def _fold(  # noqa: PLR0913, PLR0917  # a node, and what is around it
    graph: Graph,
    node: Node,
    nodes: Sequence[Node],
    places: Mapping[str, int],
    constants: Mapping[str, Any],
    uses: Mapping[str, int],
) -> tuple[int, Node, dict[str, Any]] | None:
    """Return the place of the operator that a node goes into, that operator, and its constants."""
    sources = [name for name in node.inputs if name in places and uses[name] == 1]
    if node.domain != STANDARD or len(sources) != 1 or len([o for o in node.outputs if o]) != 1:
        return None
    place = places[sources[0]]
    target = nodes[place]
    layer = _read_layer(target, constants)
    if layer is None:
        return _add_bias(graph, node, target, place, constants)
    if target.op == "MatMul":
        layer = replace(layer, rank=len(graph.sizes.get(target.outputs[0], ("rows",))))
    change = _read_change(node, sources[0], constants, layer)
    if change is None or (_is_half(layer.weights) and np.any(np.asarray(change[0]) != 1)):
        return None
    with np.errstate(all="ignore"):
        arrays = layer.changed(*change)
    if not all(np.all(np.isfinite(array)) for array in arrays):
        return None
    names = [f"{node.outputs[0]}/{part}" for part in ("weights", "bias")[: len(arrays)]]
    changed = replace(target, inputs=(target.inputs[0], *names), outputs=(node.outputs[0],))
    return place, changed, dict(zip(names, arrays, strict=True))


def _is_half(weights: Any) -> bool:
    """Return whether float16 holds weights exactly, which are stored so; products would not be."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(weights.astype(np.float16), weights))


def _add_bias(
    graph: Graph, node: Node, target: Node, place: int, constants: Mapping[str, Any]
) -> tuple[int, Node, dict[str, Any]] | None:
    """Return a convolution by computed weights with the numbers that are added to its channels."""
    sizes = graph.sizes.get(target.outputs[0])
    if node.op != "Add" or target.op not in _WITH_BIAS or len(target.inputs) != 2 or not sizes:  # noqa: PLR2004
        return None
    array = next((constants[name] for name in node.inputs if name in constants), None)
    if array is None or array.dtype.kind != "f" or array.ndim not in (len(sizes), len(sizes) - 1):
        return None
    wide = array.reshape((1,) * (len(sizes) - array.ndim) + array.shape)
    if sizes[1] != wide.size or wide.shape[1] != wide.size:
        return None
    name = f"{node.outputs[0]}/bias"
    changed = replace(target, inputs=(*target.inputs, name), outputs=(node.outputs[0],))
    return place, changed, {name: wide.reshape(-1)}


_WITH_BIAS = {"Conv", "ConvTranspose"}


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """An operator with constant weights.

    Attributes:
        node: The operator.
        weights: Its weights as the file has them.
        bias: Its bias, float64 (channels,), or 0.
        rank: The number of axes of its result, of a MatMul at least.
    """

    node: Node
    weights: Any
    bias: Any
    rank: int

    @property
    def groups(self) -> int:
        return int(self.node.attributes.get("group", 1))

    @property
    def channels(self) -> int:
        """The number of channels of its result."""
        if self.node.op == "ConvTranspose":
            return int(self.weights.shape[1]) * self.groups
        is_first = self.node.op == "Conv" or self.node.attributes.get("transB", 0)
        return int(self.weights.shape[0 if is_first else 1])

    def changed(self, factor: Any, summand: Any) -> list[Any]:
        """Return the weights, and the bias if there is one, with what is behind them."""
        wide = np.broadcast_to(np.asarray(factor, np.float64), (self.channels,))
        weights = np.asarray(self.weights, np.float64) * self._spread(wide)
        arrays = [weights.astype(np.float32)]
        bias = np.asarray(self.bias * wide + summand)
        if self.node.op != "MatMul" or np.any(bias):
            arrays.append(bias.astype(np.float32))
        return arrays

    def _spread(self, factor: Any) -> Any:
        """Return a factor for each channel in a shape that broadcasts with the weights."""
        ones = (1,) * (self.weights.ndim - 2)
        if self.node.op == "ConvTranspose":
            rows = factor.reshape(self.groups, -1)
            repeated = np.repeat(rows, self.weights.shape[0] // self.groups, axis=0)
            return repeated.reshape(self.weights.shape[:2] + ones)
        if self.node.op == "Conv":
            return factor.reshape(-1, 1, *ones)
        return factor[:, None] if self.node.attributes.get("transB", 0) else factor


def _read_layer(node: Node, constants: Mapping[str, Any]) -> _Layer | None:
    """Return an operator that can take up numbers for each channel; else None."""
    if node.domain != STANDARD or node.op not in _LAYERS:
        return None
    given = [constants.get(name) for name in node.inputs[1:]]
    weights = given[0]
    # Weights of fewer bytes than float32 would not stay so.
    if weights is None or weights.ndim < 2 or weights.dtype not in (np.float32, np.float64):  # noqa: PLR2004
        return None
    if any(array is None and name for array, name in zip(given, node.inputs[1:], strict=True)):
        return None
    bias: Any = 0.0 if len(given) == 1 or given[1] is None else np.asarray(given[1], np.float64)
    is_scaled = {node.attributes.get(name, 1.0) for name in ("alpha", "beta")} != {1.0}
    if (node.op == "Gemm" and is_scaled) or (node.op == "MatMul" and weights.ndim != 2):  # noqa: PLR2004
        return None
    layer = _Layer(node=node, weights=weights, bias=0.0, rank=weights.ndim)
    # That of a Gemm may have a number for each row.
    if np.ndim(bias) and (bias.size not in (1, layer.channels) or bias.size != bias.shape[-1]):
        return None
    return replace(layer, bias=bias.reshape(-1) if np.ndim(bias) else bias)


def _read_change(
    node: Node, source: str, constants: Mapping[str, Any], layer: _Layer
) -> Change | None:
    """Return what a node does to each channel of its input; None for anything else."""
    if node.op == "BatchNormalization":
        return _read_normalization(node, source, constants, layer)
    if node.op not in ("Mul", "Add", "Sub", "Div") or len(node.inputs) != 2:  # noqa: PLR2004
        return None
    is_first = node.inputs[0] == source
    array = constants.get(node.inputs[1 if is_first else 0])
    number = None if array is None else _per_channel(array, layer)
    if number is None:
        return None
    match node.op, is_first:
        case "Mul", _:
            change: Change | None = (number, 0.0)
        case "Div", True:
            with np.errstate(divide="ignore"):
                change = (1 / number, 0.0)
        case "Add", _:
            change = (1.0, number)
        case "Sub", _:
            change = (1.0, -number) if is_first else (-1.0, number)
        case _:
            change = None
    return change


def _read_normalization(
    node: Node, source: str, constants: Mapping[str, Any], layer: _Layer
) -> Change | None:
    arrays = [constants.get(name) for name in node.inputs[1:]]
    trains = node.attributes.get("training_mode", 0) or not node.attributes.get("spatial", 1)
    if trains or node.inputs[0] != source or layer.node.op == "MatMul":
        return None
    if any(array is None or array.shape != (layer.channels,) for array in arrays):
        return None
    return fold_statistics(float(node.attributes.get("epsilon", _EPSILON)), *arrays)


def _per_channel(array: Any, layer: _Layer) -> Any:
    """Return a constant as float64 of (channels,) or one number; None where it is no such."""
    if array.dtype.kind not in "fV" or array.ndim > layer.rank:
        return None
    sizes = (1,) * (layer.rank - array.ndim) + array.shape
    channel = layer.rank - 1 if layer.node.op == "MatMul" else 1
    if sizes[channel] not in (1, layer.channels):
        return None
    if any(size != 1 for axis, size in enumerate(sizes) if axis != channel):
        return None
    return np.asarray(array, np.float64).reshape(-1)


def fold_statistics(
    epsilon: float, scale: Any, bias: Any, mean: Any, variance: Any
) -> tuple[Any, Any]:
    """Return the factor and the summand that a normalization by constants is, of float64.

    Args:
        epsilon: What is added to the variance.
        scale: Array (channels,), as all of them: what is multiplied by.
        bias: What is added in the end.
        mean: The mean to take away.
        variance: The variance to divide by the root of.
    """
    wide = [np.asarray(each, np.float64) for each in (scale, bias, mean, variance)]
    with np.errstate(all="ignore"):
        factor = wide[0] / np.sqrt(wide[3] + epsilon)
        return factor, wide[1] - wide[2] * factor
