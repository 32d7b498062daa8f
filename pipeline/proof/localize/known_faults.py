"""Known faults of TensorFlow.js: those that a repair of graphs avoids.

A repair knows the nodes that need it, so a node to which a repair still applies has the fault that
the repair's reason describes. This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Scope
from pipeline.tfjs.rewrite.single_ops import REWRITES


def find_known_fault(topology: Mapping[str, Any], name: str) -> str | None:
    """Return the known fault of TensorFlow.js with a node, else None.

    For instance "the wasm backend casts to an integer first, so that 0.4 is false".

    Args:
        topology: `modelTopology` of a model.json.
        name: Name of the node.
    """
    nodes = {node["name"]: node for node in topology["node"]}
    node = nodes[name]
    rewrite = REWRITES.get(node["op"])
    made = rewrite(node, Scope(nodes=nodes, is_function=False)) if rewrite else None
    return made.reason.partition(": ")[2] if made else None
