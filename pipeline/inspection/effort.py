"""Effort: the multiply-adds and shapes of a graph, on stated or assumed sizes of its inputs.

An unknown first axis of an input is taken for 1, a batch of one. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.inspection.description import MultiplyAdds, ShapeCount
from pipeline.inspection.multiply_adds import count_multiply_adds
from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import Fact
from pipeline.tfjs.shapes.infer_shapes import Graph, Inference, Visit

_NO_SHAPE = frozenset({"Assert", "Const", "NoOp"})


@dataclass(frozen=True, kw_only=True)
class Feed:
    """An input of a graph: its node, and its shape."""

    node: str
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The effort of running a graph.

    Attributes:
        work: Multiply-adds.
        visits: Every node that runs.
    """

    work: MultiplyAdds
    visits: Sequence[Visit]

    @property
    def shapes(self) -> ShapeCount:
        """Numbers of nodes whose output has a known shape, and an unknown one."""
        seen = [visit for visit in self.visits if visit.node.op not in _NO_SHAPE]
        known = sum(visit.outputs[0].size is not None for visit in seen)
        return ShapeCount(known=known, unknown=len(seen) - known)


def gauge(
    graph: Graph, feeds: Mapping[str, Feed], wanted: Sequence[str], shapes: Mapping[str, Shape]
) -> Effort:
    """Infer the shapes in a graph and count its multiply-adds.

    Args:
        graph: The graph.
        feeds: Its inputs, by name.
        wanted: The tensors that it is run for.
        shapes: Sizes of inputs, by name, in place of the stated ones.
    """
    given: dict[str, Fact] = {}
    assumed: dict[str, Shape] = {}
    for name, feed in feeds.items():
        shape = shapes.get(name, feed.shape)
        if shape and shape[0] is None:
            shape = (1, *shape[1:])
        given[feed.node] = Fact(shape=shape)
        if shape is not None and shape != feed.shape:
            assumed[name] = shape
    inference = Inference(graph=graph)
    inference.run(given, wanted)
    work = count_multiply_adds(inference.visits, assumed=assumed)
    return Effort(work=work, visits=inference.visits)
