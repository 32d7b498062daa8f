"""Splits functions that return several outputs of one node: each gets an Identity of its own.

TensorFlow.js stores with the node which of its outputs a function returns (`defaultOutput`,
`mapFunction` in tfjs-converter/src/operations/operation_mapper.ts). So of two outputs the last is
returned twice, for instance from a branch with two results in a loop. This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json


def part_returns(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose functions return each node once, and the number of changed values.

    Args:
        graph: As JSON; it is left as it is.
    """
    library = graph.get("library") or {}
    parted = [_part(function) for function in library.get("function") or []]
    count = sum(number for _, number in parted)
    if not count:
        return dict(graph), 0
    return {**graph, "library": {**library, "function": [made for made, _ in parted]}}, count


def _part(function: Json) -> tuple[Json, int]:
    results: dict[str, str] = function.get("ret") or {}
    references: dict[str, set[str]] = {}
    for reference in results.values():
        references.setdefault(reference.partition(":")[0], set()).add(reference)
    several = set().union(*(found for found in references.values() if len(found) > 1))
    if not several:
        return function, 0
    taken = {node["name"] for node in function["nodeDef"]}
    made: dict[str, Json] = {}
    for argument in function["signature"]["outputArg"]:
        reference = results[argument["name"]]
        if reference in several and reference not in made:
            name = f"{reference.replace(':', '/')}/returned"
            while name in taken:
                name += "_"
            attr = {"T": {"type": argument["type"]}}
            made[reference] = {"name": name, "op": "Identity", "input": [reference], "attr": attr}
    parted = {
        key: f"{made[reference]['name']}:output:0" if reference in made else reference
        for key, reference in results.items()
    }
    nodes = [*function["nodeDef"], *made.values()]
    return {**function, "nodeDef": nodes, "ret": parted}, len(made)
