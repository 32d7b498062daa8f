"""Shapes: the shapes of all tensors of a graph, as far as they follow from what is known.

A conservative inference: an answer is the shape that TensorFlow would infer, or unknown. Calls
of functions are followed; loops and branches are not, because their tensors change. It opens no
file.

TensorFlow's own inference, `tf.import_graph_def`, would replace this module and its tables, and
was tried on 68 real graph models (benchmarks/shape_inference.py). A person who asks
`doit inspect` for a model would lose by it:

- TensorFlow 2.19 refuses 48 of the graphs as they are: older converters leave out `TArgs` of
  `_FusedConv2D`, and TensorFlow has no `Prelu`. A table of repairs is needed, and grows.
- With the repairs it knows 12,101 of 13,760 shapes, and this module 11,926. No shape differs, and
  the multiply-adds are the same for 66 of the 68.
- `doit inspect` then takes 3.7 s of computing and 716 MiB in place of 0.5 s and 52 MiB. It needs
  TensorFlow and a wall (pipeline.wall), which no graph model needs here.
- One op that TensorFlow does not know, a missing attribute, shapes that contradict, or a circle,
  and it refuses the whole graph. Here only the shapes that follow from the fault are unknown.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.disk.json_value import MAX_WHOLE
from pipeline.records.shape import Shape
from pipeline.tfjs.model.inference import merge_shapes
from pipeline.tfjs.model.topology import Node, split_tensor_name
from pipeline.tfjs.shapes.facts import UNKNOWN, Call, Fact, NotKnownError
from pipeline.tfjs.shapes.layout_rules import LAYOUT_RULES
from pipeline.tfjs.shapes.math_rules import MATH_RULES
from pipeline.tfjs.shapes.strided_slice import slice_shape
from pipeline.tfjs.shapes.tensor_lists import list_facts
from pipeline.tfjs.shapes.values import settle_values
from pipeline.tfjs.shapes.window_rules import WINDOW_RULES

VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
_RULES = {**LAYOUT_RULES, **MATH_RULES, **WINDOW_RULES, "StridedSlice": slice_shape}
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_IDENTITIES = frozenset({"Enter", "Identity", "IdentityN", "PlaceholderWithDefault"})


@dataclass(frozen=True, kw_only=True)
class Body:
    """A graph, or a function that a graph calls.

    Attributes:
        nodes: By name; inputs are written "node", "node:1" or "^node".
        arguments: Nodes that stand for the arguments of a call, in order.
        results: Tensors that a call returns, in order.
    """

    nodes: Mapping[str, Node]
    arguments: Sequence[str] = ()
    results: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph, with all that is needed to walk through it.

    Attributes:
        body: Its nodes.
        functions: The functions that may be called, by name.
        constants: What is known of constants, by function ("" for the graph) and node.
    """

    body: Body
    functions: Mapping[str, Body]
    constants: Mapping[str, Mapping[str, Fact]]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A node, each time that it runs.

    Attributes:
        node: The node.
        inputs: What is known of the tensors that it reads.
        outputs: What is known of the tensors that it makes.
        body: Name of its function, "" for the graph.
        certain: Whether it runs exactly once: not in a loop or branch.
    """

    node: Node
    inputs: Sequence[Fact]
    outputs: Sequence[Fact]
    body: str = ""
    certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Walks through a graph and writes down what it finds.

    Attributes:
        graph: The graph.
        visits: Every node that was needed, in order.
    """

    graph: Graph
    visits: list[Visit] = field(default_factory=list)

    def run(self, given: Mapping[str, Fact], wanted: Sequence[str]) -> list[Fact]:
        """Infer all that some tensors of the graph need, and return what is known of these.

        Args:
            given: What is known of inputs, by node.
            wanted: Tensors; `visits` gets every node that they need.
        """
        return self._walk(self.graph.body, given, wanted, path=(), certain=True)

    def _walk(
        self,
        body: Body,
        given: Mapping[str, Fact],
        wanted: Sequence[str],
        *,
        path: tuple[str, ...],
        certain: bool,
    ) -> list[Fact]:
        name = path[-1] if path else ""
        known: dict[str, Sequence[Fact]] = {node: [fact] for node, fact in given.items()}
        read = functools.partial(_read, known)
        constants = self.graph.constants.get(name, {})
        nodes = list(_order_nodes(body.nodes, wanted, stop=given))
        inside = _find_inside(nodes)
        for node in nodes:
            call = Call(node=node, inputs=[read(tensor) for tensor in node.data_inputs])
            outputs: Sequence[Fact]
            if node.name in constants:
                outputs = [constants[node.name]]
            else:
                outputs = list_facts(call, body.nodes, read)
                outputs = outputs or self._infer(call, path=path, certain=certain)
            known[node.name] = settle_values(call, _join_stated(call, outputs))
            visit = Visit(
                node=node,
                inputs=call.inputs,
                outputs=known[node.name],
                body=name,
                certain=certain and node.name not in inside,
            )
            self.visits.append(visit)
        return [read(tensor) for tensor in wanted]

    def _infer(self, call: Call, *, path: tuple[str, ...], certain: bool) -> Sequence[Fact]:
        op = call.node.op
        if op in _CALLS:
            return self._enter(call.function("f"), call.inputs, path=path, certain=certain)
        for function in sorted(call.node.called_functions):
            # Seen for its ops only: how often it runs, and on which inputs, is not known.
            self._enter(function, (), path=path, certain=False)
        if op in _IDENTITIES:
            return call.inputs
        if op in VARIABLES:
            return [Fact(shape=(), held=call.shape("shape"))]
        if op == "ReadVariableOp":
            return [Fact(shape=call.fact(0).held)]
        return _apply_rule(call)

    def _enter(
        self, name: str, given: Sequence[Fact], *, path: tuple[str, ...], certain: bool
    ) -> Sequence[Fact]:
        body = self.graph.functions.get(name)
        if body is None or name in path:
            return ()
        facts = [*given, *[UNKNOWN] * len(body.arguments)]
        arguments = dict(zip(body.arguments, facts, strict=False))
        wanted = body.results if certain else [*body.results, *body.nodes]
        found = self._walk(body, arguments, wanted, path=(*path, name), certain=certain)
        return found[: len(body.results)]


