"""Nodes of a topology, and what is known of tensors, for tests of shapes."""

import base64
from typing import Any

from pipeline.tfjs.model.topology import Node
from pipeline.tfjs.shapes.facts import Fact


def node(name: str, op: str, *inputs: str, **attrs: Any) -> Node:
    """Return a node whose attributes are given as Python values."""
    wire = {key: _attribute(value) for key, value in attrs.items()}
    return Node(name=name, op=op, inputs=inputs, attrs=wire)


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, str):
        if value.startswith("DT_"):
            return {"type": value}
        return {"s": base64.b64encode(value.encode()).decode()}
    return {"list": {"i": [str(number) for number in value]}}


def ints(*values: int) -> Fact:
    """Return a vector of known integers."""
    return Fact(shape=(len(values),), values=values)
