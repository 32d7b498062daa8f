"""Inputs with a default that nobody feeds, in TensorFlow.js before and after."""

from pathlib import Path

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import load, run_one, store, typed, write_model

from pipeline.tfjs.rewrite.default_inputs import settle_defaults
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

X = np.array([[-1, 2], [3, 4]], np.float32)


def with_default(folder: Path) -> Path:
    """Write a model with a default that it computes from its input."""
    nodes = [
        typed("doubled", "AddV2", ["x", "x"], T="float32"),
        typed("given", "PlaceholderWithDefault", ["doubled"], dtype="float32"),
        typed("positive", "Relu", ["given"], T="float32"),
        node("y", "Identity", ["positive"]),
    ]
    return write_model(folder, nodes, inputs={"x": ("float32", (-1, 2))}, outputs={"y": "y:0"})


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_a_default_that_is_never_fed_is_not_freed(tmp_path: Path, backend: str) -> None:
    model = with_default(tmp_path / "model")
    before = run_one(tmp_path / "before", model, backend, x=X)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=X)

    assert "reading 'backend'" in str(before.error)
    assert after.error is None
    np.testing.assert_array_equal(after.outputs[0]["y"], np.maximum(2 * X, 0))
    assert [text.partition(":")[0] for text in sentences] == [
        "default of an input that the signature does not have is read as it is"
    ]


def test_a_default_that_may_be_fed_stays(tmp_path: Path) -> None:
    graph = load(with_default(tmp_path / "model"))["modelTopology"]

    assert settle_defaults(graph, fed={"x", "given"}) == (graph, 0)
    assert settle_defaults(graph, fed={"x"})[1] == 1
