"""Loops of TensorFlow 1 whose nodes wait for each other, in TensorFlow.js before and after."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import load, run_one, store, typed, write_model

from pipeline.tfjs.rewrite.control_inputs import drop_lost_controls
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Json = dict[str, Any]


def enter(name: str, source: str, *, is_constant: bool = False) -> Json:
    frame = {"frame_name": {"s": "bG9vcA=="}, "is_constant": {"b": is_constant}}
    return {"name": name, "op": "Enter", "input": [source], "attr": frame}


def count_to_three(folder: Path, *waited: str) -> Path:
    """Write a model that counts from its input to 3; each round waits for the given nodes."""
    nodes = [
        enter("first", "start"),
        enter("step", "one", is_constant=True),
        node("now", "Merge", ["first", "next"]),
        typed("less", "Less", ["now", "three"], T="float32"),
        node("again", "LoopCond", ["less"]),
        node("go", "Switch", ["now", "again"]),
        node("body", "Identity", ["go:1"]),
        node("wait", "NoOp", [f"^{name}" for name in waited]),
        typed("sum", "AddV2", ["body", "step"], T="float32"),
        node("next", "NextIteration", ["sum", "^wait"]),
        node("end", "Exit", ["go"]),
        node("y", "Identity", ["end"]),
    ]
    one, three = np.array(1, np.float32), np.array(3, np.float32)
    return write_model(
        folder,
        nodes,
        inputs={"start": ("float32", ())},
        outputs={"y": "y:0"},
        weights={"one": one, "three": three},
    )


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.parametrize(
    "waited",
    [
        pytest.param("go", id="a Switch"),
        pytest.param("step", id="what is constant in the loop"),
    ],
)
def test_a_loop_that_waits_for_ever_ends(tmp_path: Path, waited: str, backend: str) -> None:
    model = count_to_three(tmp_path / "model", waited)
    start = np.array(0, np.float32)
    before = run_one(tmp_path / "before", model, backend, start=start)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, start=start)

    assert "Cannot compute the outputs" in str(before.error)
    assert after.error is None
    assert after.outputs[0]["y"] == 3
    assert [text.split(":")[0] for text in sentences] == [
        "node no longer waits for others of its loop that it does not read"
    ]


def test_what_waits_outside_of_loops_is_left() -> None:
    nodes = [
        node("x", "Placeholder", []),
        node("before", "NoOp", ["^x"]),
        node("y", "Identity", ["x", "^before"]),
    ]

    assert drop_lost_controls({"node": nodes}) == ({"node": nodes}, 0)


def test_control_inputs_before_and_after_a_loop_are_left(tmp_path: Path) -> None:
    content = load(count_to_three(tmp_path, "go"))["modelTopology"]
    content["node"].append(node("z", "Identity", ["y", "^end"]))
    changed, count = drop_lost_controls(content)

    inputs = {one["name"]: one.get("input") for one in changed["node"]}
    assert inputs["z"] == ["y", "^end"]
    assert inputs["next"] == ["sum"]
    assert inputs["wait"] == ["^go"]  # nothing waits for it any more
    assert count == 1
