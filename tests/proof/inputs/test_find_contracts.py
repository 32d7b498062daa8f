"""What a source says about its inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.records.contract import InputContract
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature

Json = dict[str, Any]
IMAGE = (-1, 8, 8, 3)


def find(  # noqa: PLR0913  # a graph, and what is known of it
    folder: Path,
    nodes: list[Json],
    weights: Json,
    *,
    dtype: str = "float32",
    shape: tuple[int, ...] = IMAGE,
    record: Conversion | None = None,
) -> Json:
    """Return the facts of the input `x` of a graph whose output is `y`."""
    nodes = [*nodes, node("y", "Identity", [nodes[-1]["name"]])]
    info = tensor_info("x:0", shape, dtype)
    signature = {"inputs": {"x": info}, "outputs": {"y": tensor_info("y:0", (-1,))}}
    weights = {name: np.asarray(values) for name, values in weights.items()}
    path = write_graph_model(folder, nodes=nodes, weights=weights, signature=signature)
    model_json = load_model_json(path)
    inputs = read_signature(model_json, Conversion()).inputs
    return find_contracts(model_json, folder, inputs, record or Conversion())["x"].to_json()


def facts(contract: Json) -> Json:
    assert contract["evidence"].keys() == contract.keys() - {"evidence"}
    return {name: value for name, value in contract.items() if name != "evidence"}


@pytest.mark.parametrize("cast", [True, False])
def test_the_rows_of_an_embedding_table_are_the_vocabulary(tmp_path: Path, *, cast: bool) -> None:
    source = "cast" if cast else "x"
    nodes = [
        placeholder("x", (-1, 5), "int32"),
        *([node("cast", "Cast", ["x"])] if cast else []),
        node("rows", "GatherV2", ["table", source, "axis"]),
    ]
    weights = {"table": np.zeros((30, 2), np.float32), "axis": np.int32(0)}

    found = find(tmp_path, nodes, weights, dtype="int32")
    assert facts(found) == {"vocabulary": 30}
    assert found["evidence"]["vocabulary"] == "it indexes a table of 30 rows"


def test_the_axis_of_a_gather_counts(tmp_path: Path) -> None:
    nodes = [placeholder("x", (-1,), "int32"), node("rows", "GatherV2", ["table", "x", "axis"])]
    weights = {"table": np.zeros((30, 2), np.float32), "axis": np.int32(1)}

    assert facts(find(tmp_path, nodes, weights, dtype="int32")) == {"vocabulary": 2}


def test_an_input_that_is_gathered_from_is_no_index(tmp_path: Path) -> None:
    nodes = [placeholder("x", IMAGE), node("rows", "GatherV2", ["x", "ids", "axis"])]
    weights = {"ids": np.array([1], np.int32), "axis": np.int32(0)}

    assert find(tmp_path, nodes, weights) == {"evidence": {}}


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

    assert find(tmp_path, nodes, weights).get("range") == (list(expected) if expected else None)


def test_a_graph_without_arithmetic_says_nothing(tmp_path: Path) -> None:
    nodes = [placeholder("x", IMAGE), node("relu", "Relu", ["x"]), node("m", "Mul", ["relu", "w"])]

    assert find(tmp_path, nodes, {"w": np.float32(1 / 255)}) == {"evidence": {}}


def test_the_evidence_names_the_arithmetic(tmp_path: Path) -> None:
    nodes = [
        placeholder("x", IMAGE),
        node("scaled", "Mul", ["x", "scale"]),
        node("moved", "Sub", ["scaled", "one"]),
    ]
    found = find(tmp_path, nodes, {"scale": np.float32(1 / 127.5), "one": np.float32(1)})

    evidence = "the graph begins with Mul and Sub, which make -1..1 of 0..255"
    assert found["evidence"] == {"range": evidence}


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_pixels_of_whole_numbers_are_bytes(tmp_path: Path, dtype: str) -> None:
    nodes = [placeholder("x", IMAGE, dtype), node("cast", "Cast", ["x"])]
    found = find(tmp_path, nodes, {}, dtype=dtype)

    assert facts(found) == {"range": [0, 255]}
    assert found["evidence"]["range"] == f"pixels of {dtype} are whole numbers"


@pytest.mark.parametrize(
    ("mean", "steps", "expected"),
    [
        pytest.param([0.485, 0.456, 0.406], 0, ([0.0, 1.0], "rgb"), id="of 0..1"),
        pytest.param([0.406, 0.456, 0.485], 0, ([0.0, 1.0], "bgr"), id="blue first"),
        pytest.param([103.939, 116.779, 123.68], 0, ([0.0, 255.0], "bgr"), id="Caffe"),
        pytest.param([0.45, 0.45, 0.45], 0, ([0.0, 1.0], None), id="one mean"),
        pytest.param([0.406, 0.456, 0.485], 1, ([0.0, 1.0], None), id="channels turned before"),
    ],
)
def test_the_means_of_imagenet_say_the_order_of_colors(
    tmp_path: Path, mean: list[float], steps: int, expected: tuple[list[float], str | None]
) -> None:
    nodes = [placeholder("x", IMAGE)]
    if steps:
        nodes.append(node("turned", "StridedSlice", ["x", "begin", "end", "strides"]))
    std = 1.0 if mean[0] > 1 else 0.225
    nodes += [
        node("less", "Sub", [nodes[-1]["name"], "mean"]),
        node("scaled", "RealDiv", ["less", "std"]),
    ]
    ints = {name: np.int32(1) for name in ("begin", "end", "strides")} if steps else {}
    weights = {"mean": np.asarray(mean, np.float32), "std": np.asarray(std, np.float32), **ints}

    found = find(tmp_path, nodes, weights)
    assert (found["range"], found.get("color")) == expected


def test_a_batch_normalization_in_front_says_the_range(tmp_path: Path) -> None:
    parts = ("scale", "offset", "mean", "variance")
    nodes = [placeholder("x", IMAGE), node("normal", "FusedBatchNormV3", ["x", *parts])]
    weights = {
        "scale": np.asarray([2, 2, 2], np.float32),
        "offset": np.asarray([9, 9, 9], np.float32),
        "mean": np.asarray([120, 115, 100], np.float32),
        "variance": np.asarray([3600, 3500, 3700], np.float32),
    }

    assert facts(find(tmp_path, nodes, weights)) == {"range": [0, 255]}


def test_numbers_that_are_no_picture_have_a_range_only_if_it_is_exact(tmp_path: Path) -> None:
    def range_of(scale: float, offset: float) -> Any:
        nodes = [
            placeholder("x", (-1, 8)),
            node("scaled", "Mul", ["x", "scale"]),
            node("moved", "AddV2", ["scaled", "offset"]),
        ]
        weights = {"scale": np.float32(scale), "offset": np.float32(offset)}
        return find(tmp_path, nodes, weights, shape=(-1, 8)).get("range")

    assert range_of(1 / 255, 0.0) == [0, 255]
    assert range_of(2.0, -1.0) == [0, 1]
    assert range_of(2.0, 0.0) is None
    assert range_of(1 / 60, -2.0) is None


def test_the_record_of_the_source_is_believed_before_its_graph(tmp_path: Path) -> None:
    nodes = [placeholder("x", IMAGE), node("scaled", "Mul", ["x", "scale"])]
    stated = InputContract(mean=[127.5], std=[127.5], evidence={"mean": "it says so"})
    weights = {"scale": np.float32(1 / 255)}

    found = find(tmp_path, nodes, weights, record=Conversion(contracts={"x": stated}))
    assert (found.get("range"), found["mean"]) == (None, [127.5])
