"""Tensors of a graph: what can be asked for, and what stands before it."""

import numpy as np
from graph_models import Json, constant, node, placeholder
from towers import tower

from pipeline.proof.localize.graph_tensors import GraphTensors
from pipeline.tfjs.model.topology import parse_topology


def tensors(nodes: list[Json], *outputs: str) -> GraphTensors:
    return GraphTensors(topology=parse_topology({"node": nodes}), outputs=outputs)


def test_each_tensor_stands_behind_those_that_it_is_computed_from() -> None:
    nodes, weights = tower(3)
    constants = [constant(name, values) for name, values in weights.items()]

    graph = tensors([*reversed(nodes), *constants], "relu_2:0")

    expected = ["conv_0:0", "relu_0:0", "conv_1:0", "relu_1:0", "conv_2:0", "relu_2:0"]
    assert list(graph.order) == expected
    assert graph.upstream("conv_2:0") == expected[:4]
    assert graph.inputs("conv_0:0") == []
    assert graph.weights("conv_1:0") == ["kernel_1"]
    assert graph.data("conv_1:0") == ["relu_0:0"]
    assert graph.data("conv_0:0") == ["x:0"]


def test_only_outputs_that_somebody_reads_are_asked_for() -> None:
    nodes = [
        placeholder("x", (4,)),
        constant("k", np.array(2, np.int32)),
        node("top", "TopKV2", ["x", "k"]),
        node("y", "Identity", ["top:1"], dtype="int32"),
    ]

    assert list(tensors(nodes, "y:0").order) == ["top:1", "y:0"]


def test_the_search_passes_through_loops_branches_and_hidden_tensors() -> None:
    nodes = [
        placeholder("x", (4,)),
        node("before", "Relu", ["x"]),
        node("enter", "Enter", ["before"]),
        node("merge", "Merge", ["enter", "next"]),
        node("less", "Less", ["merge", "merge"]),
        node("cond", "LoopCond", ["less"]),
        node("switch", "Switch", ["merge", "cond"]),
        node("body", "Neg", ["switch:1"]),
        node("next", "NextIteration", ["body"]),
        node("exit", "Exit", ["switch"]),
        node("flag", "Greater", ["exit", "exit"]),
        node("branch", "Switch", ["exit", "flag"]),
        node("yes", "Neg", ["branch:1"]),
        node("join", "Merge", ["branch", "yes"]),
        node("y", "Relu", ["join"]),
    ]
    graph = tensors(nodes, "y:0")

    assert list(graph.order) == ["before:0", "exit:0", "flag:0", "join:0", "y:0"]
    assert graph.inputs("exit:0") == ["before:0"]
    assert graph.inputs("join:0") == ["exit:0", "flag:0"]
    assert GraphTensors(
        topology=graph.topology, outputs=["y:0"], hidden={"join:0", "exit:0"}
    ).inputs("y:0") == ["flag:0", "before:0"]
