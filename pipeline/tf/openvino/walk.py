"""The operations of an OpenVINO model, those of the graphs inside of them too."""

from collections.abc import Iterable
from typing import Any

import openvino

from pipeline.tf.openvino.operations import find_rule
from pipeline.tf.openvino.states import ASSIGN, READ
from pipeline.tf.unsupported import refuse_operators

ENDS = {"Parameter", "Constant", "Result", READ, ASSIGN}
"""Operations that no rule writes: ends of a graph, constants, and variables."""

BODIES = {"If": 2, "Loop": 1, "TensorIterator": 1}
"""How many graphs are inside of an operation."""


def check_operations(model: openvino.Model) -> None:
    """Raise for operations that cannot be converted.

    Raises:
        ConversionError: The message lists them, each with its number, names and the reason.
    """
    places: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    inner = {READ, ASSIGN}
    outer = {node.get_name() for node in model.get_ordered_ops()}
    for node in walk(model):
        op, opset = node.get_type_name(), node.get_type_info().version_id
        rule = find_rule(op, opset)
        if op in inner and node.get_name() not in outer:
            places.setdefault(op, []).append(f'"{node.get_friendly_name()}"')
            reasons[op] = "a variable is used inside of a branch or loop"
        if op not in ENDS and isinstance(rule, str):
            places.setdefault(op, []).append(f'"{node.get_friendly_name()}"')
            reasons[op] = rule
    if places:
        raise refuse_operators(places, reasons, page="docs/openvino.md")


def walk(model: openvino.Model) -> Iterable[Any]:
    """Yield the operations of a model and of the graphs inside of them."""
    for node in model.get_ordered_ops():
        yield node
        for body in bodies_of(node):
            yield from walk(body)


def bodies_of(node: Any) -> Iterable[openvino.Model]:
    """Yield the graphs inside of an operation."""
    for number in range(BODIES.get(node.get_type_name(), 0)):
        yield body_of(node, number)


def body_of(node: Any, number: int) -> openvino.Model:
    """Return a graph inside of an operation by its number."""
    return node.get_function(number) if node.get_type_name() == "If" else node.get_function()
