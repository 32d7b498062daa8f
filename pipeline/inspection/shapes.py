"""Shapes: those of all tensors of a graph, as far as they follow from what is known.

An inference of our own, and a conservative one: an answer is what TensorFlow would say, or
unknown. Calls of functions are followed into them; loops and branches are not, because what
goes through them changes. It opens no file.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.inspection.facts import UNKNOWN, Call, Fact
from pipeline.inspection.shapes_of_layout import LAYOUT_RULES
from pipeline.inspection.shapes_of_math import MATH_RULES
from pipeline.inspection.shapes_of_windows import WINDOW_RULES
from pipeline.inspection.strided_slice import strided_slice
from pipeline.inspection.tensor_lists import is_stack, list_facts, stack_shape
from pipeline.inspection.values import follow_values, settle_values
from pipeline.tfjs.model.inference import Shape, merge_shapes
from pipeline.tfjs.model.topology import Node, split_tensor_name

_RULES = {**LAYOUT_RULES, **MATH_RULES, **WINDOW_RULES, "StridedSlice": strided_slice}
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_IDENTITIES = frozenset({"Identity", "IdentityN", "PlaceholderWithDefault"})
VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})


@dataclass(frozen=True, kw_only=True)
class Body:
    """A graph, or a function that a graph calls.

    Attributes:
        nodes: By name; inputs are written "node", "node:1" or "^node".
        arguments: Nodes that stand for what a caller gives, in order.
        results: Tensors that a caller gets, in order.
    """

    nodes: Mapping[str, Node]
    arguments: Sequence[str] = ()
    results: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A node, each time that it runs.

    Attributes:
        node: The node.
        inputs: What is known of what it reads.
        outputs: What is known of what it makes.
        body: Name of the function that it stands in, "" for the graph.
        certain: Whether it runs exactly once: not in a loop or branch.
    """

    node: Node
    inputs: Sequence[Fact]
    outputs: Sequence[Fact]
    body: str = ""
    certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Walks through bodies and writes down what it finds.

    Attributes:
        functions: The bodies that may be called, by name.
        constants: What is known of constants, by body ("" for the graph) and node.
    """

    functions: Mapping[str, Body]
    constants: Mapping[str, Mapping[str, Fact]]
    visits: list[Visit] = field(default_factory=list)

    def run(self, graph: Body, given: Mapping[str, Fact], wanted: Sequence[str]) -> list[Fact]:
        """Infer all that some tensors of a graph need, and return what is known of these.

        Args:
            graph: Where to start.
            given: What is known of its inputs, by node.
            wanted: Tensors; `visits` gets every node that they need.
        """
        return self._walk(graph, "", given, wanted, path=(), certain=True)

    def _walk(  # noqa: PLR0913  # a body, what goes in, what is asked for, and where we are
        self,
        body: Body,
        name: str,
        given: Mapping[str, Fact],
        wanted: Sequence[str],
        *,
        path: tuple[str, ...],
        certain: bool,
    ) -> list[Fact]:
        known: dict[str, Sequence[Fact]] = {node: [fact] for node, fact in given.items()}
        constants = self.constants.get(name, {})
        nodes = list(order_nodes(body.nodes, wanted, stop=given))
        inside = _find_inside(nodes)
        for node in nodes:
            inputs = [_read(known, tensor) for tensor in node.data_inputs]
            call = Call(node=node, inputs=inputs)
            if node.name in constants:
                outputs: Sequence[Fact] = [constants[node.name]]
            elif is_stack(node):
                outputs = stack_shape(call, body.nodes, functools.partial(_read, known))
            else:
                outputs = self._infer(call, path=path, certain=certain)
            outputs = _settle(call, outputs)
            known[node.name] = outputs
            runs_once = certain and node.name not in inside
            self.visits.append(
                Visit(node=node, inputs=inputs, outputs=outputs, body=name, certain=runs_once)
            )
        return [_read(known, tensor) for tensor in wanted]

    def _infer(self, call: Call, *, path: tuple[str, ...], certain: bool) -> Sequence[Fact]:
        if call.node.op in _CALLS:
            return self._enter(call.function("f"), call.inputs, path=path, certain=certain)
        for function in sorted(call.node.called_functions):
            # Seen for its ops only: how often it runs, and on what, nobody knows.
            self._enter(function, (), path=path, certain=False)
        if call.node.op in _IDENTITIES:
            return call.inputs
        if call.node.op in VARIABLES:
            return [Fact(shape=(), held=call.shape("shape"))]
        if call.node.op == "ReadVariableOp":
            return [Fact(shape=call.fact(0).held)]
        rule = _RULES.get(call.node.op)
        return rule(call) if rule else list_facts(call) or ()

    def _enter(
        self, name: str | None, given: Sequence[Fact], *, path: tuple[str, ...], certain: bool
    ) -> Sequence[Fact]:
        body = self.functions.get(name or "")
        if body is None or name is None or name in path:
            return ()
        facts = [*given, *[UNKNOWN] * len(body.arguments)]
        arguments = dict(zip(body.arguments, facts, strict=False))
        wanted = body.results if certain else [*body.results, *body.nodes]
        found = self._walk(body, name, arguments, wanted, path=(*path, name), certain=certain)
        return found[: len(body.results)]


def order_nodes(
    nodes: Mapping[str, Node], wanted: Sequence[str], *, stop: Mapping[str, Any]
) -> Iterator[Node]:
    """Yield the nodes that some tensors need, each after what it reads, loops cut anywhere.

    Args:
        nodes: A graph's.
        wanted: Tensors.
        stop: Nodes that are given; neither they nor what feeds them is needed.
    """
    seen = set(stop)
    pending = [(split_tensor_name(tensor)[0], False) for tensor in reversed(wanted)]
    while pending:
        name, is_ready = pending.pop()
        if is_ready:
            yield nodes[name]
        elif name not in seen and name in nodes:
            seen.add(name)
            pending.append((name, True))
            inputs = nodes[name].data_inputs
            pending += [(split_tensor_name(tensor)[0], False) for tensor in reversed(inputs)]


def _find_inside(nodes: Sequence[Node]) -> set[str]:
    """Return the nodes in loops (Enter to Exit) and branches (Switch to Merge) of TensorFlow 1."""
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for tensor in node.data_inputs:
            readers.setdefault(split_tensor_name(tensor)[0], []).append(node)
    # A Merge that joins the rounds of a loop is in it; any other ends a branch.
    turns = {node.name for node in nodes if node.op in ("Enter", "NextIteration")}
    rounds = {reader.name for name in turns for reader in readers.get(name, ())}
    inside: set[str] = set()
    pending = [node for node in nodes if node.op in ("Enter", "Switch")]
    while pending:
        node = pending.pop()
        ends = node.op == "Exit" or (node.op == "Merge" and node.name not in rounds)
        if node.name not in inside and not ends:
            inside.add(node.name)
            pending += readers.get(node.name, ())
    return inside


def _read(known: Mapping[str, Sequence[Fact]], tensor: str) -> Fact:
    node, index = split_tensor_name(tensor)
    facts = known.get(node, ())
    return facts[index] if index < len(facts) else UNKNOWN


def _settle(call: Call, outputs: Sequence[Fact]) -> list[Fact]:
    """Join what follows from the inputs with what the graph states of a node's outputs."""
    stated = call.shapes("_output_shapes") or call.shapes("output_shapes")
    if call.node.op == "Placeholder" and not stated:
        stated = [call.shape("shape")]
    count = max(len(outputs), len(stated), 1)
    settled = [outputs[i] if i < len(outputs) else UNKNOWN for i in range(count)]
    for i, shape in enumerate(stated):
        settled[i] = replace(settled[i], shape=_join(settled[i].shape, shape))
    if settled[0].values is None:
        settled[0] = settle_values(settled[0], follow_values(call))
    return settled


def _join(inferred: Shape, stated: Shape) -> Shape:
    try:
        return merge_shapes(inferred, stated)
    except ValueError:
        return None  # one of the two is wrong, and nobody can tell which
