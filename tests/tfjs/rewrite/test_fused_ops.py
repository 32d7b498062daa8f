"""Fused products whose bias TensorFlow.js adds wrong, before and after."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import load, run_one, store, write_model

from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Json = dict[str, Any]

# Longer than the 48 numbers that the wasm backend sums at a time.
X = np.random.default_rng(0).normal(size=(3, 60)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
BIAS = np.array([1, -2, 3, 0.5], np.float32)


def product(*ops: str, **flags: bool) -> Json:
    """Return a fused product of x, w and b."""
    made = node("y", "_FusedMatMul", ["x", "w", "b"])
    for key in ("transpose_a", "transpose_b"):
        made["attr"][key] = {"b": flags.get(key, False)}
    strings = [b64encode(op.encode()).decode() for op in ops]
    made["attr"] |= {"fused_ops": {"list": {"s": strings}}, "num_args": {"i": "1"}}
    return made


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.parametrize(
    ("flags", "bias"),
    [
        pytest.param({"transpose_b": True}, BIAS, id="the second factor transposed"),
        pytest.param({"transpose_a": True}, BIAS, id="the first factor transposed"),
        pytest.param({}, BIAS[:1], id="a single number"),
    ],
)
def test_each_row_gets_its_bias(
    tmp_path: Path, flags: dict[str, bool], bias: Any, backend: str
) -> None:
    x = np.ascontiguousarray(X.T) if "transpose_a" in flags else X
    w = np.ascontiguousarray(W.T) if "transpose_b" in flags else W
    model = write_model(
        tmp_path / "m",
        [product("BiasAdd", "Relu", **flags)],
        inputs={"x": ("float32", x.shape)},
        outputs={"y": "y:0"},
        weights={"w": w, "b": bias},
    )
    before = run_one(tmp_path / "before", model, backend, x=x)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=x)

    expected = np.maximum(X @ W + bias, 0)
    np.testing.assert_allclose(after.outputs[0]["y"], expected, rtol=1e-4, atol=1e-5)
    assert len(sentences) == 1
    assert rewrite_graph(content) == (content, [])
    was_right = np.allclose(before.outputs[0]["y"], expected, rtol=1e-4, atol=1e-5)
    assert was_right == (backend == "cpu")


@pytest.mark.parametrize("channels", [1, 4])
def test_a_bias_of_one_number_for_each_channel_stays(tmp_path: Path, channels: int) -> None:
    weights = {"w": W[:, :channels], "b": BIAS[:channels]}
    write_model(
        tmp_path,
        [product("BiasAdd", "Relu")],
        inputs={"x": ("float32", (3, 60))},
        outputs={"y": "y:0"},
        weights=weights,
    )

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])


def test_a_bias_that_a_loop_hands_on_stays(tmp_path: Path) -> None:
    frame = {"frame_name": {"s": "bG9vcA=="}}
    handed = product("BiasAdd")
    handed["input"][2] = "go:1"
    write_model(
        tmp_path,
        [
            {"name": "enter", "op": "Enter", "input": ["b"], "attr": frame},
            node("now", "Merge", ["enter", "next"]),
            node("go", "Switch", ["now", "again"]),
            node("next", "NextIteration", ["go:1"]),
            handed,
        ],
        inputs={"x": ("float32", (3, 60)), "again": ("bool", ())},
        outputs={"y": "y:0"},
        weights={"w": W, "b": BIAS},
    )

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])
