"""Checks that the ops which rewrites read have their inputs and attributes.

TensorFlow writes no graph without them; such a file was changed. This module opens no file.
"""

from collections.abc import Mapping

from pipeline.errors import FormatError
from pipeline.tfjs.model.topology import Node, Topology

# Least number of inputs, and attributes with the key of their kind, from tensorflow/core/ops, for
# ops that call functions and ops that write to lists.
_LOOP: tuple[int, Mapping[str, str]] = (0, {"body": "func", "cond": "func"})
_CHOICE: tuple[int, Mapping[str, str]] = (1, {"then_branch": "func", "else_branch": "func"})
_NEEDS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "If": _CHOICE,
    "StatelessIf": _CHOICE,
    "StatelessWhile": _LOOP,
    "TensorListPushBack": (2, {"element_dtype": "type"}),
    "TensorListSetItem": (3, {"element_dtype": "type"}),
    "While": _LOOP,
}


def check_needs(topology: Topology) -> None:
    """Check that nodes have the inputs and attributes of their ops.

    Raises:
        FormatError: A node lacks an input or an attribute.
    """
    for nodes in (topology.nodes, *topology.functions.values()):
        for node in nodes.values():
            count, attrs = _NEEDS.get(node.op, (0, {}))
            found = len(node.data_inputs)
            if found < count:
                raise FormatError(f"{_name(node)} has {found} inputs; expected {count} or more")
            for name, kind in attrs.items():
                if (node.attrs.get(name) or {}).get(kind) is None:
                    raise FormatError(f"{_name(node)} lacks the attribute {name!r} ({kind})")


def _name(node: Node) -> str:
    return f"modelTopology: node {node.name!r} ({node.op})"
