"""Volumes pooled and convolved, in TensorFlow.js before and after."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import function, load, loop, run_one, store, with_library, write_model

from pipeline.runtime.node_results import Array
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Json = dict[str, Any]

VOLUMES = -1 - np.random.default_rng(0).random((2, 5, 6, 7, 3), np.float32)


def pool(source: str, window: Sequence[int], steps: Sequence[int], padding: str) -> Json:
    """Return a node that pools volumes."""
    made = node("y", "MaxPool3D", [source])
    for key, sizes in (("ksize", window), ("strides", steps)):
        made["attr"][key] = {"list": {"i": ["1", *map(str, sizes), "1"]}}
    made["attr"]["padding"] = {"s": b64encode(padding.encode()).decode()}
    made["attr"]["data_format"] = {"s": b64encode(b"NDHWC").decode()}
    return made


def pooled(window: Sequence[int], steps: Sequence[int], padding: str) -> Array:
    """Return what TensorFlow makes of VOLUMES."""
    values = VOLUMES
    for axis, (size, step) in enumerate(zip(window, steps, strict=True), start=1):
        length = values.shape[axis]
        total = max((-(-length // step) - 1) * step + size - length, 0) if padding == "SAME" else 0
        around = [(0, 0)] * values.ndim
        around[axis] = (total // 2, total - total // 2)
        padded = np.pad(values, around, constant_values=-np.inf)
        starts = range(0, length + total - size + 1, step)
        windows = [np.take(padded, range(at, at + size), axis).max(axis) for at in starts]
        values = np.stack(windows, axis)
    return values


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.parametrize(
    ("window", "steps", "padding"),
    [
        pytest.param((2, 2, 2), (2, 2, 2), "VALID", id="halved"),
        pytest.param((3, 2, 3), (1, 2, 3), "SAME", id="each axis its own"),
        pytest.param((1, 2, 2), (1, 2, 2), "VALID", id="in each frame"),
        pytest.param((2, 1, 1), (2, 2, 1), "SAME", id="steps beyond the window"),
    ],
)
def test_the_largest_of_negative_values(
    tmp_path: Path, window: Sequence[int], steps: Sequence[int], padding: str, backend: str
) -> None:
    model = write_model(
        tmp_path / "m",
        [pool("x", window, steps, padding)],
        inputs={"x": ("float32", (-1, 5, 6, 7, 3))},
        outputs={"y": "y:0"},
    )
    before = run_one(tmp_path / "before", model, backend, x=VOLUMES)
    content, (sentence,) = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=VOLUMES)

    expected = pooled(window, steps, padding)
    np.testing.assert_array_equal(after.outputs[0]["y"], expected)
    narrow = any(size < step for size, step in zip(window, steps, strict=True))
    was_right = np.array_equal(before.outputs[0]["y"], expected)
    assert was_right == (backend == "cpu" and not narrow)
    assert sentence.startswith("MaxPool3D became MaxPool twice")
    assert rewrite_graph(content) == (content, [])


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_the_mean_of_single_elements(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [pool("x", (1, 1, 1), (2, 2, 2), "SAME") | {"op": "AvgPool3D"}],
        inputs={"x": ("float32", (-1, 5, 6, 7, 3))},
        outputs={"y": "y:0"},
    )
    before = run_one(tmp_path / "before", model, backend, x=VOLUMES)
    content, (sentence,) = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=VOLUMES)

    np.testing.assert_allclose(after.outputs[0]["y"], VOLUMES[:, ::2, ::2, ::2], rtol=1e-6)
    assert not np.allclose(before.outputs[0]["y"], VOLUMES[:, ::2, ::2, ::2])
    assert sentence.startswith("AvgPool3D became AvgPool twice")
    assert rewrite_graph(content) == (content, [])


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_in_a_library_function(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [loop("loop", ["go", "x"], ["bool", "float32"]), node("z", "Identity", ["loop:1"])],
        inputs={"go": ("bool", ()), "x": ("float32", (2, 5, 6, 7, 3))},
        outputs={"z": "z:0"},
    )
    takes = {"go": "bool", "x": "float32"}
    ended = {"name": "end", "op": "LogicalNot", "input": ["go"], "attr": {}}
    body = function(
        "body",
        takes=takes,
        gives={"again": "bool", "values": "float32"},
        returns={"again": "end:y:0", "values": "y:output:0"},
        nodes=[ended, pool("x", (2, 2, 2), (2, 2, 2), "VALID")],
    )
    condition = function("cond", takes=takes, gives={"on": "bool"}, returns={"on": "go"}, nodes=[])
    content, _ = rewrite_graph(load(with_library(model, [condition, body])))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=VOLUMES, go=np.array(True))

    expected = pooled((2, 2, 2), (2, 2, 2), "VALID")
    np.testing.assert_array_equal(after.outputs[0]["z"], expected)


def convolution(steps: Sequence[int]) -> Json:
    made = pool("x", (1, 1, 1), steps, "SAME")
    made["attr"]["dilations"] = made["attr"].pop("ksize")
    return made | {"op": "Conv3D", "input": ["x", "kernel"]}


@pytest.mark.network
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_every_other_element(tmp_path: Path, backend: str) -> None:
    kernel = np.array([[2], [-1], [0.5]], np.float32)
    model = write_model(
        tmp_path / "m",
        [convolution((2, 2, 2))],
        inputs={"x": ("float32", (-1, 5, 6, 7, 3))},
        outputs={"y": "y:0"},
        weights={"kernel": kernel.reshape(1, 1, 1, 3, 1)},
    )
    before = run_one(tmp_path / "before", model, backend, x=VOLUMES)
    content, (sentence,) = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=VOLUMES)

    expected = VOLUMES[:, ::2, ::2, ::2] @ kernel
    np.testing.assert_allclose(after.outputs[0]["y"], expected, rtol=1e-5)
    assert not np.allclose(before.outputs[0]["y"], expected, rtol=1e-2)
    assert sentence.startswith("Conv3D of single elements is VALID")
    assert rewrite_graph(content) == (content, [])


@pytest.mark.parametrize(
    ("size", "steps"),
    [
        pytest.param(1, (1, 1, 1), id="all elements"),
        pytest.param(3, (2, 2, 2), id="windows as wide as the steps"),
    ],
)
def test_other_convolutions_stay(tmp_path: Path, size: int, steps: Sequence[int]) -> None:
    write_model(
        tmp_path,
        [convolution(steps)],
        inputs={"x": ("float32", (-1, 5, 6, 7, 3))},
        outputs={"y": "y:0"},
        weights={"kernel": np.ones((size, size, size, 3, 1), np.float32)},
    )

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])


@pytest.mark.parametrize(
    ("step", "padding", "changes"),
    [(2, "SAME", False), (3, "VALID", False), (3, "SAME", True)],
)
def test_what_is_never_negative_is_pooled_as_it_is(
    tmp_path: Path, step: int, padding: str, *, changes: bool
) -> None:
    write_model(
        tmp_path,
        [node("r", "Relu", ["x"]), pool("r", (2, 2, 2), (step, 2, 2), padding)],
        inputs={"x": ("float32", (-1, 5, 6, 7, 3))},
        outputs={"y": "y:0"},
    )

    _, sentences = rewrite_graph(load(tmp_path))
    assert bool(sentences) == changes
