"""Search: the first tensor that is wrong although all that it is computed from is right.

The search never asks for the whole graph: it asks for a cut of tensors spread over what a wrong
tensor is computed from, goes on before the first wrong tensor of the cut, and ends where the
nearest inputs of a wrong tensor are right. This module opens no file.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.proof.localize.graph_tensors import GraphTensors
from pipeline.proof.localize.node_deviation import Deviation

# Most tensors in memory at a time. A graph of 1,000 nodes takes two or three cuts.
CUT = 32

Measure = Callable[[Sequence[str]], Mapping[str, Deviation]]
"""Returns the deviation of some tensors, without those that a runtime does not give."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The end of a search.

    Attributes:
        graph: The graph, without the tensors that a runtime did not give.
        tensor: The first wrong tensor; None if all outputs are right.
        deviations: What was measured, by tensor, in the order of the graph.
    """

    graph: GraphTensors
    tensor: str | None
    deviations: Mapping[str, Deviation]


def find_first(graph: GraphTensors, measure: Measure) -> Found:
    """Find the first wrong tensor that the outputs of a graph depend on."""
    known: dict[str, Deviation] = {}
    graph = _look(graph, [name for name in graph.outputs if name in graph.order], known, measure)
    suspect = _first_wrong(graph, known)
    while suspect is not None:
        upstream = graph.upstream(suspect)
        near = graph.inputs(suspect)
        unknown = [name for name in near if name not in known]
        if not unknown and not any(known[name].is_wrong for name in near):
            break
        cut = unknown[:CUT]
        others = _worth_asking(graph, upstream, {*known, *cut}, known)
        graph = _look(graph, [*cut, *_spread(others, CUT - len(cut))], known, measure)
        inside = {*graph.upstream(suspect), suspect}
        suspect = _first_wrong(graph, {name: one for name, one in known.items() if name in inside})
    ordered = sorted(known, key=graph.order.__getitem__)
    return Found(graph=graph, tensor=suspect, deviations={name: known[name] for name in ordered})


def _worth_asking(
    graph: GraphTensors,
    upstream: Sequence[str],
    asked: Collection[str],
    known: Mapping[str, Deviation],
) -> list[str]:
    """Return the tensors before a wrong tensor that are not before a right tensor too.

    An error before a right tensor has probably not reached the wrong tensor either.
    """
    right = [name for name in upstream if name in known and not known[name].is_wrong]
    cleared = {*graph.upstream(*right), *asked}
    return [name for name in upstream if name not in cleared]


def _look(
    graph: GraphTensors, tensors: Sequence[str], known: dict[str, Deviation], measure: Measure
) -> GraphTensors:
    """Measure tensors, and return the graph without those that have no value."""
    measured = measure(tensors)
    known |= measured
    lost = [name for name in tensors if name not in measured]
    return replace(graph, hidden={*graph.hidden, *lost}) if lost else graph


def _first_wrong(graph: GraphTensors, known: Mapping[str, Deviation]) -> str | None:
    wrong = [name for name, one in known.items() if one.is_wrong]
    return min(wrong, key=graph.order.__getitem__, default=None)


def _spread(tensors: Sequence[str], count: int) -> list[str]:
    """Return so many tensors at equal distances."""
    if len(tensors) <= count:
        return list(tensors)
    return [tensors[(2 * i + 1) * len(tensors) // (2 * count)] for i in range(count)]
