"""Rewrite of loops: what a While loop writes to a list lives on after its body.

The executor of TensorFlow.js 4 frees all tensors of a function at its end but for its inputs
and outputs, those in a tensor list as well (`_executeAsync` in
tfjs-converter/src/executor/graph_executor.ts; 3.21 asked `tensor.kept` there). TensorListStack
then finds nothing: "Cannot read properties of undefined (reading 'backend')". As one more loop
variable, which nobody reads, the value is an output of the body, and stays. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.dtypes import parse_dtype

Json = dict[str, Any]

_LOOPS = {"StatelessWhile", "While"}

# Ops that put a value into a list, and which of their inputs it is.
_WRITERS = {"TensorListPushBack": 1, "TensorListSetItem": 2}


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A value written to a list.

    Attributes:
        reference: The value, as the body's inputs name it.
        kind: Its dtype as the file has it.
        name: Of the loop variable that it becomes.
    """

    reference: str
    kind: Any
    name: str


def keep_list_items(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose loops return what they write to lists, and the number of values.

    A loop is left as it is where nothing in its graph could be the variable's first value, or
    where another loop shares one of its functions.
    """
    library = graph.get("library") or {}
    functions = {entry["signature"]["name"]: entry for entry in library.get("function") or []}
    loops = [node for node in graph["node"] if node["op"] in _LOOPS]
    used = [name for node in loops for name in (_called(node, "body"), _called(node, "cond"))]
    changed: dict[str, Json] = {}
    count = 0
    for loop in loops:
        body, condition = _called(loop, "body"), _called(loop, "cond")
        if body not in functions or condition not in functions:
            continue
        items = _find_items(functions[body])
        firsts = [_find_first(graph["node"], item.kind) for item in items]
        if not items or None in firsts or used.count(body) + used.count(condition) != 2:  # noqa: PLR2004
            continue
        functions[body] = _add_outputs(_add_inputs(functions[body], items), items)
        functions[condition] = _add_inputs(functions[condition], items)
        changed[loop["name"]] = _add_variables(loop, items, [str(first) for first in firsts])
        count += len(items)
    if not changed:
        return dict(graph), 0
    nodes = [changed.get(node["name"], node) for node in graph["node"]]
    return {
        **graph,
        "node": nodes,
        "library": {**library, "function": list(functions.values())},
    }, count


def _called(loop: Json, role: str) -> str:
    name: str = loop["attr"][role]["func"]["name"]
    return name


def _find_items(body: Mapping[str, Any]) -> list[_Item]:
    """Return the values that a body computes and writes to a list, but does not return."""
    nodes = {node["name"]: node for node in body.get("nodeDef") or []}
    returned = set((body.get("ret") or {}).values())
    taken = {arg["name"] for arg in body["signature"].get("inputArg") or []} | set(nodes)
    items: dict[str, _Item] = {}
    for node in nodes.values():
        if node["op"] not in _WRITERS:
            continue
        reference = node["input"][_WRITERS[node["op"]]]
        source = nodes.get(reference.partition(":")[0])
        if source is None or source["op"] == "Const" or reference in returned:
            continue
        name = f"list_item_{len(items)}"
        while name in taken:
            name += "_"
        kind = node["attr"]["element_dtype"]["type"]
        items.setdefault(reference, _Item(reference=reference, kind=kind, name=name))
    return list(items.values())


def _find_first(nodes: Sequence[Json], kind: Any) -> str | None:
    """Return a tensor of a dtype that is there before any loop runs: a constant or an input."""
    for op in ("Const", "Placeholder"):
        for node in nodes:
            own = node.get("attr", {}).get("dtype", {}).get("type")
            if node["op"] == op and parse_dtype(own) == parse_dtype(kind):
                name: str = node["name"]
                return name
    return None


def _add_inputs(function: Mapping[str, Any], items: Sequence[_Item]) -> Json:
    return _add_arguments(function, "inputArg", items)


def _add_outputs(function: Mapping[str, Any], items: Sequence[_Item]) -> Json:
    results = {**function["ret"], **{item.name: item.reference for item in items}}
    return {**_add_arguments(function, "outputArg", items), "ret": results}


def _add_arguments(function: Mapping[str, Any], side: str, items: Sequence[_Item]) -> Json:
    signature = function["signature"]
    added = [{"name": item.name, "type": item.kind} for item in items]
    return {**function, "signature": {**signature, side: [*(signature.get(side) or []), *added]}}


def _add_variables(loop: Json, items: Sequence[_Item], firsts: Sequence[str]) -> Json:
    """Return a loop with more variables, whose first values are given."""
    inputs = [name for name in loop["input"] if not name.startswith("^")]
    controls = loop["input"][len(inputs) :]
    attr = dict(loop["attr"])
    added = {
        "T": [item.kind for item in items],
        "output_shapes": [{"unknownRank": True}] * len(items),
    }
    for key, kind in (("T", "type"), ("output_shapes", "shape")):
        listed = (attr.get(key) or {}).get("list") or {}
        if listed.get(kind):
            attr[key] = {"list": {**listed, kind: [*listed[kind], *added[key]]}}
    return {**loop, "input": [*inputs, *firsts, *controls], "attr": attr}
