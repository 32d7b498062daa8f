"""Whole numbers that stand for others: the source's rounding, and weights of few bits."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx_and_runtime import make_graph_model, make_node_model, run_in_child, run_in_runtime

from pipeline.tf.onnx.onnx_model import make_model
from pipeline.tf.onnx.small_weights import small_weights

_NUMBERS = np.random.default_rng(6)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def whole(dtype: str, *shape: int) -> Any:
    limits = np.iinfo(dtype)
    return _NUMBERS.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


def scale(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


_HALVES = np.arange(-600, 600, dtype=np.float32) * np.float32(0.0185)
_ZERO = np.uint8(5)
_OWN, _OTHER, _TARGET = np.float32(0.05), np.float32(0.03), np.float32(0.4)
_PAIR = (whole("uint8", 4, 9), _OWN, _ZERO)

CASES = [
    pytest.param("QuantizeLinear", (_HALVES, np.float32(0.037), np.int8(3)), {}, id="halves"),
    pytest.param(
        "QuantizeLinear",
        (draw(2, 3, 5), scale(0.1, 0.2, 0.3), np.array([1, 2, 3], np.uint16)), {"axis": 1},
        id="an axis",
    ),
    pytest.param(
        "DequantizeLinear", (whole("int8", 6, 3), draw(3, 3)), {"axis": 0, "block_size": 2},
        id="blocks",
    ),
    pytest.param("DynamicQuantizeLinear", (draw(4, 30),), {"num_outputs": 3}, id="a range"),
    pytest.param(
        "MatMulInteger", (whole("uint8", 4, 9), whole("int8", 9, 5), _ZERO, whole("int8", 5)), {},
        id="a product",
    ),
    pytest.param(
        "ConvInteger", (whole("uint8", 1, 4, 8, 8), whole("uint8", 8, 2, 3, 3), _ZERO, _ZERO),
        {"pads": [1] * 4, "group": 2}, id="a convolution",
    ),
    pytest.param(
        "QLinearConv",
        (whole("uint8", 2, 4, 8, 8), _OWN, _ZERO, whole("int8", 8, 4, 3, 3), np.abs(draw(8)) / 20,
         np.zeros(8, np.int8), np.float32(0.6), _ZERO),
        {"pads": [1, 1, 0, 0]}, id="a quantized convolution",
    ),
    pytest.param(
        "QLinearMatMul",
        (*_PAIR, whole("int8", 9, 5), _OTHER, np.int8(2), _TARGET, _ZERO), {},
        id="a quantized product",
    ),
    pytest.param(
        "QLinearAdd", (*_PAIR, whole("uint8", 9), _OTHER, _ZERO, np.float32(0.09), _ZERO),
        {"domain": "com.microsoft"}, id="a sum",
    ),
    pytest.param(
        "MatMulNBits", (draw(3, 64), whole("uint8", 24, 2, 16), np.abs(draw(48))),
        {"domain": "com.microsoft", "K": 64, "N": 24, "bits": 4, "block_size": 32}, id="4 bits",
    ),
]  # fmt: skip


@pytest.mark.tensorflow
@pytest.mark.parametrize(("op", "inputs", "options"), CASES)
def test_whole_numbers_are_those_of_onnx_runtime(
    op: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> None:
    named = {f"x{number}": array for number, array in enumerate(inputs)}
    model = make_node_model(op, named, constants=list(named)[1:], **options)
    expected = run_in_runtime(model, named)

    for made, wanted in zip(run_in_child(model, named), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5)


def test_a_file_says_how_it_stores_its_weights() -> None:
    nodes = [
        onnx.helper.make_node("Cast", ["table"], ["cast"], to=1),
        onnx.helper.make_node("Mul", ["cast", "scales"], ["real"]),
        onnx.helper.make_node("Add", ["x", "half"], ["sum"]),
    ]
    named = {
        "x": draw(3),
        "table": whole("int8", 7, 3),
        "scales": draw(7, 1),
        "half": np.ones(3, np.float16),
    }
    constants = ["table", "scales", "half"]
    model = make_graph_model(nodes, named, ["real", "sum"], constants=constants)

    found = {
        (each.size, each.dtype, each.scales.size) for each in small_weights(make_model(model, "m"))
    }

    assert found == {(21, "integer", 1), (21, "integer", 7), (3, "float16", 0)}
