"""Hands on the control inputs of constants to the nodes that read nothing else.

In a branch or a loop of TensorFlow 1 a constant waits for a node of it, and is there only if the
branch is taken, and anew in each iteration. For TensorFlow.js constants are weights, which are
always there (`executeWithControlFlow` in tfjs-converter/src/executor/graph_executor.ts). So a Merge
takes a constant of the branch that was not taken, and a list that a loop makes of constants alone
is made once for all iterations. Here the readers wait themselves. This module opens no file.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json, Scope, attribute, change_bodies

_OF_CONTROL_FLOW = {"Enter", "Merge", "RefMerge", "RefSwitch", "Switch"}
_MERGES = {"Merge", "RefMerge"}
_SWITCHES = {"RefSwitch", "Switch"}


def hand_on_controls(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose constants need no control inputs, and how many readers changed.

    Args:
        graph: As JSON; it is left as it is.
    """
    return change_bodies(graph, _hand_on)


def _hand_on(scope: Scope) -> tuple[list[Json], int]:
    nodes = list(scope.nodes.values())
    if not any(node["op"] in _OF_CONTROL_FLOW for node in nodes):
        return nodes, 0
    waiting = {
        node["name"]: found
        for node in nodes
        if node["op"] == "Const" and (found := _find_awaited(node, scope))
    }
    changed: list[Json] = []
    count = 0
    for node in nodes:
        made = [node]
        if node["op"] in _MERGES:
            made = list(_part_merge(node, waiting, scope))
        elif node["op"] != "Const":
            made = [_await_too(node, waiting, scope)]
        count += made[-1] != node
        changed += made
    return changed, count


def _find_awaited(node: Json, scope: Scope) -> list[str]:
    """Return the nodes whose value a node waits for by control inputs, in place of NoOps."""
    found: list[str] = []
    seen: set[str] = set()
    names = [*_controls(node)]
    while names:
        name = names.pop(0)
        awaited = scope.nodes.get(name)
        if awaited is None or name in seen:
            continue
        seen.add(name)
        if awaited["op"] in ("Const", "NoOp"):
            names += _controls(awaited)
        elif awaited["op"] in _SWITCHES:
            # It runs whichever branch is taken, and its first output is there in one only.
            names.append(_node_of(awaited["input"][1]))
        else:
            found.append(name)
    return found


def _part_merge(node: Json, waiting: Mapping[str, list[str]], scope: Scope) -> Iterator[Json]:
    """Yield an Identity that waits for each constant of a Merge, and the Merge."""
    inputs = list(node["input"])
    for i, reference in enumerate(inputs):
        awaited = waiting.get(_node_of(reference))
        if awaited is None or reference.startswith("^"):
            continue
        name = scope.new_name(node, f"input_{i}")
        attr = {"T": {"type": attribute(node, "T", "type")}}
        given = [reference, *(f"^{one}" for one in awaited)]
        passed = {"name": name, "op": "Identity", "input": given, "attr": attr}
        yield passed
        inputs[i] = scope.reference(passed)
    yield {**node, "input": inputs} if inputs != node["input"] else node


def _await_too(node: Json, waiting: Mapping[str, list[str]], scope: Scope) -> Json:
    """Return a node that waits itself if it reads constants alone."""
    data = [name for name in node.get("input", ()) if not name.startswith("^")]
    sources = [_node_of(name) for name in data]
    if not data or any(scope.nodes.get(name, {}).get("op") != "Const" for name in sources):
        return node
    known = set(node["input"])
    awaited = _unique(f"^{one}" for name in sources for one in waiting.get(name, ()))
    added = [one for one in awaited if one not in known]
    return {**node, "input": [*node["input"], *added]} if added else node


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _controls(node: Json) -> Iterator[str]:
    return (name[1:] for name in node.get("input", ()) if name.startswith("^"))


def _node_of(reference: str) -> str:
    return reference.removeprefix("^").partition(":")[0]
