"""Graphs that are wrong on purpose: the node that was broken is named."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from graph_models import Array, Json, node, placeholder
from tfjs_runtime import packages
from towers import CHANNELS, signature_of, tower, write_tower

from pipeline.errors import ConversionError
from pipeline.proof.localize.find_fault import localize
from pipeline.proof.localize.runtimes import Asked, Runtimes
from pipeline.proof.localize.subject import Subject
from pipeline.proof.localize.weight_losses import measure_losses
from pipeline.proof.vector_files import Vector
from pipeline.runtime.browser.browser import Browsers
from pipeline.workers.limits import Budget
from pipeline.workers.pool import TensorFlowPool

pytestmark = [pytest.mark.tensorflow, pytest.mark.network]

RNG = np.random.default_rng(5)
IMAGE = RNG.normal(size=(1, 6, 6, CHANNELS)).astype(np.float32)
Look = Callable[..., Subject]


@pytest.fixture
def look(pool: TensorFlowPool, tmp_path: Path) -> Look:
    """Return a subject: a folder, whose source returns what a folder returns in TensorFlow."""

    def look_now(
        folder: Path, source: Path, x: Array, backend: str = "wasm", *, quantized: bool = False
    ) -> Subject:
        runtimes = Runtimes(
            name="test",
            submit=pool.submit,
            packages=packages(),
            log=tmp_path.resolve() / "log.txt",
            budget=Budget(),
            trusted=False,
            open_browser=Browsers,
        )
        asked = [Asked(fed=["x:0"], tensors=["y:0"])]
        expected, _ = runtimes.run_tensorflow(source, {"x:0": x}, asked)
        return Subject(
            folder=folder,
            variant="base",
            backend=backend,
            signature=signature_of(folder),
            vector=Vector(inputs={"x": x}, outputs={"y": expected["y:0"]}),
            number=0,
            runtimes=runtimes,
            is_quantized=quantized,
        )

    return look_now


def square_tower() -> tuple[list[Json], dict[str, Array]]:
    """Return a tower with a product of matrices in the middle."""
    nodes, weights = tower()
    at = next(i for i, one in enumerate(nodes) if one["name"] == "conv_20")
    shape, rows = np.array([36, CHANNELS], np.int32), np.array([1, 6, 6, CHANNELS], np.int32)
    weights |= {"flat": shape, "image": rows, "square": weights.pop("kernel_20")[0, 0]}
    nodes[at : at + 1] = [
        node("down", "Reshape", ["relu_19", "flat"]),
        node("product", "MatMul", ["down", "square"], transpose_a=False, transpose_b=False),
        node("conv_20", "Reshape", ["product", "image"]),
    ]
    return nodes, weights


def scale_weight(_nodes: list[Json], weights: dict[str, Array]) -> None:
    weights["kernel_27"] = weights["kernel_27"] * np.float32(1.05)


def turn_matrix(nodes: list[Json], _weights: dict[str, Array]) -> None:
    next(one for one in nodes if one["name"] == "product")["attr"]["transpose_b"] = {"b": True}


def change_slope(nodes: list[Json], _weights: dict[str, Array]) -> None:
    wrong = next(one for one in nodes if one["name"] == "relu_9")
    wrong |= {"op": "LeakyRelu", "attr": {**wrong["attr"], "alpha": {"f": 0.01}}}


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        pytest.param(scale_weight, "Conv2D 'conv_27'", id="a weight scaled by 1.05"),
        pytest.param(turn_matrix, "MatMul 'product'", id="a factor transposed"),
        pytest.param(change_slope, "LeakyRelu 'relu_9'", id="another activation"),
    ],
)
def test_a_graph_that_was_changed_is_named_where_it_was_changed(
    look: Look,
    tmp_path: Path,
    harm: Callable[[list[Json], dict[str, Array]], None],
    name: str,
) -> None:
    nodes, weights = square_tower()
    source = write_tower(tmp_path / "source", nodes, weights)
    changed, others = copy.deepcopy(nodes), dict(weights)
    harm(changed, others)
    folder = write_tower(tmp_path / "published", changed, others)

    found = localize(look(folder, source, IMAGE), origin=lambda: source)

    assert found.cause == "graph"
    assert found.node is not None
    assert found.node.name == name
    assert f"the graph that it was made of, before TensorFlow.js runs it, first at {name}" in (
        found.sentence()
    )
    tensors = [step.tensor for step in found.path]
    assert not any(
        step.deviation.is_wrong for step in found.path[: tensors.index(found.node.tensor)]
    )


def truth() -> tuple[list[Json], dict[str, Array]]:
    """Return a tower in which numbers become booleans and numbers again."""
    nodes, weights = tower()
    at = next(i for i, one in enumerate(nodes) if one["name"] == "relu_30")
    types = {"SrcT": {"type": "DT_FLOAT"}, "DstT": {"type": "DT_BOOL"}}
    back = {"SrcT": {"type": "DT_BOOL"}, "DstT": {"type": "DT_FLOAT"}}
    weights["small"] = np.float32(0.01) * np.ones(1, np.float32)
    nodes[at : at + 1] = [
        node("tiny", "Mul", ["conv_30", "small"]),
        {"name": "truth", "op": "Cast", "input": ["tiny"], "attr": types},
        {"name": "number", "op": "Cast", "input": ["truth"], "attr": back},
        node("relu_30", "Add", ["number", "conv_30"]),
    ]
    return nodes, weights


def fused() -> tuple[list[Json], dict[str, Array]]:
    """Return a tower with a fused product, one of whose factors is transposed."""
    nodes, weights = tower()
    size = 36 * CHANNELS
    made = node("product", "_FusedMatMul", ["flat", "wide", "bias"], transpose_b=True)
    made["attr"] |= {"fused_ops": {"list": {"s": ["Qmlhc0FkZA=="]}}, "num_args": {"i": "1"}}
    weights |= {
        "row": np.array([1, size], np.int32),
        "wide": RNG.normal(size=(60, size)).astype(np.float32),
        "bias": 10 * RNG.normal(size=60).astype(np.float32),
    }
    nodes += [node("flat", "Reshape", ["relu_39", "row"]), made, node("last", "Relu", ["product"])]
    return nodes, weights


@pytest.mark.parametrize(
    ("made", "name", "fault"),
    [
        pytest.param(truth, "Cast 'truth'", "casts to an integer first", id="a cast to bool"),
        pytest.param(
            fused, "_FusedMatMul 'product'", "no bias where a factor is transposed", id="a bias"
        ),
    ],
)
def test_an_op_that_wasm_gets_wrong_is_named_with_the_known_fault(
    look: Look,
    tmp_path: Path,
    made: Callable[[], tuple[list[Json], dict[str, Array]]],
    name: str,
    fault: str,
) -> None:
    folder = write_tower(tmp_path / "model", *made())

    found = localize(look(folder, folder, IMAGE))

    assert found.cause == "backend"
    assert found.node is not None
    assert found.node.name == name
    assert found.node.known_fault is not None
    assert fault in found.node.known_fault
    assert fault in found.sentence()
    assert found.node.alone is not None
    assert found.node.alone.is_wrong
    first = found.node.inputs[0]
    assert first.dtype == "float32"
    assert first.low is not None
    assert localize(look(folder, folder, IMAGE, "cpu")).cause == "none"


def test_rounding_errors_that_grow_accuse_no_node(look: Look, tmp_path: Path) -> None:
    """A mean of many numbers, one after another, loses digits that a difference then shows."""
    values = (1000 + RNG.normal(size=(1, 256, 256, 1))).astype(np.float32)
    axes = np.array([1, 2], np.int32)
    weights = {"axes": axes, "mean": values.mean((1, 2), np.float64).astype(np.float32)}
    mean = node("sum", "Mean", ["x", "axes"], keep_dims=False)
    mean["attr"]["Tidx"] = {"type": "DT_INT32"}
    nodes = [placeholder("x", values.shape), mean, node("small", "Sub", ["sum", "mean"])]
    folder = write_tower(tmp_path / "model", nodes, weights, shape=values.shape)

    found = localize(look(folder, folder, values))

    assert found.cause == "rounding"
    assert found.node is not None
    assert found.node.name == "Mean 'sum'"
    assert "no node is wrong on wasm, but rounding errors grow" in found.sentence()


def test_a_graph_that_is_right_has_no_fault(look: Look, tmp_path: Path) -> None:
    folder = write_tower(tmp_path / "model", *tower())

    found = localize(look(folder, folder, IMAGE), origin=lambda: folder)

    assert (found.cause, found.node) == ("none", None)
    assert "wasm computes what TensorFlow does" in found.sentence()


def test_a_source_that_returns_something_else_is_said_to_differ(look: Look, tmp_path: Path) -> None:
    nodes, weights = tower()
    folder = write_tower(tmp_path / "model", nodes, weights)
    other = write_tower(tmp_path / "other", nodes[:-2], weights)

    found = localize(look(folder, other, IMAGE))

    assert found.cause == "source"
    assert "differs from the source before TensorFlow.js runs it" in found.sentence()


def test_a_graph_that_tensorflow_cannot_run_is_refused(look: Look, tmp_path: Path) -> None:
    nodes, weights = tower(2)
    right = write_tower(tmp_path / "right", nodes, weights)
    broken = write_tower(tmp_path / "broken", [*nodes, node("z", "NoSuchOp", ["relu_1"])], weights)

    with pytest.raises(ConversionError, match="NoSuchOp"):
        localize(look(broken, right, IMAGE))


def test_the_weights_that_cost_most_are_those_with_an_outlier(look: Look, tmp_path: Path) -> None:
    nodes, weights = tower(12)
    weights["kernel_7"][0, 0, 0, 0] = 40.0
    base = write_tower(tmp_path / "base", nodes, weights)
    stored = {name: "uint8" for name in weights if name != "kernel_3"}
    small = write_tower(tmp_path / "small", nodes, weights, stored=stored)

    losses = measure_losses(look(small, base, IMAGE, quantized=True), base)

    assert losses[0].name == "Conv2D 'conv_7'"
    assert losses[0].weights == {"kernel_7": "uint8"}
    assert losses[0].own > 5 * losses[1].own
    assert "conv_3:0" not in [loss.tensor for loss in losses]
    assert losses[0].before is not None
    assert losses[0].before < losses[0].own
