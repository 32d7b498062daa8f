"""Shapes of the values of a graph, as far as the graph tells them."""

import math
from collections.abc import Iterable, Mapping

from pipeline.tfjs.model.inference import parse_shape
from pipeline.tfjs.model.topology import Node
from pipeline.tfjs.optimize.graph import Graph
from pipeline.tfjs.rewrite.scope import Json, attribute
from pipeline.tfjs.shapes.facts import MAX_VALUES, Fact, Sizes
from pipeline.tfjs.shapes.infer_shapes import Body, Inference
from pipeline.tfjs.shapes.infer_shapes import Graph as KnownGraph

_WHOLE = {"DT_INT32", "DT_INT64"}


def infer_shapes(graph: Graph, references: Iterable[str]) -> Mapping[str, Sizes]:
    """Return the shapes of values, as far as the graph tells them."""
    wanted = list(dict.fromkeys(references))
    if not wanted:
        return {}
    nodes = {
        name: Node(
            name=name,
            op=node["op"],
            inputs=tuple(node.get("input") or ()),
            attrs=node.get("attr") or {},
        )
        for name, node in graph.nodes.items()
    }
    constants = {name: _describe(node, graph) for name, node in graph.nodes.items()}
    known = {name: fact for name, fact in constants.items() if fact is not None}
    # What is fed may have another shape than the value that stands in for it.
    given = {
        name: Fact(shape=parse_shape(attribute(node, "shape", "shape")))
        for name, node in graph.nodes.items()
        if node["op"] == "PlaceholderWithDefault"
    }
    inference = Inference(
        graph=KnownGraph(body=Body(nodes=nodes), functions={}, constants={"": known})
    )
    facts = zip(wanted, inference.run(given, wanted), strict=True)
    return {name: fact.shape for name, fact in facts if fact.shape is not None}


def _describe(node: Json, graph: Graph) -> Fact | None:
    """Return what is known of a constant; None of other nodes."""
    shape = graph.shape(node["name"])
    if shape is None:
        return None
    values = None
    if attribute(node, "dtype", "type") in _WHOLE and math.prod(shape) <= MAX_VALUES:
        array = graph.constant(node["name"])
        values = None if array is None else tuple(map(int, array.reshape(-1)))
    return Fact(shape=shape, values=values)