def _apply_rule(call: Call) -> Sequence[Fact]:
    rule = _RULES.get(call.node.op)
    if rule is None:
        return ()
    try:
        made = rule(call)
    except NotKnownError as error:
        made = error.shape
    return [Fact(shape=_bound(shape)) for shape in (made if isinstance(made, list) else [made])]


def _bound(shape: Shape) -> Shape:
    """Return a shape without the sizes that only a graph with a fault has."""
    if shape is None or all(size is None or 0 <= size <= MAX_WHOLE for size in shape):
        return shape
    return tuple(size if size is None or 0 <= size <= MAX_WHOLE else None for size in shape)


def _order_nodes(
    nodes: Mapping[str, Node], wanted: Sequence[str], *, stop: Mapping[str, Any]
) -> Iterator[Node]:
    """Yield the nodes that some tensors need, each after its inputs; loops are cut anywhere.

    Args:
        nodes: The nodes of a graph.
        wanted: Tensors.
        stop: Nodes that are given; neither they nor their inputs are needed.
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


def _join_stated(call: Call, outputs: Sequence[Fact]) -> list[Fact]:
    """Join what follows from the inputs with the shapes that the graph states, at least one."""
    stated = call.shapes("_output_shapes") or call.shapes("output_shapes")
    if call.node.op == "Placeholder" and not stated:
        stated = [call.shape("shape")]
    count = max(len(outputs), len(stated), 1)
    joined = [outputs[i] if i < len(outputs) else UNKNOWN for i in range(count)]
    for i, shape in enumerate(stated):
        joined[i] = replace(joined[i], shape=_join(joined[i].shape, shape))
    return joined


def _join(inferred: Shape, stated: Shape) -> Shape:
    try:
        return merge_shapes(inferred, stated)
    except ValueError:
        return None  # one of the two is wrong, and it is not known which
