"""Effort: what running a graph takes, on stated or assumed sizes of its inputs.

An unknown first axis of an input is taken for 1, a batch of one. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.inspection.facts import Fact
from pipeline.inspection.multiply_adds import Work, count_multiply_adds
from pipeline.inspection.shapes import Body, Inference, Visit
from pipeline.tfjs.model.inference import Shape

_NO_SHAPE = frozenset({"Assert", "Const", "NoOp"})


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph with all that is needed to walk through it.

    Attributes:
        body: Its nodes.
        functions: What they call, by name.
        constants: What is known of constants, by function ("" for the graph) and node.
    """

    body: Body
    functions: Mapping[str, Body]
    constants: Mapping[str, Mapping[str, Fact]]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """An input of a graph: the node that takes it, and its shape."""

    node: str
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What was found out.

    Attributes:
        work: Multiply-adds.
        assumed: Shapes of inputs that were taken in place of those stated, by name.
        visits: Every node that runs.
    """

    work: Work
    assumed: Mapping[str, Sequence[int]]
    visits: Sequence[Visit]


def gauge(
    graph: Graph, feeds: Mapping[str, Feed], wanted: Sequence[str], shapes: Mapping[str, Shape]
) -> Effort:
    """Infer the shapes in a graph and count its multiply-adds.

    Args:
        graph: The graph.
        feeds: Its inputs, by name.
        wanted: The tensors that it is run for.
        shapes: Sizes of inputs, by name, in place of those stated.
    """
    given: dict[str, Fact] = {}
    assumed: dict[str, Sequence[int]] = {}
    for name, feed in feeds.items():
        shape = shapes.get(name, feed.shape)
        if shape and shape[0] is None:
            shape = (1, *shape[1:])
        given[feed.node] = Fact(shape=shape)
        if shape is not None and shape != feed.shape:
            assumed[name] = [-1 if size is None else size for size in shape]
    inference = Inference(functions=graph.functions, constants=graph.constants)
    inference.run(graph.body, given, wanted)
    return Effort(
        work=count_multiply_adds(inference.visits), assumed=assumed, visits=inference.visits
    )


def describe_effort(effort: Effort) -> dict[str, Any]:
    """Return multiply-adds and shapes as JSON values."""
    work = effort.work
    seen = [visit for visit in effort.visits if visit.node.op not in _NO_SHAPE]
    known = sum(visit.outputs[0].size is not None for visit in seen)
    return {
        "multiplyAdds": {
            "total": work.total,
            "exact": not work.unknown and not work.repeated,
            "byOp": work.by_op,
            "counted": work.num_counted,
            "unknown": list(work.unknown),
            "repeated": list(work.repeated),
            "assumedShapes": dict(effort.assumed),
        },
        "shapes": {"known": known, "unknown": len(seen) - known},
    }
