"""What `inspect` says of inputs: facts with their evidence, and what the manifest has to state."""

from pathlib import Path

import numpy as np
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.inspection.contract_view import describe_contracts
from pipeline.inspection.inspect_graph_model import inspect_graph_model
from pipeline.records.contract import InputContract


def test_facts_with_one_evidence_share_a_line() -> None:
    contract = InputContract(
        mean=[103.939, 116.779, 123.68],
        color="bgr",
        words=["a", "b", "c", "d"],
        evidence={"mean": "it is vgg16", "color": "it is vgg16", "words": "keys of its tables"},
    )

    assert list(describe_contracts({"image": contract}, [])) == [
        ("found", "image: mean 103.939, 116.779, 123.68, color bgr (it is vgg16)"),
        ("", "image: words a, b, c, 1 more (keys of its tables)"),
    ]


def test_an_unknown_range_is_said_with_the_entry_that_states_it() -> None:
    assert list(describe_contracts({}, ["x", "serve:0"])) == [
        (
            "unknown",
            "nobody states the range of x; verdicts are provisional until models.yaml does",
        ),
        (
            "unknown",
            "nobody states the range of serve:0; verdicts are provisional until models.yaml does",
        ),
        ("to state", "inputs: {x: {range: [0, 1]}}"),
        ("", 'inputs: {"serve:0": {range: [0, 1]}}'),
        ("", "with the range that its authors feed, such as [-1, 1] or [0, 255]; or mean and std"),
    ]


def test_a_graph_model_is_described_with_what_its_arithmetic_says(tmp_path: Path) -> None:
    shape = (-1, 8, 8, 3)
    path = write_graph_model(
        tmp_path,
        nodes=[
            placeholder("x", shape),
            placeholder("z", shape),
            node("scaled", "Mul", ["x", "scale"]),
            node("y", "AddV2", ["scaled", "z"]),
        ],
        weights={"scale": np.asarray(np.float32(1 / 255))},
        signature={
            "inputs": {name: tensor_info(f"{name}:0", shape) for name in ("x", "z")},
            "outputs": {"y": tensor_info("y:0", shape)},
        },
    )
    described = inspect_graph_model(path, shapes={})

    assert described.contracts["x"].range == (0.0, 255.0)
    assert described.unstated == ["z"]
    wire = described.to_json()["contracts"]
    assert wire["x"]["evidence"] == {
        "range": "the graph begins with Mul, which makes 0..1 of 0..255"
    }


def test_a_model_json_without_its_shards_is_described_all_the_same(tmp_path: Path) -> None:
    path = write_graph_model(
        tmp_path,
        nodes=[placeholder("x", (-1, 8, 8, 3)), node("y", "Mul", ["x", "scale"])],
        weights={"scale": np.asarray(np.float32(2))},
        signature={"inputs": {"x": tensor_info("x:0", (-1, 8, 8, 3))}, "outputs": {}},
    )
    for shard in tmp_path.glob("*.bin"):
        shard.unlink()

    assert inspect_graph_model(path, shapes={}).contracts == {}
