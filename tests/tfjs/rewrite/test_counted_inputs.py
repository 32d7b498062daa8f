"""Ops with lists of tensors that also wait for a node, in TensorFlow.js before and after."""

from pathlib import Path

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import load, run_one, store, typed, write_model

from pipeline.tfjs.rewrite.counted_inputs import part_controls
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

X = np.array([1, 2], np.float32)


def write_waiting(folder: Path) -> Path:
    """Write a model whose Pack and ConcatV2 wait for a sum."""
    nodes = [
        typed("sum", "AddV2", ["x", "x"], T="float32"),
        {"name": "packed", "op": "Pack", "input": ["x", "x", "^sum"],
         "attr": {"N": {"i": "2"}, "T": {"type": "DT_FLOAT"}, "axis": {"i": "0"}}},
        {"name": "joined", "op": "ConcatV2", "input": ["x", "x", "axis", "^sum"],
         "attr": {"N": {"i": "2"}, "T": {"type": "DT_FLOAT"}, "Tidx": {"type": "DT_INT32"}}},
    ]  # fmt: skip
    return write_model(
        folder,
        nodes,
        inputs={"x": ("float32", (2,))},
        outputs={"packed": "packed:0", "joined": "joined:0"},
        weights={"axis": np.array(0, np.int32)},
    )


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_control_inputs_are_not_packed(tmp_path: Path, backend: str) -> None:
    model = write_waiting(tmp_path / "model")
    before = run_one(tmp_path / "before", model, backend, x=X)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=X)

    assert before.error is not None or before.outputs[0]["packed"].shape != (2, 2)
    assert after.error is None
    assert after.outputs[0]["packed"].tolist() == [[1, 2], [1, 2]]
    assert after.outputs[0]["joined"].tolist() == [1, 2, 1, 2]
    assert [one.partition(":")[0] for one in sentences] == [
        "op with a list of tensors has an Identity that waits for its control inputs"
    ]


def test_without_control_inputs_nothing_changes() -> None:
    nodes = [node("x", "Placeholder", []), node("y", "Pack", ["x", "x"])]

    assert part_controls({"node": nodes}) == ({"node": nodes}, 0)
