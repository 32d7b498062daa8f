"""Normalizations by constants that become parts of convolutions."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_and_runtime import list_ops_in_child, make_graph_model, run_in_child, run_in_runtime

from pipeline.tf.onnx.fold_norms import fold_norms
from pipeline.tf.onnx.onnx_model import make_model

_NUMBERS = np.random.default_rng(5)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def node(op: str, *inputs: str, to: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [to], **attributes)


_NORM = {"s": draw(6), "b": draw(6), "m": draw(6), "v": np.abs(draw(6)) + 0.1}
_ARRAYS = {
    "x": draw(2, 4, 7, 8),
    "row": draw(3, 4),
    "w": draw(6, 4, 3, 3),
    "grouped": draw(6, 2, 3, 3),
    "back": draw(4, 3, 3, 3),
    "matrix": draw(6, 4),
    "across": draw(4, 6),
    "line": draw(1, 6),
    "k": draw(6),
    "factor": draw(6, 1, 1),
    "wide": draw(1, 6, 1, 1),
    "columns": draw(6),
    **_NORM,
}


def normalize(source: str, to: str) -> onnx.NodeProto:
    return node("BatchNormalization", source, *_NORM, to=to, epsilon=1e-3)


def make(nodes: list[onnx.NodeProto], outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    read = {name for each in nodes for name in each.input}
    given = {name: array for name, array in _ARRAYS.items() if name in read}
    constants = [name for name in given if name not in ("x", "row")]
    return make_graph_model(nodes, given, outputs, constants=constants, opset=17)


FOLDED = {
    "Conv": [node("Conv", "x", "w", to="c"), normalize("c", "y")],
    "Conv with bias": [node("Conv", "x", "w", "k", to="c"), normalize("c", "y")],
    "Conv in groups": [node("Conv", "x", "grouped", to="c", group=2), normalize("c", "y")],
    "ConvTranspose in groups": [
        node("ConvTranspose", "x", "back", to="c", group=2, strides=[2, 2]),
        normalize("c", "y"),
    ],
    "MatMul": [node("MatMul", "row", "across", to="c"), node("Add", "k", "c", to="y")],
    "MatMul and a row": [
        node("MatMul", "row", "across", to="c"),
        node("Identity", "line", to="same"),
        node("Add", "c", "same", to="y"),
    ],
    "Gemm": [node("Gemm", "row", "matrix", "k", to="c", transB=1), normalize("c", "y")],
    "Mul, Add, norm": [
        node("Conv", "x", "w", to="c"),
        node("Mul", "factor", "c", to="d"),
        node("Add", "d", "wide", to="e"),
        normalize("e", "y"),
    ],
    "Sub, Div, Sub": [
        node("Conv", "x", "w", "k", to="c"),
        node("Sub", "factor", "c", to="d"),
        node("Div", "d", "s1", to="e"),
        node("Sub", "e", "wide", to="y"),
    ],
}
_ARRAYS["s1"] = np.abs(draw(6, 1, 1)) + 0.5

KEPT = {
    "read twice": [
        node("Conv", "x", "w", to="c"), normalize("c", "d"), node("Add", "c", "d", to="y"),
    ],
    "a number for each column": [
        node("Conv", "x", "w", to="c"), node("Mul", "c", "columns", to="y"),
    ],
}  # fmt: skip


def ops(model: onnx.ModelProto) -> list[str]:
    return [each.op for each in fold_norms(make_model(model, "model").graph).nodes]


@pytest.mark.parametrize("name", FOLDED)
def test_what_multiplies_and_adds_by_channel_becomes_part_of_the_operator(name: str) -> None:
    left = [each for each in ops(make(FOLDED[name])) if each != "Identity"]

    assert left == [name.split(maxsplit=1)[0] if "," not in name else "Conv"]


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_part_of_the_operator_stays(name: str) -> None:
    assert ops(make(KEPT[name])) == [each.op_type for each in KEPT[name]]


def test_a_convolution_that_is_an_output_stays_as_it_is() -> None:
    assert len(ops(make(FOLDED["Conv"], ("y", "c")))) == 2


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [*FOLDED, *KEPT])
def test_folded_or_not_the_result_is_that_of_onnx_runtime(name: str) -> None:
    model = make({**FOLDED, **KEPT}[name])

    made = run_in_child(model, _ARRAYS)

    np.testing.assert_allclose(made[0], run_in_runtime(model, _ARRAYS)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
def test_a_folded_convolution_is_two_ops() -> None:
    made = [op for op in list_ops_in_child(make(FOLDED["Conv"])) if op != "Transpose"]

    assert made == ["Conv2D", "BiasAdd"]
