"""Writes sizes of 0 and empty lists of arguments, which protobuf's JSON leaves out.

TensorFlow.js reads them without a default: a size becomes NaN, which no input fits
(`parseTensorShapeParam` in tfjs-converter/src/operations/operation_mapper.ts), and a model with a
function that takes nothing, as a branch without captures, fails to load ("reading 'forEach'",
`mapFunction` there). This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json

_ARGUMENTS = ("inputArg", "outputArg")


def state_sizes(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose shapes in attributes state sizes of 0, and the number of shapes."""
    nodes, count = _state_all(graph["node"])
    changed = {**graph, "node": nodes}
    library = graph.get("library") or {}
    functions = []
    for function in library.get("function") or []:
        body, more = _state_all(function.get("nodeDef") or [])
        functions.append({**function, "nodeDef": body} if more else function)
        count += more
    if functions:
        changed["library"] = {**library, "function": functions}
    return (changed if count else dict(graph)), count


def state_arguments(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose functions have lists of arguments, and the number of changed ones."""
    library = graph.get("library") or {}
    functions = library.get("function") or []
    lacking = [
        function
        for function in functions
        if any(side not in function["signature"] for side in _ARGUMENTS)
    ]
    if not lacking:
        return dict(graph), 0
    empty: Json = {side: [] for side in _ARGUMENTS}
    stated = [
        {**function, "signature": {**empty, **function["signature"]}} for function in functions
    ]
    return {**graph, "library": {**library, "function": stated}}, len(lacking)


def state_shape(shape: Json) -> Json:
    """Return a TensorShapeProto that states sizes of 0; the same object if it does."""
    axes = shape.get("dim") if isinstance(shape, Mapping) else None
    if not isinstance(axes, list) or not all(isinstance(axis, Mapping) for axis in axes):
        return shape
    if all("size" in axis for axis in axes):
        return shape
    return {**shape, "dim": [{"size": "0", **axis} for axis in axes]}


def _state_all(nodes: list[Json]) -> tuple[list[Json], int]:
    stated = [_state_node(node) for node in nodes]
    return stated, sum(new is not old for new, old in zip(stated, nodes, strict=True))


def _state_node(node: Json) -> Json:
    attr = {key: _state_value(value) for key, value in (node.get("attr") or {}).items()}
    same = all(attr[key] is value for key, value in (node.get("attr") or {}).items())
    return node if same else {**node, "attr": attr}


def _state_value(value: Json) -> Json:
    """Return an attribute's value; the same object if it states all its sizes."""
    if not isinstance(value, Mapping):
        return value
    if "shape" in value:
        shape = state_shape(value["shape"])
        return value if shape is value["shape"] else {**value, "shape": shape}
    listed = value.get("list")
    if not isinstance(listed, Mapping) or not isinstance(listed.get("shape"), list):
        return value
    shapes = listed["shape"]
    stated = [state_shape(shape) for shape in shapes]
    if all(new is old for new, old in zip(stated, shapes, strict=True)):
        return value
    return {**value, "list": {**listed, "shape": stated}}
