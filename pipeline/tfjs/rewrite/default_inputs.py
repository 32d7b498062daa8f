"""Defaults: replaces inputs that nobody feeds, because the signature does not name them.

For a PlaceholderWithDefault TensorFlow.js returns the very tensor of its default, while Identity
would clone it (tfjs-converter/src/operations/executors/graph_executor.ts). TensorFlow.js 4.22 frees
that tensor with the default, before its readers run, and the run fails. A PlaceholderWithDefault
that is no input is only another name of its default. This module opens no file.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json

_OP = "PlaceholderWithDefault"


def settle_defaults(graph: Mapping[str, Any], *, fed: Collection[str]) -> tuple[Json, int]:
    """Return a graph in which unfed defaults are Identity nodes.

    Args:
        graph: A modelTopology; it is left as it is.
        fed: Names of the nodes that are inputs in the signature.

    Returns:
        The graph, and how many nodes changed.
    """
    nodes = [
        _identity(node) if node["op"] == _OP and node["name"] not in fed else node
        for node in graph["node"]
    ]
    count = sum(node is not old for node, old in zip(nodes, graph["node"], strict=True))
    return ({**graph, "node": nodes} if count else dict(graph)), count


def _identity(node: Mapping[str, Any]) -> Json:
    return {**node, "op": "Identity", "attr": {"T": node["attr"]["dtype"]}}
