"""Descriptions of graph models, whole ones and such as are found in the wild."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import (
    dense_nodes,
    dense_signature,
    dense_weights,
    node,
    placeholder,
    tensor_info,
    write_graph_model,
)

from pipeline.errors import FormatError, SignatureError
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.inspect_graph_model import inspect_graph_model
from pipeline.inspection.subject import Subject


def inspect(path: Path) -> dict[str, Any]:
    """Return the description of a model.json; nothing in it may need TensorFlow."""
    return inspect_subject(Subject(path=path), shapes={}, announce=pytest.fail).to_json()


def test_a_whole_model(tmp_path: Path) -> None:
    model = inspect(write_graph_model(tmp_path))

    assert model["format"] == "tfjs_graph_model"
    assert model["producer"]["convertedBy"] == "TensorFlow.js Converter v4.22.0"
    assert [(i["id"], i["name"], i["shape"]) for i in model["inputs"]] == [(0, "x", [-1, 8])]
    assert [o["tensor"] for o in model["outputs"]] == ["Identity:0", "Identity_1:0"]
    assert model["parameters"] == 8 * 4 + 4
    assert model["weights"]["byDtype"] == {"float32": {"count": 2, "values": 36, "bytes": 144}}
    assert model["weights"]["tfjsBytes"] == 144
    assert [w["name"] for w in model["weights"]["largest"]] == ["kernel", "bias"]
    assert model["ops"] == {
        "BiasAdd": 1,
        "Identity": 2,
        "MatMul": 1,
        "Placeholder": 1,
        "Sigmoid": 1,
    }
    assert model["missingOps"] == {"tensorflow.js": []}
    assert model["multiplyAdds"]["total"] == 32
    assert model["multiplyAdds"]["exact"]
    assert model["multiplyAdds"]["assumedShapes"] == {"x": [1, 8]}
    assert model["shapes"] == {"known": 5, "unknown": 0}
    assert model["repairs"] == []
    assert model["requiresAsync"] is False
    assert model["bytes"] == (tmp_path / "model.json").stat().st_size + 144


def test_a_shape_that_is_asked_for_takes_the_place_of_the_stated_one(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path)

    model = inspect_graph_model(path, shapes={"x": (10, 8)}).to_json()

    assert model["multiplyAdds"]["total"] == 10 * 32
    assert model["multiplyAdds"]["assumedShapes"] == {"x": [10, 8]}


def test_a_quantized_model_says_what_it_takes_once_loaded(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, stored={"kernel": "uint8", "bias": "float16"})

    weights = inspect(path)["weights"]

    assert weights["quantized"] == {"float16": 1, "uint8": 1}
    assert weights["bytes"] == 32 + 2 * 4
    assert weights["tfjsBytes"] == 4 * 36


@pytest.mark.parametrize("stored", [None, "float16"])
def test_values_that_are_not_finite_are_found(tmp_path: Path, stored: str | None) -> None:
    weights = dense_weights()
    weights["kernel"][0, :3] = [np.nan, -np.inf, np.nan]
    path = write_graph_model(tmp_path, weights=weights)
    if stored:  # the converter would not write it
        content = json.loads(path.read_text())
        content["weightsManifest"][0]["weights"][0]["quantization"] = {"dtype": stored}
        path.write_text(json.dumps(content))
        halves = weights["kernel"].astype("<f2").tobytes()
        (tmp_path / "group1-shard1of1.bin").write_bytes(halves + weights["bias"].tobytes())

    model = inspect(path)

    assert model["weights"]["nonFinite"] == [{"name": "kernel", "nan": 2, "infinite": 1}]
    assert "weights that are not finite: kernel (2 NaN, 1 infinite)" in model["remarks"]


def test_a_model_without_signature_and_format_says_what_was_completed(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, signature={}, format=None)

    model = inspect(path)

    assert model["repairs"] == [
        "no `format`: it is a graph model by its topology",
        "no signature: inputs and outputs are the ends of the graph",
    ]
    assert model["ends"] == {"inputs": ["x:0"], "outputs": ["Identity:0", "Identity_1:0"]}
    assert [o["dtype"] for o in model["outputs"]] == ["float32", "float32"]


def test_a_signature_with_holes_says_what_was_filled(tmp_path: Path) -> None:
    signature = dense_signature()
    signature["inputs"] = {}
    del signature["outputs"]["Identity:0"]["dtype"]

    model = inspect(write_graph_model(tmp_path, signature=signature))

    assert model["repairs"] == [
        "inputs that the signature does not list: x:0",
        "dtype of outputs from the graph: Identity:0",
    ]


def test_lost_names_and_inputs_that_are_fed_otherwise_are_remarked(tmp_path: Path) -> None:
    nodes = [
        placeholder("image", (1, 8), "uint8"),
        placeholder("ids", (1,), "int64"),
        {
            "name": "x",
            "op": "Cast",
            "input": ["image"],
            "attr": {"SrcT": {"type": "DT_UINT8"}, "DstT": {"type": "DT_FLOAT"}},
        },
        *dense_nodes()[1:],
        node("same", "Identity", ["ids"], dtype="int64"),
    ]
    signature = {
        "inputs": {
            "image": tensor_info("image:0", (1, 8), "uint8"),
            "ids": tensor_info("ids:0", (1,), "int64"),
        },
        "outputs": {
            "Identity:0": tensor_info("Identity:0", (1, 4)),
            "same": tensor_info("same:0", (1,), "int64"),
        },
    }

    model = inspect(write_graph_model(tmp_path, nodes=nodes, signature=signature))

    assert model["remarks"] == [
        "input image is uint8: feed it int32",
        "input ids is int64: TensorFlow.js takes int32, and no more than it",
        "outputs of int64 come as int32: same",
        "names of outputs were lost in conversion: Identity",
    ]


def test_ops_that_tensorflow_js_lacks_are_named(tmp_path: Path) -> None:
    nodes = [*dense_nodes()[:-1], node("Identity_1", "MyOwnOp", ["Sigmoid"])]

    model = inspect(write_graph_model(tmp_path, nodes=nodes))

    assert model["missingOps"] == {"tensorflow.js": ["MyOwnOp"]}
    assert "ops that TensorFlow.js does not have: MyOwnOp" in model["remarks"]


def test_a_model_without_its_shards_is_still_described(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path)
    (tmp_path / "group1-shard1of1.bin").unlink()

    model = inspect(path)

    assert model["parameters"] == 36
    assert model["remarks"][0].startswith("shard 'group1-shard1of1.bin' is missing")


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, modelTopology={"nodes": []})

    with pytest.raises(FormatError, match="no list of nodes"):
        inspect(path)


def test_a_signature_that_names_no_node_is_refused(tmp_path: Path) -> None:
    signature = dense_signature()
    signature["outputs"]["Identity:0"]["name"] = "Identitty:0"

    with pytest.raises(SignatureError, match="nearest names: Identity"):
        inspect(write_graph_model(tmp_path, signature=signature))


def test_a_name_that_only_begins_with_identity_is_not_lost(tmp_path: Path) -> None:
    signature = dense_signature()
    signature["outputs"] = {
        "Identity_scores": tensor_info("Identity:0", (-1, 4)),
        "scores": tensor_info("Identity_1:0", (-1, 4)),
    }

    assert inspect(write_graph_model(tmp_path, signature=signature))["remarks"] == []
