"""Defaults: inputs that nobody feeds, because the signature does not name them.

For a PlaceholderWithDefault TensorFlow.js hands on the very tensor of its default, where
Identity would clone it (tfjs-converter/src/operations/executors/graph_executor.ts), and 4.22
frees that with the default, before its readers run: a graph with one dies. One that is no
input is but another name of its default. It opens no file.
"""

from collections.abc import Collection, Mapping
from typing import Any

Json = dict[str, Any]

_OP = "PlaceholderWithDefault"


def settle_defaults(graph: Mapping[str, Any], *, fed: Collection[str]) -> tuple[Json, int]:
    """Return a graph whose defaults that are never replaced are read as they are.

    Args:
        graph: A modelTopology; it is left as it is.
        fed: Names of the nodes that the signature takes as inputs.

    Returns:
        The graph, and how many were settled.
    """
    nodes = [
        _identity(node) if node["op"] == _OP and node["name"] not in fed else node
        for node in graph["node"]
    ]
    count = sum(node is not old for node, old in zip(nodes, graph["node"], strict=True))
    return ({**graph, "node": nodes} if count else dict(graph)), count


def _identity(node: Mapping[str, Any]) -> Json:
    return {**node, "op": "Identity", "attr": {"T": node["attr"]["dtype"]}}
