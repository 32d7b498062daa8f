"""Removes control inputs that never arrive in TensorFlow.js: from a Switch, and in a loop.

Control flow of TensorFlow 1, which the converter makes of loops unless `control_flow_v2` is set,
has NoOps that wait for the Switch of each loop variable, or for constants in the loop, and each
iteration waits for them. In TensorFlow a control input arrives once its node has run, in every
iteration. TensorFlow.js (graph_executor.ts, processChildNodes) waits for the value of the first
output in the same iteration. A Switch has it in its last iteration only, and a NoOp behind
constants in its first, so that no node behind them runs: "Cannot compute the outputs … from the
provided inputs". Waiting nodes read no value of them; without side effects the data inputs alone
give the order. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tfjs.rewrite.scope import Json

_SWITCHES = ("Switch", "RefSwitch")
_ENTERS = ("Enter", "RefEnter")
_EXITS = ("Exit", "RefExit")
# A constant exists from the start, and after the rewrite no node waits for a NoOp.
_NOT_WAITING = ("Const", "NoOp")


def drop_lost_controls(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef without control inputs that never arrive, and how many nodes had them.

    Args:
        graph: As JSON; it is left as it is.
    """
    nodes = graph["node"]
    lost = {f"^{node['name']}" for node in nodes if node["op"] in _SWITCHES}
    enters = [node["name"] for node in nodes if node["op"] in _ENTERS]
    if not lost and not enters:
        return dict(graph), 0
    idle = {node["name"]: node for node in nodes if node["op"] == "NoOp"}
    inside = _reach(nodes, enters)
    lost |= {f"^{name}" for name in idle if name in inside}
    before = 0
    while before < len(lost):
        before = len(lost)
        lost |= {f"^{name}" for name, node in idle.items() if lost & {*node.get("input", ())}}
    changed = [_without(node, lost) for node in nodes]
    count = sum(one is not other for one, other in zip(nodes, changed, strict=True))
    return ({**graph, "node": changed} if count else dict(graph)), count


def _reach(nodes: Sequence[Json], roots: Sequence[str]) -> set[str]:
    """Return the names of all nodes behind the roots, up to the exit of the loop."""
    readers: dict[str, list[Json]] = {}
    for node in nodes:
        for name in node.get("input", ()):
            readers.setdefault(name.removeprefix("^").partition(":")[0], []).append(node)
    reached = set(roots)
    waiting = list(roots)
    while waiting:
        for node in readers.get(waiting.pop(), ()):
            if node["name"] not in reached and node["op"] not in _EXITS:
                reached.add(node["name"])
                waiting.append(node["name"])
    return reached


def _without(node: Json, controls: set[str]) -> Json:
    if node["op"] in _NOT_WAITING:
        return node
    kept = [name for name in node.get("input", ()) if name not in controls]
    return node if len(kept) == len(node.get("input", ())) else {**node, "input": kept}
