"""What models.yaml could state of the inputs of an ONNX file, found in its graph."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.tf.onnx.fixed_inputs import has_channels_in_front
from pipeline.tf.onnx.onnx_graph import End, Graph, Node

_WINDOWS = {
    "AveragePool", "Conv", "ConvInteger", "ConvTranspose", "LpPool", "MaxPool", "QLinearConv",
}  # fmt: skip
# They compute each number for itself, or move whole rows and columns.
_PASSING = {
    "Add", "BatchNormalization", "Cast", "Clip", "DequantizeLinear", "Div", "DynamicQuantizeLinear",
    "Identity", "Mul", "Pad", "QuantizeLinear", "Relu", "Resize", "Sub", "Upsample",
}  # fmt: skip
_WITHOUT_VALUES = {"Shape", "Size"}


def wants_channels_last(graph: Graph, end: End) -> bool:
    """Return whether an input is a picture that only convolutions and pools read.

    Its channels are its second axis; with `layout: nhwc` the graph needs no transpose for it.
    """
    if not has_channels_in_front(end):
        return False
    waiting, seen, found = [end.name], set(), False
    readers = _map_readers(graph)
    while waiting:
        for node in readers.get(waiting.pop(), ()):
            if node.number in seen or node.op in _WITHOUT_VALUES:
                continue
            seen.add(node.number)
            found |= node.op in _WINDOWS
            if node.op in _PASSING:
                waiting += node.outputs
            elif node.op not in _WINDOWS:
                return False
    return found


def _map_readers(graph: Graph) -> Mapping[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def find_deciding(graph: Graph) -> dict[str, tuple[int, list[float]]]:
    """Return the inputs that alone decide branches, by name.

    Returns:
        How many branches each decides, and the numbers that it is compared with.
    """
    makers = {name: node for node in graph.walk() for name in node.outputs}
    constants = _find_constants(graph)
    inputs = {end.name: end for end in graph.inputs}
    found: dict[str, tuple[int, list[float]]] = {}
    for node in graph.walk():
        if node.op != "If" or node.domain:
            continue
        behind = list(_walk_back(node.inputs[0], makers))
        read = {name for each in behind for name in each.inputs} | {node.inputs[0]}
        deciding = [name for name in read if name in inputs]
        if len(deciding) == 1 and _is_small(inputs[deciding[0]]):
            count, numbers = found.get(deciding[0], (0, []))
            compared = [n for each in behind for n in _compared_with(each, constants)]
            found[deciding[0]] = (count + 1, list(dict.fromkeys([*numbers, *compared])))
    return found


def _is_small(end: End) -> bool:
    """Return whether an input is one number."""
    return end.dtype is not None and end.sizes is not None and all(size == 1 for size in end.sizes)


def _walk_back(name: str, makers: Mapping[str, Node]) -> Iterator[Node]:
    """Yield the nodes on whose values a value depends."""
    waiting, seen = [name], set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or id(node) in seen or node.op in _WITHOUT_VALUES:
            continue
        seen.add(id(node))
        yield node
        waiting += node.inputs


def _find_constants(graph: Graph) -> dict[str, Any]:
    found = dict(graph.constants)
    for node in graph.nodes:
        if node.op == "Constant":
            value = next(iter(node.attributes.values()), None)
            if value is not None and not isinstance(value, str | bytes):
                found[node.outputs[0]] = np.asarray(value)
        for body in node.graphs:
            found |= _find_constants(body)
    return found


def _compared_with(node: Node, constants: Mapping[str, Any]) -> Iterator[float]:
    """Yield the number that a node compares another one with."""
    if node.op != "Equal":
        return
    for name in node.inputs:
        value = constants.get(name)
        if value is not None and value.size == 1 and value.dtype.kind in "biuf":
            yield value.reshape(-1)[0].item()
