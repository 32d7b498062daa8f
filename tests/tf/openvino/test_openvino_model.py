"""OpenVINO models as graphs: names of inputs and outputs, operations without a rule, damage."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from pipeline.errors import ConversionError, FormatError


def reader() -> Any:
    """Return the module, which imports TensorFlow: a process that only collects tests shall not."""
    return importlib.import_module("pipeline.tf.openvino.openvino_model")


def parameter(name: str, *names: str, shape: tuple[int, ...] = (1, 2)) -> Any:
    made = ops.parameter(shape, np.float32, name=name)
    made.output(0).get_tensor().set_names(set(names))
    return made


def named(node: Any, *names: str) -> Any:
    node.output(0).get_tensor().set_names(set(names))
    return node


def test_an_end_is_called_as_its_operation_where_that_is_among_its_names() -> None:
    x = parameter("images", "images", "x")
    y = named(ops.relu(x, name="scores"), "a", "scores")
    model = reader().make_model(openvino.Model([y], [x]), "m.xml")

    assert [end.name for end in model.graph.inputs] == ["images"]
    assert [end.name for end in model.graph.outputs] == ["scores"]
    assert model.aliases == {"images": ("x",), "scores": ("a",)}


def test_else_by_the_shortest_of_its_names() -> None:
    x = parameter("Parameter_17", "images:0", "images")
    model = reader().make_model(openvino.Model([named(ops.relu(x), "b", "aa", "a")], [x]), "m.xml")

    assert [end.name for end in model.graph.inputs] == ["images"]
    assert [end.name for end in model.graph.outputs] == ["a"]


def test_outputs_of_one_value_have_two_names() -> None:
    x = parameter("x", "x")
    y = named(ops.relu(x), "y")
    model = reader().make_model(openvino.Model([y, y], [x]), "m.xml")

    assert [end.name for end in model.graph.outputs] == ["y", "y_1"]


def test_operations_without_a_rule_are_listed() -> None:
    x = parameter("x", shape=(1, 8, 4, 4))
    kernel = ops.constant(np.ones((1, 8, 1, 1), np.uint8))
    made = ops.binary_convolution(
        x, openvino.opset1.constant(kernel.data, openvino.Type.u1), [1, 1], [0, 0], [0, 0],
        [1, 1], "xnor-popcount", 0.0, name="bits",
    )  # fmt: skip
    with pytest.raises(ConversionError, match=r'BinaryConvolution \("bits"\): .*single bits'):
        reader().make_model(openvino.Model([made], [x]), "m.xml")


def test_an_ir_without_its_weights_says_so(tmp_path: Path) -> None:
    x = parameter("x", "x")
    y = ops.add(x, np.arange(2, dtype=np.float32))
    openvino.save_model(openvino.Model([y], [x]), tmp_path / "m.xml")
    (tmp_path / "m.bin").unlink()

    with pytest.raises(FormatError, match=r"m\.xml; m\.bin is not beside it") as caught:
        reader().open_model(tmp_path / "m.xml")
    assert caught.value.hint == "put m.bin beside m.xml"
