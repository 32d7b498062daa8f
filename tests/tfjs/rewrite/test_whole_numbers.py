"""Ops that TensorFlow.js computes in another dtype, before and after."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfjs_runtime import load, run_one, store, typed, write_model

from pipeline.runtime.node_results import Array
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Json = dict[str, Any]

BACKENDS = ["cpu", "wasm"]
X = np.array([0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**31 - 1, 306783379, 300], np.int32)
ROOTS = np.array([3, -5001, 4097, 46340], np.int32)
FLOATS = np.array([[7.5, -7.5, 0.5], [1, 2, -3]], np.float32)


def write(
    folder: Path, node: Json, weights: dict[str, Array] | None = None, **given: Array
) -> Path:
    """Write a model of one node, `y`."""
    return write_model(
        folder,
        [node],
        inputs={name: (str(array.dtype), array.shape) for name, array in given.items()},
        outputs={"y": "y:0"},
        weights=weights or {},
    )


def before_and_after(folder: Path, model: Path, backend: str, **given: Array) -> tuple[Any, Any]:
    """Return the output as the graph is, None if that fails, and of the rewritten graph."""
    before = run_one(folder / "before", model, backend, **given)
    content, sentences = rewrite_graph(load(model))
    assert len(sentences) == 1
    assert rewrite_graph(content) == (content, [])
    store(model, content)
    after = run_one(folder / "after", model, backend, **given)
    assert after.error is None
    return (None if before.error else before.outputs[0]["y"]), after.outputs[0]["y"]


def is_same(made: Any, expected: Array) -> bool:
    return made is not None and made.dtype == expected.dtype and np.array_equal(made, expected)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("op", "x", "wrong"),
    [
        pytest.param("Abs", X, {"cpu", "wasm"}, id="Abs"),
        pytest.param("Neg", X, {"wasm"}, id="Neg"),
        pytest.param("Square", ROOTS, {"cpu"}, id="Square"),
    ],
)
def test_large_numbers_are_not_rounded(
    tmp_path: Path, backend: str, op: str, x: Array, wrong: set[str]
) -> None:
    model = write(tmp_path / "m", typed("y", op, ["x"], T="int32"), x=x)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    expected = {"Abs": np.abs, "Neg": np.negative, "Square": np.square}[op](x)
    assert is_same(after, expected)
    assert is_same(before, expected) == (backend not in wrong)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_quotient_of_floats_that_is_rounded_down_has_floats(tmp_path: Path, backend: str) -> None:
    two = np.array(2, np.float32)
    node = typed("y", "FloorDiv", ["x", "two"], T="float32")
    model = write(tmp_path / "m", node, x=FLOATS, two=two)

    before, after = before_and_after(tmp_path, model, backend, x=FLOATS, two=two)

    assert is_same(after, np.floor(FLOATS / 2))
    assert (before.dtype == np.int32) == (backend == "cpu")


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("x", "limits", "wrong"),
    [
        pytest.param(X, (np.array(-5, np.int32), np.array(70, np.int32)), {"wasm"}, id="int32"),
        pytest.param(
            FLOATS, (FLOATS - 1, np.minimum(FLOATS, 0)), {"cpu", "wasm"}, id="a limit for each"
        ),
    ],
)
def test_limits(
    tmp_path: Path, backend: str, x: Array, limits: tuple[Array, Array], wrong: set[str]
) -> None:
    least, greatest = limits
    clip = typed("y", "ClipByValue", ["x", "least", "greatest"], T=str(x.dtype))
    model = write(tmp_path / "m", clip, {"least": least, "greatest": greatest}, x=x)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    expected = np.maximum(np.minimum(x, greatest), least)
    assert is_same(after, expected)
    assert is_same(before, expected) == (backend not in wrong)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_places_of_numbers_that_are_not_zero(tmp_path: Path, backend: str) -> None:
    x = np.array([[0.5, 0, -2], [0, 3, 1e-3]], np.float32)
    model = write(tmp_path / "m", typed("y", "Where", ["x"], T="float32"), x=x)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    expected = np.argwhere(x).astype(np.int32)
    assert is_same(after, expected)
    assert is_same(before, expected) == (backend == "cpu")


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_of_whole_numbers_keeps_them(tmp_path: Path, backend: str) -> None:
    x = np.arange(12, dtype=np.int32).reshape(1, 3, 4, 1)
    resize = typed("y", "ResizeNearestNeighbor", ["x", "size"], T="int32")
    resize["attr"] |= {"align_corners": {"b": False}, "half_pixel_centers": {"b": True}}
    model = write(tmp_path / "m", resize, {"size": np.array([6, 4], np.int32)}, x=x)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    expected = np.repeat(x, 2, axis=1)
    assert is_same(after, expected)
    assert is_same(before, expected) == (backend == "cpu")


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_of_16_bits_are_int32(tmp_path: Path, backend: str) -> None:
    x = np.array([0.5, 40000, 7.9], np.float32)
    cast = typed("y", "Cast", ["x"], SrcT="float32", DstT="uint16")
    model = write(tmp_path / "m", cast, x=x)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    assert is_same(after, x.astype(np.int32))
    assert before is None


@pytest.mark.parametrize("op", ["Abs", "Neg", "Square"])
def test_floats_stay_as_they_are(tmp_path: Path, op: str) -> None:
    write(tmp_path, typed("y", op, ["x"], T="float32"), x=FLOATS)

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])


def test_other_forms_stay_as_they_are(tmp_path: Path) -> None:
    ends = {"least": np.array(0, np.float32), "greatest": np.array(6, np.float32)}
    write(tmp_path, typed("y", "ClipByValue", ["x", *ends], T="float32"), dict(ends), x=FLOATS)
    content = load(tmp_path)
    content["modelTopology"]["node"] += [
        typed("i", "Shape", ["x"], T="float32"),
        typed("z", "FloorDiv", ["i", "i"], T="int32"),
        typed("b", "IsNan", ["x"], T="float32"),
        typed("w", "Where", ["b"], T="bool"),
        typed("r", "ResizeNearestNeighbor", ["x", "i"], T="float32"),
    ]

    assert rewrite_graph(content) == (content, [])
