"""Parts tensor lists that TensorFlow.js would change for several readers.

A list of TensorFlow is a value: who writes to it gets another list. TensorFlow.js writes to the
list itself (`setItem` in tfjs-converter/src/executor/tensor_list.ts), so that other readers find
it changed. And the optimizer makes one of two equal new lists, to which two loops then write. Here
each reader of a new list gets a list of its own, and who writes to a list that others read later
writes to a copy. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tfjs.rewrite.scope import Json, Scope, change_bodies

_NEW = {"EmptyTensorList", "TensorListReserve"}
_WRITERS = {"TensorListPushBack", "TensorListSetItem"}
_LENGTH: Json = {"op": "TensorListLength", "attr": {}}
_COPY: Json = {"op": "TensorListResize", "attr": {}}


def part_lists(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose readers of lists have their own, and how many got one.

    Args:
        graph: As JSON; it is left as it is.
    """
    return change_bodies(graph, _part_all)


def _part_all(scope: Scope) -> tuple[list[Json], int]:
    nodes = list(scope.nodes.values())
    if not any(node["op"] in _NEW | _WRITERS for node in nodes):
        return nodes, 0
    readers: dict[str, list[str]] = {}
    for node in nodes:
        for reference in node.get("input", ()):
            readers.setdefault(reference, []).append(node["name"])
    for reference in scope.returned:
        readers.setdefault(reference, []).append("")
    changed: list[Json] = []
    count = 0
    for node in nodes:
        added, inputs = _part(node, scope, readers)
        count += bool(added)
        changed += [*added, {**node, "input": inputs} if added else node]
    return changed, count


def _part(
    node: Json, scope: Scope, readers: Mapping[str, Sequence[str]]
) -> tuple[list[Json], list[str]]:
    """Return the nodes that make lists for a node alone, and its inputs."""
    added: list[Json] = []
    inputs = list(node.get("input", ()))
    for i, reference in enumerate(inputs):
        source = scope.nodes.get(reference.partition(":")[0], {})
        if source.get("op") in _NEW and node["name"] != readers[reference][0]:
            name = scope.new_name(node, f"list_{i}")
            added.append({**source, "name": name})
            inputs[i] = reference.replace(source["name"], name, 1)
        elif node["op"] in _WRITERS and i == 0 and _is_read_later(node, readers[reference], scope):
            length = {**_LENGTH, "name": scope.new_name(node, "length"), "input": [reference]}
            given = [reference, scope.reference(length)]
            copy = {**_COPY, "name": scope.new_name(node, "copy"), "input": given}
            added += [length, copy]
            inputs[i] = scope.reference(copy)
    return added, inputs


def _is_read_later(node: Json, others: Sequence[str], scope: Scope) -> bool:
    """Return whether a list has a reader that need not be done before a node writes to it."""
    rest = set(others) - {node["name"]}
    if not rest:
        return False
    before: set[str] = set()
    waiting = [node["name"]]
    while waiting:
        for reference in scope.nodes.get(waiting.pop(), {}).get("input", ()):
            name = reference.removeprefix("^").partition(":")[0]
            if name not in before:
                before.add(name)
                waiting.append(name)
    return not rest <= before
