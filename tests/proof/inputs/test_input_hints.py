"""What a graph says about its inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.proof.inputs.input_hints import Hints, read_hints
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature

Json = dict[str, Any]
IMAGE = (-1, 8, 8, 3)


def hints(folder: Path, nodes: list[Json], weights: Json, *, dtype: str = "float32") -> Hints:
    """Return the hints of a graph whose input is `x`, and whose output `y`."""
    nodes = [*nodes, node("y", "Identity", [nodes[-1]["name"]])]
    info = tensor_info("x:0", IMAGE, dtype)
    signature = {"inputs": {"x": info}, "outputs": {"y": tensor_info("y:0", (-1,))}}
    weights = {name: np.asarray(values) for name, values in weights.items()}
    path = write_graph_model(folder, nodes=nodes, weights=weights, signature=signature)
    model_json = load_model_json(path)
    return read_hints(model_json, folder, read_signature(model_json, Conversion()).inputs)


@pytest.mark.parametrize("cast", [True, False])
def test_the_rows_of_an_embedding_table_are_the_vocabulary(tmp_path: Path, *, cast: bool) -> None:
    source = "cast" if cast else "x"
    nodes = [
        placeholder("x", (-1, 5), "int32"),
        *([node("cast", "Cast", ["x"])] if cast else []),
        node("rows", "GatherV2", ["table", source, "axis"]),
    ]
    weights = {"table": np.zeros((30, 2), np.float32), "axis": np.int32(0)}

    assert hints(tmp_path, nodes, weights, dtype="int32") == {"x": {"vocabulary": 30}}


def test_the_axis_of_a_gather_counts(tmp_path: Path) -> None:
    nodes = [placeholder("x", (-1,), "int32"), node("rows", "GatherV2", ["table", "x", "axis"])]
    weights = {"table": np.zeros((30, 2), np.float32), "axis": np.int32(1)}

    assert hints(tmp_path, nodes, weights, dtype="int32") == {"x": {"vocabulary": 2}}


def test_an_input_that_is_gathered_from_is_no_index(tmp_path: Path) -> None:
    nodes = [placeholder("x", IMAGE), node("rows", "GatherV2", ["x", "ids", "axis"])]
    weights = {"ids": np.array([1], np.int32), "axis": np.int32(0)}

    assert hints(tmp_path, nodes, weights) == {}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([("Mul", 1 / 127.5), ("Sub", 1.0)], (0, 255), id="to -1..1"),
        pytest.param([("Sub", 127.5), ("RealDiv", 127.5)], (0, 255), id="mean first"),
        pytest.param([("Mul", 1 / 255)], (0, 255), id="to 0..1"),
        pytest.param([("Mul", 2.0), ("Sub", 1.0)], (0, 1), id="from 0..1"),
        pytest.param(
            [("Sub", [0.485, 0.456, 0.406]), ("RealDiv", [0.23, 0.22, 0.22])], (0, 1), id="ImageNet"
        ),
        pytest.param([("Sub", [123.7, 116.8, 103.9])], (0, 255), id="Caffe"),
        pytest.param(
            [("Add", 1.0), ("Mul", 127.5), ("Sub", [103.9, 116.8, 123.7])], None, id="unheard of"
        ),
    ],
)
def test_the_first_arithmetic_tells_the_range_of_pixels(
    tmp_path: Path, steps: list[tuple[str, Any]], expected: tuple[float, float] | None
) -> None:
    nodes, weights = [placeholder("x", IMAGE)], {}
    for i, (op, value) in enumerate(steps):
        nodes.append(node(f"step{i}", op, [nodes[-1]["name"], f"value{i}"]))
        weights[f"value{i}"] = np.asarray(value, np.float32)

    found = hints(tmp_path, nodes, weights)
    assert found == ({"x": {"low": expected[0], "high": expected[1]}} if expected else {})


def test_a_graph_without_arithmetic_says_nothing(tmp_path: Path) -> None:
    nodes = [placeholder("x", IMAGE), node("relu", "Relu", ["x"]), node("m", "Mul", ["relu", "w"])]

    assert hints(tmp_path, nodes, {"w": np.float32(1 / 255)}) == {}
