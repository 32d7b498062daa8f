"""The search for the first wrong tensor, in graphs without values."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
from graph_models import Json, node, placeholder

from pipeline.proof.localize.graph_tensors import GraphTensors
from pipeline.proof.localize.node_deviation import Deviation
from pipeline.proof.localize.search import CUT, find_first
from pipeline.tfjs.model.topology import parse_topology


class Runs:
    """Runtimes that agree but for a broken node, and all nodes behind it.

    Attributes:
        asked: The tensors that were asked for, a list for each call.
    """

    def __init__(self, graph: GraphTensors, broken: str, *, lost: Collection[str] = ()) -> None:
        self.asked: list[Sequence[str]] = []
        self._graph = graph
        self._broken = broken
        self._lost = lost

    def measure(self, tensors: Sequence[str]) -> Mapping[str, Deviation]:
        """Return deviations, and remember the tensors."""
        self.asked.append(tensors)
        return {tensor: self._look(tensor) for tensor in tensors if tensor not in self._lost}

    def _look(self, tensor: str) -> Deviation:
        wrong = tensor == self._broken or self._broken in self._graph.upstream(tensor)
        return Deviation(error=0.1 if wrong else 1e-7, floor=1e-7, shapes=((), ()))


def random_graph(size: int, *, seed: int) -> GraphTensors:
    """Return a graph in which each node reads one or two of the ten nodes before it."""
    rng = np.random.default_rng(seed)
    nodes: list[Json] = [placeholder("n0", (1,))]
    for i in range(1, size):
        near = rng.integers(max(0, i - 10), i, 2)
        nodes.append(node(f"n{i}", "Add", [f"n{j}" for j in near]))
    return GraphTensors(topology=parse_topology({"node": nodes}), outputs=[f"n{size - 1}:0"])


@pytest.mark.parametrize("seed", range(5))
def test_the_first_wrong_node_is_found_in_few_cuts(seed: int) -> None:
    graph = random_graph(2000, seed=seed)
    broken = list(graph.order)[137 * (seed + 1)]
    runs = Runs(graph, broken)

    found = find_first(graph, runs.measure)

    assert found.tensor == broken
    assert len(runs.asked) <= 6
    assert max(map(len, runs.asked)) <= CUT
    assert all(name in found.deviations for name in graph.inputs(broken))


def test_nothing_is_found_where_all_outputs_are_right() -> None:
    graph = random_graph(50, seed=1)

    found = find_first(graph, Runs(graph, "none:0").measure)

    assert found.tensor is None
    assert list(found.deviations) == ["n49:0"]


def test_a_tensor_without_a_value_is_passed_over() -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    nodes = [placeholder("a", (1,)), *(node(name, "Neg", [read]) for read, name in pairs)]
    graph = GraphTensors(topology=parse_topology({"node": nodes}), outputs=["e:0"])

    found = find_first(graph, Runs(graph, "c:0", lost={"c:0"}).measure)

    assert found.tensor == "d:0"
    assert found.graph.inputs("d:0") == ["b:0"]
