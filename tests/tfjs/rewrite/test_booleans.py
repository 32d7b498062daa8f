"""Booleans moved about, in TensorFlow.js before and after."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import load, run_one, store, typed, write_model

from pipeline.runtime.node_results import Array, ModelRun
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

TRUTHS = np.arange(600).reshape(30, 20) % 7 % 2 == 0


def before_and_after(
    folder: Path, model: Path, backend: str, **inputs: Any
) -> tuple[ModelRun, ModelRun]:
    """Run a model as it is, and rewritten."""
    before = run_one(folder / "before", model, backend, **inputs)
    content, (sentence,) = rewrite_graph(load(model))
    assert "the wasm backend writes booleans beyond its result" in sentence
    assert rewrite_graph(content) == (content, [])
    store(model, content)
    return before, run_one(folder / "after", model, backend, **inputs)


def is_right(made: ModelRun, expected: Array) -> bool:
    return not made.error and np.array_equal(made.outputs[0]["y"], expected)


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_reversed(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [typed("y", "ReverseV2", ["x", "axes"], T="bool", Tidx="int32")],
        inputs={"x": ("bool", (-1, 20))},
        outputs={"y": "y:0"},
        weights={"axes": np.array([0], np.int32)},
    )

    before, after = before_and_after(tmp_path, model, backend, x=TRUTHS)

    assert is_right(after, TRUTHS[::-1])
    # On wasm the result itself may be right, and what lay behind it is overwritten.
    assert backend == "wasm" or is_right(before, TRUTHS[::-1])


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.parametrize("op", ["Select", "SelectV2"])
def test_chosen(tmp_path: Path, op: str, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [typed("y", op, ["which", "x", "other"], T="bool")],
        inputs={"which": ("bool", (-1, 1)), "x": ("bool", (-1, 20)), "other": ("bool", (20,))},
        outputs={"y": "y:0"},
    )
    which, other = TRUTHS[:, :1], ~TRUTHS[3]

    before, after = before_and_after(tmp_path, model, backend, which=which, x=TRUTHS, other=other)

    expected = np.where(which, TRUTHS, other)
    assert is_right(after, expected)
    assert is_right(before, expected) == (backend == "cpu")


def test_numbers_are_moved_as_they_are(tmp_path: Path) -> None:
    write_model(
        tmp_path,
        [
            typed("r", "ReverseV2", ["x", "axes"], T="float32", Tidx="int32"),
            node("y", "SelectV2", ["which", "x", "r"]),
        ],
        inputs={"which": ("bool", (-1,)), "x": ("float32", (-1,))},
        outputs={"y": "y:0"},
        weights={"axes": np.array([0], np.int32)},
    )

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])
