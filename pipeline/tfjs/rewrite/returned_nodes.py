"""Gives results of functions an Identity of their own, where TensorFlow.js loses them.

TensorFlow.js stores with the node which of its outputs a function returns (`defaultOutput`,
`mapFunction` in tfjs-converter/src/operations/operation_mapper.ts). So of two outputs the last is
returned twice, for instance from a branch with two results in a loop. A constant that a function
returns is the weight itself, which a loop around it frees as a former value or condition
(`origResult` and `condResult` in executors/control_executor.ts); and the converter, which puts the
function's name before the names of its constants, leaves the old name in the results
(`rename_constants` in tensorflowjs/converters/graph_rewrite_util.py). This module opens no file.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json

# They write the very tensor that is returned, or it is freed with the function's others.
_WRITERS = {"TensorListPushBack", "TensorListSetItem"}


def part_returns(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose functions return each node once, and no constant.

    The second result is the number of changed values.

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
    listed = function.get("nodeDef") or []
    constants = {node["name"] for node in listed if node["op"] == "Const"}
    results = _find_constants(function, constants)
    references: dict[str, set[str]] = {}
    for reference in results.values():
        references.setdefault(reference.partition(":")[0], set()).add(reference)
    lost = set().union(
        *(found for name, found in references.items() if len(found) > 1 or name in constants)
    )
    if not lost:
        return function, 0
    taken = {node["name"] for node in listed}
    made: dict[str, Json] = {}
    for argument in function["signature"]["outputArg"]:
        reference = results[argument["name"]]
        if reference in lost and reference not in made:
            name = f"{reference.replace(':', '/')}/returned"
            while name in taken:
                name += "_"
            attr = {"T": {"type": argument["type"]}}
            made[reference] = {"name": name, "op": "Identity", "input": [reference], "attr": attr}
    parted = {key: _follow(reference, made) for key, reference in results.items()}
    nodes = [
        {**node, "input": [_follow(one, made) for one in node["input"]]}
        if node["op"] in _WRITERS
        else node
        for node in listed
    ]
    return {**function, "nodeDef": [*nodes, *made.values()], "ret": parted}, len(made)


def _follow(reference: str, made: Mapping[str, Json]) -> str:
    return f"{made[reference]['name']}:output:0" if reference in made else reference


def _find_constants(function: Json, constants: Collection[str]) -> dict[str, str]:
    """Return the results of a function, with the new name of each constant that was renamed."""
    found: dict[str, str] = {}
    for key, reference in (function.get("ret") or {}).items():
        renamed = f"{function['signature']['name']}/{reference}"
        is_renamed = renamed.partition(":")[0] in constants
        found[key] = renamed if is_renamed else reference
    return found
