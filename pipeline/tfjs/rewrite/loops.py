"""Rewrite of loops: what a While loop writes to a list lives on after its body.

The executor of TensorFlow.js 4 frees all tensors of a function at its end but for its inputs
and outputs, those in a tensor list as well (`_executeAsync` in
tfjs-converter/src/executor/graph_executor.ts; 3.21 asked `tensor.kept` there). TensorListStack
then finds nothing: "Cannot read properties of undefined (reading 'backend')". As one more loop
variable, which nobody reads, the value is an output of the body, and stays; it goes in the same
way through what is around the loop or branch that writes it. It opens no file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.tfjs.rewrite.list_items import (
    Item,
    add_inputs,
    add_outputs,
    add_types,
    choose_computed,
    choose_given,
    find_first,
    find_written,
    make_filler,
    name_items,
)
from pipeline.tfjs.rewrite.scope import Json

_LOOPS = {"StatelessWhile", "While"}
_CHOICES = {"If", "StatelessIf"}


def keep_list_items(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose loops return what they write to lists, and the number of values.

    A loop is left as it is where nothing in its graph could be the variable's first value, or
    where another loop shares one of its functions.
    """
    library = graph.get("library") or {}
    listed = {entry["signature"]["name"]: entry for entry in library.get("function") or []}
    functions = _Functions(listed, graph["node"])
    nodes, _ = functions.keep(graph["node"], None)
    if not functions.count:
        return dict(graph), 0
    library = {**library, "function": list(functions.by_name.values())}
    return {**graph, "node": nodes, "library": library}, functions.count


