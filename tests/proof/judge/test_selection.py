"""Selection: outputs behind a choice, from the graph."""

from collections.abc import Sequence
from typing import Any

import pytest
from graph_models import node, placeholder

from pipeline.proof.judge.selection import outputs_behind_selection, selects_rows
from pipeline.tfjs.model.topology import parse_topology


def constant(name: str, size: int, dtype: str = "DT_FLOAT") -> dict[str, Any]:
    shape = {"dim": [{"size": str(size)}]}
    tensor = {"dtype": dtype, "tensorShape": shape}
    return {
        "name": name,
        "op": "Const",
        "attr": {"dtype": {"type": dtype}, "value": {"tensor": tensor}},
    }


def behind(*nodes: dict[str, Any], outputs: Sequence[str], **library: Any) -> dict[str, Any]:
    return outputs_behind_selection(parse_topology({"node": list(nodes), **library}), outputs)


NET = (
    placeholder("x", (1, 8)),
    constant("kernel", 32),
    node("scores", "MatMul", ["x", "kernel"]),
)


def test_what_follows_a_selection_is_behind_it_and_what_feeds_it_is_not() -> None:
    nodes = (*NET, node("top", "TopKV2", ["scores", "k"]), constant("k", 1, "DT_INT32"))
    last = node("best", "Identity", ["top:1"])

    found = behind(*nodes, last, outputs=["scores:0", "top:0", "top:1", "best:0"])

    assert found == {"top:0": ("TopKV2",), "top:1": ("TopKV2",), "best:0": ("TopKV2",)}


@pytest.mark.parametrize("op", ["NonMaxSuppressionV3", "NonMaxSuppressionV5", "Where", "ArgMax"])
def test_ops_that_select(op: str) -> None:
    assert behind(*NET, node("y", op, ["scores"]), outputs=["y:0"]) == {"y:0": (op,)}


def test_what_only_runs_earlier_does_not_count() -> None:
    nodes = (*NET, node("top", "TopKV2", ["scores"]), node("raw", "Identity", ["scores", "^top"]))
    assert behind(*nodes, outputs=["raw:0"]) == {}


def test_a_selection_among_inputs_is_exact() -> None:
    nodes = (*NET, node("found", "Where", ["x"]), node("out", "Mul", ["scores", "found"]))
    assert behind(*nodes, outputs=["found:0", "out:0"]) == {}


@pytest.mark.parametrize(
    "weight", [constant("kernel", 1), constant("kernel", 32, "DT_INT32")], ids=["scalar", "int32"]
)
def test_what_is_no_weight_leaves_it_exact(weight: dict[str, Any]) -> None:
    nodes = (NET[0], weight, NET[2], node("top", "TopKV2", ["scores"]))
    assert behind(*nodes, outputs=["top:0"]) == {}


def test_a_selection_in_the_body_of_a_loop_counts() -> None:
    def function(name: str, op: str, calls: str | None = None) -> dict[str, Any]:
        inner = node("inner", op, [])
        if calls:
            inner["attr"] = {"body": {"func": {"name": calls}}}
        return {"signature": {"name": name}, "nodeDef": [inner]}

    loop = node("loop", "StatelessWhile", ["scores"])
    loop["attr"] = {"body": {"func": {"name": "outer"}}}
    functions = [function("outer", "StatelessIf", "inside"), function("inside", "TopKV2")]

    found = behind(*NET, loop, outputs=["loop:0"], library={"function": functions})

    assert found == {"loop:0": ("TopKV2",)}


def test_arg_max_moves_no_rows() -> None:
    assert not selects_rows(("ArgMax",))
    assert selects_rows(("ArgMax", "TopKV2"))
    assert not selects_rows(())
