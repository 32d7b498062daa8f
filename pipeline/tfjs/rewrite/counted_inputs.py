"""Takes control inputs away from ops that TensorFlow.js gives all their inputs.

For an op with a list of tensors TensorFlow.js slices the inputs by number, control inputs as well,
if they are of no NoOp (`getParamValue` in tfjs-converter/src/operations/executors/utils.ts): Pack
packs one more tensor, and ConcatV2 takes the last one for its axis. Here an Identity of the first
input waits in the op's place. This module opens no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json, Scope, attribute, change_bodies

_KINDS: Mapping[str, tuple[str, str]] = {
    "AddN": ("T", "type"),
    "Concat": ("", "DT_INT32"),
    "ConcatV2": ("T", "type"),
    "Einsum": ("T", "type"),
    "IdentityN": ("T", "list"),
    "If": ("Tcond", "type"),
    "Pack": ("T", "type"),
    "ShapeN": ("T", "type"),
    "StatelessIf": ("Tcond", "type"),
    "StatelessWhile": ("T", "list"),
    "While": ("T", "list"),
    "_FusedConv2D": ("T", "type"),
    "_FusedMatMul": ("T", "type"),
    "FusedDepthwiseConv2dNative": ("T", "type"),
}
"""The attribute that states the dtype of the first input, or that dtype."""


def part_controls(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose lists of tensors have no control inputs, and how many had them.

    Args:
        graph: As JSON; it is left as it is.
    """
    return change_bodies(graph, _part_all)


def _part_all(scope: Scope) -> tuple[list[Json], int]:
    nodes = list(scope.nodes.values())
    changed = [made for node in nodes for made in _part(node, scope)]
    return changed, len(changed) - len(nodes)


def _part(node: Json, scope: Scope) -> Iterator[Json]:
    data = [name for name in node.get("input") or () if not name.startswith("^")]
    if node["op"] not in _KINDS or not data or len(data) == len(node["input"]):
        yield node
        return
    waiting = {
        "name": scope.new_name(node, "waiting"),
        "op": "Identity",
        "input": [data[0], *node["input"][len(data) :]],
        "attr": {"T": {"type": _find_kind(node)}},
    }
    yield waiting
    yield {**node, "input": [scope.reference(waiting), *data[1:]]}


def _find_kind(node: Json) -> Any:
    key, form = _KINDS[node["op"]]
    if not key:
        return form
    if form == "list":
        return (attribute(node, key, "list") or {}).get("type", [None])[0]
    return attribute(node, key, form)