class _Functions:
    """The functions of a library, as they become.

    Attributes:
        by_name: The functions.
        count: How many values were made outputs.
    """

    def __init__(self, by_name: dict[str, Json], nodes: Sequence[Json]) -> None:
        self.by_name = by_name
        self.count = 0
        bodies = [nodes, *(function.get("nodeDef") or [] for function in by_name.values())]
        self._used = Counter(name for body in bodies for node in body for name in _called(node))

    def keep(self, nodes: Sequence[Json], function: str | None) -> tuple[list[Json], list[Item]]:
        """Return nodes whose calls return what they write to lists, and all that is written.

        Args:
            nodes: Of the graph, or of a function.
            function: Name of the function, None for the graph.
        """
        changed: list[Json] = []
        written = find_written(nodes)
        for node in nodes:
            names = _called(node)
            if not names or any(
                self._used[name] != 1 or name not in self.by_name for name in names
            ):
                changed.append(node)
                continue
            inner = [self._enter(name) for name in names]
            written += self._find_given(node, inner)
            keep = self._keep_loop if node["op"] in _LOOPS else self._keep_choice
            made, items = keep(node, inner, nodes, function)
            changed += made
            written += items
        return changed, written

    def _enter(self, name: str) -> list[Item]:
        """Keep what the calls in a function write; return all that is written in it."""
        nodes, written = self.keep(self.by_name[name].get("nodeDef") or [], name)
        self.by_name[name] = {**self.by_name[name], "nodeDef": nodes}
        return written

    def _find_given(self, call: Json, inner: Sequence[Sequence[Item]]) -> list[Item]:
        """Return what a call is given that is written to lists in it, under its names outside."""
        inputs = call["input"] if call["op"] in _LOOPS else call["input"][1:]
        given = [
            pair
            for name, written in zip(_called(call), inner, strict=True)
            for pair in choose_given(self.by_name[name], written)
        ]
        return [replace(item, reference=inputs[number]) for number, item in given]

    def _keep_loop(
        self,
        loop: Json,
        inner: Sequence[Sequence[Item]],
        nodes: Sequence[Json],
        function: str | None,
    ) -> tuple[list[Json], list[Item]]:
        """Return a loop with more variables behind what it needs for them, and these."""
        body, condition = _called(loop)
        items = choose_computed(self.by_name[body], inner[0])
        firsts, made = self._find_firsts(loop, items, nodes, function)
        if not items or None in firsts:
            return [loop], []
        kept = _outputs(loop, self.by_name[body], items, is_function=function is not None)
        names = name_items([self.by_name[body]], len(items))
        changed = add_inputs(self.by_name[body], names, items)
        self.by_name[body] = add_outputs(changed, names, items)
        self.by_name[condition] = add_inputs(self.by_name[condition], names, items)
        self.count += len(items)
        inputs = [name for name in loop["input"] if not name.startswith("^")]
        controls = loop["input"][len(inputs) :]
        loop = {**loop, "input": [*inputs, *map(str, firsts), *controls]}
        return [*made, add_types(loop, "T", items)], kept

    def _find_firsts(
        self, loop: Json, items: Sequence[Item], nodes: Sequence[Json], function: str | None
    ) -> tuple[list[str | None], list[Json]]:
        """Return what new variables are at first, and the nodes that make it."""
        names = [f"{loop['name']}/first_{i}" for i in range(len(items))]
        if function is None:
            found = [
                find_first(nodes, item.kind, name) for item, name in zip(items, names, strict=True)
            ]
            return [first for first, _ in found], [node for _, made in found for node in made]
        made = self._make_fillers(function, names, items)
        if made is None:
            return [None], []
        return [f"{node['name']}:y:0" for node in made], made

    def _keep_choice(
        self,
        choice: Json,
        inner: Sequence[Sequence[Item]],
        _: Sequence[Json],
        function: str | None,
    ) -> tuple[list[Json], list[Item]]:
        """Return a choice whose branches return what either writes; the other returns zeros."""
        branches = _called(choice)
        own = [
            choose_computed(self.by_name[name], written)
            for name, written in zip(branches, inner, strict=True)
        ]
        items = [*own[0], *own[1]]
        names = name_items([self.by_name[name] for name in branches], len(items))
        here, there = names[: len(own[0])], names[len(own[0]) :]
        fillers = [
            self._make_fillers(branches[0], [f"{name}/zeros" for name in there], own[1]),
            self._make_fillers(branches[1], [f"{name}/zeros" for name in here], own[0]),
        ]
        if not items or None in fillers:
            return [choice], []
        kept = _outputs(choice, self.by_name[branches[0]], items, is_function=function is not None)
        for name, made, is_first in zip(branches, fillers, (True, False), strict=True):
            zeros = [
                Item(reference=f"{node['name']}:y:0", kind=node["attr"]["T"]["type"])
                for node in made or []
            ]
            results = [*own[0], *zeros] if is_first else [*zeros, *own[1]]
            branch = self.by_name[name]
            filled = {**branch, "nodeDef": [*(branch.get("nodeDef") or []), *(made or [])]}
            self.by_name[name] = add_outputs(filled, names, results)
        self.count += len(items)
        return [add_types(choice, "Tout", items)], kept

    def _make_fillers(
        self, function: str, names: Sequence[str], items: Sequence[Item]
    ) -> list[Json] | None:
        made = [
            make_filler(self.by_name[function], item, name)
            for name, item in zip(names, items, strict=True)
        ]
        return None if None in made else [node for node in made if node]


def _called(node: Json) -> list[str]:
    """Return the functions that a node calls: body and condition, or the two branches."""
    keys: tuple[str, ...] = ()
    if node["op"] in _LOOPS:
        keys = ("body", "cond")
    if node["op"] in _CHOICES:
        keys = ("then_branch", "else_branch")
    return [node["attr"][key]["func"]["name"] for key in keys]


def _outputs(
    call: Json, function: Mapping[str, Any], items: Sequence[Item], *, is_function: bool
) -> list[Item]:
    """Return how inputs name the outputs that a call gets behind those of its function."""
    count = len(function["signature"].get("outputArg") or [])
    part = f"{call['name']}:output" if is_function else call["name"]
    return [Item(reference=f"{part}:{count + i}", kind=item.kind) for i, item in enumerate(items)]
