"""Values written to tensor lists: finds them in functions, and makes them outputs.

This module opens no file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.rewrite.scope import Json

# Ops that put a value into a list, and the number of that input.
_WRITERS = {"TensorListPushBack": 1, "TensorListSetItem": 2}
_NUMBERS = {"bool", "float32", "int32"}


@dataclass(frozen=True, kw_only=True)
class Item:
    """A value written to a list.

    Attributes:
        reference: The name of the value as an input, where it is computed.
        kind: Its dtype as in the file.
    """

    reference: str
    kind: Any


def find_written(nodes: Iterable[Json]) -> list[Item]:
    """Return the values that nodes write to lists."""
    return [
        Item(
            reference=node["input"][_WRITERS[node["op"]]],
            kind=node["attr"]["element_dtype"]["type"],
        )
        for node in nodes
        if node["op"] in _WRITERS
    ]


def choose_computed(function: Mapping[str, Any], written: Iterable[Item]) -> list[Item]:
    """Return the values that a function computes and does not return, each once."""
    nodes = {node["name"]: node for node in function.get("nodeDef") or []}
    returned = set((function.get("ret") or {}).values())
    items: dict[str, Item] = {}
    for item in written:
        source = nodes.get(item.reference.partition(":")[0])
        if source is None or source["op"] == "Const" or item.reference in returned:
            continue
        items.setdefault(item.reference, item)
    return list(items.values())


def choose_given(function: Mapping[str, Any], written: Iterable[Item]) -> list[tuple[int, Item]]:
    """Return the values that are arguments of a function, with their numbers."""
    names = [argument["name"] for argument in function["signature"].get("inputArg") or []]
    return [(names.index(item.reference), item) for item in written if item.reference in names]


def name_items(functions: Iterable[Mapping[str, Any]], count: int) -> list[str]:
    """Return names for further arguments that are free in all functions: ["item_0"]."""
    taken: set[str] = set()
    for function in functions:
        taken |= {node["name"] for node in function.get("nodeDef") or []}
        for side in ("inputArg", "outputArg"):
            taken |= {argument["name"] for argument in function["signature"].get(side) or []}
    names: list[str] = []
    for number in range(count):
        name = f"list_item_{number}"
        while name in taken:
            name += "_"
        names.append(name)
    return names


def add_inputs(function: Json, names: Sequence[str], items: Sequence[Item]) -> Json:
    """Return a function with further arguments, which it does not read."""
    return _add_arguments(function, "inputArg", names, items)


def add_outputs(function: Json, names: Sequence[str], items: Sequence[Item]) -> Json:
    """Return a function that returns more of its values."""
    results = {name: item.reference for name, item in zip(names, items, strict=True)}
    changed = _add_arguments(function, "outputArg", names, items)
    return {**changed, "ret": {**(function.get("ret") or {}), **results}}


def _add_arguments(function: Json, side: str, names: Sequence[str], items: Sequence[Item]) -> Json:
    signature = function["signature"]
    added = [{"name": name, "type": item.kind} for name, item in zip(names, items, strict=True)]
    return {**function, "signature": {**signature, side: [*(signature.get(side) or []), *added]}}


def add_types(call: Json, key: str, items: Sequence[Item]) -> Json:
    """Return a call whose attributes state further values."""
    attr = dict(call["attr"])
    added = {
        "type": [item.kind for item in items],
        "shape": [{"unknownRank": True}] * len(items),
    }
    for name, kind in ((key, "type"), ("output_shapes", "shape")):
        listed = (attr.get(name) or {}).get("list") or {}
        if listed.get(kind):
            attr[name] = {"list": {**listed, kind: [*listed[kind], *added[kind]]}}
    return {**call, "attr": attr}


def find_first(nodes: Sequence[Json], kind: Any, name: str) -> tuple[str | None, list[Json]]:
    """Return a tensor of a dtype that exists before any loop runs, and the nodes that make it.

    It is a constant or an input, or else a Cast of one, with the given name.
    """
    given = [
        (node["name"], node.get("attr", {}).get("dtype", {}).get("type"))
        for op in ("Const", "Placeholder")
        for node in nodes
        if node["op"] == op
    ]
    for reference, own in given:
        if parse_dtype(own) == parse_dtype(kind):
            return reference, []
    made = _cast_one(given, kind, name)
    return (name, [made]) if made else (None, [])


def _cast_one(given: Iterable[tuple[str, Any]], kind: Any, name: str) -> Json | None:
    """Return a node that casts the first number to a dtype; None without one."""
    for reference, own in given:
        if _is_number(own) and _is_number(kind):
            attr = {"SrcT": {"type": own}, "DstT": {"type": kind}}
            return {"name": name, "op": "Cast", "input": [reference], "attr": attr}
    return None


def make_filler(function: Mapping[str, Any], item: Item, name: str) -> Json | None:
    """Return a node for a function that makes a value of an item's dtype; None if no op can.

    A bare constant would be freed with the other tensors.
    """
    if js_dtype(parse_dtype(item.kind) or "string") == "string":
        return None
    given = [*_list_values(function)]
    like = next((name for name, kind in given if parse_dtype(kind) == parse_dtype(item.kind)), None)
    if like:
        attr = {"T": {"type": item.kind}}
        return {"name": name, "op": "ZerosLike", "input": [like], "attr": attr}
    return _cast_one(given, item.kind, name)


def _is_number(kind: Any) -> bool:
    return js_dtype(parse_dtype(kind) or "string") in _NUMBERS


def _list_values(function: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what exists when a function begins, its constants first: the reference, the dtype."""
    for node in function.get("nodeDef") or []:
        if node["op"] == "Const":
            yield f"{node['name']}:output:0", node["attr"]["dtype"]["type"]
    for argument in function["signature"].get("inputArg") or []:
        yield argument["name"], argument.get("type")
