"""Outputs of a sigmoid or a softmax, which runtimes compute from numbers near 1."""

from graph_models import node, placeholder

from pipeline.proof.judge.bounded_ops import UNIT, outputs_of_bounded_ops, raise_floors
from pipeline.records.noise_floor import OutputFloor
from pipeline.tfjs.model.topology import parse_topology

GRAPH = (
    placeholder("x", (1, 8)),
    node("logits", "Relu", ["x"]),
    node("scores", "Sigmoid", ["logits"]),
    node("turned", "Transpose", ["scores"]),
    node("result", "Identity", ["turned"]),
    node("scaled", "Mul", ["scores", "x"]),
)


def test_an_output_is_bounded_where_nothing_computes_behind_the_op() -> None:
    topology = parse_topology({"node": list(GRAPH)})
    outputs = ["logits:0", "scores:0", "result:0", "scaled:0", "x:0"]

    assert outputs_of_bounded_ops(topology, outputs) == {"scores:0", "result:0"}


def test_a_floor_of_a_bounded_output_is_a_unit_of_1_at_least() -> None:
    floor = OutputFloor(error=1e-12, rms=1e-13, agreement=1.0)
    high = OutputFloor(error=1e-3, rms=1e-4, agreement=1.0)

    raised = raise_floors({"scores": [floor, high], "boxes": [floor]}, ["scores"])

    assert raised["scores"] == [OutputFloor(error=UNIT, rms=UNIT / 2, agreement=1.0), high]
    assert raised["boxes"] == [floor]
