"""Graph models of the wild, made a base."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import (
    constant,
    dense_nodes,
    dense_signature,
    dense_weights,
    placeholder,
    tensor_info,
    topology,
    write_graph_model,
)

from pipeline.errors import FormatError, SignatureError
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model

RECORD: dict[str, Any] = {
    "signature_key": None,
    "tags": [],
    "signatures": {},
    "inputs": None,
    "outputs": None,
    "repairs": [],
}
X = {"x": tensor_info("x:0", (-1, 8))}
LOGITS = tensor_info("Identity:0", (-1, 4))
SCORES = tensor_info("Identity_1:0", (-1, 4))


def normalize(source: Path, tmp_path: Path, *, shard_size_bytes: int = 64) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    record = normalize_graph_model(source=source, folder=folder, shard_size_bytes=shard_size_bytes)
    assert record.to_json() == RECORD
    return folder


def normalized(tmp_path: Path, **wild: Any) -> dict[str, Any]:
    """Return the model.json that a wild one becomes."""
    folder = normalize(write_graph_model(tmp_path / "wild", **wild), tmp_path)
    content: dict[str, Any] = json.loads((folder / "model.json").read_bytes())
    return content


def stream(entry: Path) -> bytes:
    groups = json.loads(entry.read_bytes())["weightsManifest"]
    return b"".join((entry.parent / path).read_bytes() for g in groups for path in g["paths"])


@pytest.mark.parametrize(
    "wild",
    [
        pytest.param({}, id="as the converter writes it"),
        pytest.param({"shard_name": "weights{group}_{shard}", "shard_size_bytes": 50}, id="names"),
        pytest.param({"groups": [["kernel"], ["bias"]], "shard_size_bytes": 30}, id="groups"),
        pytest.param({"stored": {"kernel": "uint8", "bias": "float16"}}, id="quantized"),
        pytest.param({"entry": "age.json", "shard_name": "age.bin"}, id="other names"),
    ],
)
def test_bytes_are_kept_and_shards_are_renamed(wild: dict[str, Any], tmp_path: Path) -> None:
    source = write_graph_model(tmp_path / "wild", **wild)
    folder = normalize(source, tmp_path)

    before, after = load_model_json(source), load_model_json(folder / "model.json")
    (group,) = after.groups
    count = -(-len(stream(source)) // 64)
    assert list(after.weights) == list(before.weights)
    assert stream(folder / "model.json") == stream(source)
    assert list(group.paths) == [f"group1-shard{i}of{count}.bin" for i in range(1, count + 1)]
    assert {path.name for path in folder.iterdir()} == {"model.json", *group.paths}


def test_the_text_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    digests = set()
    for name, order in (("a", 1), ("b", -1)):
        source = write_graph_model(tmp_path / name / "wild")
        content = json.loads(source.read_bytes())
        shuffled = dict(list(content.items())[::order])
        shuffled["modelTopology"] = dict(list(content["modelTopology"].items())[::order])
        source.write_text(json.dumps(shuffled, indent=order + 1))
        folder = normalize(source, tmp_path / name)
        digests.add(hashlib.sha256((folder / "model.json").read_bytes()).hexdigest())

    assert len(digests) == 1


def test_a_signature_keeps_its_order(tmp_path: Path) -> None:
    outputs = {"scores": SCORES, "boxes": LOGITS}

    content = normalized(tmp_path, signature={"inputs": X, "outputs": outputs})

    assert content["signature"] == {"inputs": X, "outputs": outputs}
    assert list(content["signature"]["outputs"]) == ["scores", "boxes"]
    assert list(content) == sorted(content)


@pytest.mark.parametrize(
    "wild",
    [
        pytest.param({"signature": {}}, id="no signature"),
        pytest.param({"signature": {"outputs": {}}}, id="empty signature"),
        pytest.param({"signature": {"outputs": dense_signature()["outputs"]}}, id="no inputs"),
        pytest.param(
            {
                "signature": {
                    "inputs": {"x:0": {"name": "x"}},
                    "outputs": {
                        "Identity:0": {"name": "Identity"},
                        "Identity_1:0": {"name": "Identity_1"},
                    },
                }
            },
            id="names only",
        ),
        pytest.param(
            {
                "signature": {},
                "userDefinedMetadata": {"signature": dense_signature()},
            },
            id="in the metadata",
        ),
        pytest.param({"format": None}, id="no format"),
        pytest.param(
            {
                "signature": {
                    "inputs": {"x": {**X["x"], "dtype": 1}},
                    "outputs": {
                        "Identity:0": {**LOGITS, "dtype": 1},
                        "Identity_1:0": {"name": "Identity_1:0", "dtype": 0},
                    },
                }
            },
            id="dtypes as numbers",
        ),
    ],
)
def test_what_a_signature_lacks_comes_from_the_graph(wild: dict[str, Any], tmp_path: Path) -> None:
    content = normalized(tmp_path, **wild)

    inputs = content["signature"]["inputs"]
    assert content["format"] == "graph-model"
    assert content["signature"]["outputs"] == dense_signature()["outputs"]
    assert [*inputs.values()] == [tensor_info("x:0", (-1, 8))]
    assert "userDefinedMetadata" not in content


def test_the_signature_in_the_metadata_goes_before_the_other(tmp_path: Path) -> None:
    wire = {"inputs": X, "outputs": {"scores": SCORES}}

    content = normalized(tmp_path, userDefinedMetadata={"signature": wire})

    assert content["signature"] == wire


def test_keys_that_are_numbers_are_where_javascript_puts_them(tmp_path: Path) -> None:
    wire = {"inputs": X, "outputs": {"b": LOGITS, "10": SCORES, "9": SCORES}}

    content = normalized(tmp_path, signature=wire)

    assert [*content["signature"]["outputs"]] == ["9", "10", "b"]


def test_other_metadata_stays(tmp_path: Path) -> None:
    metadata = {"signature": dense_signature(), "author": "somebody"}

    content = normalized(tmp_path, userDefinedMetadata=metadata, signature={})

    assert content["userDefinedMetadata"] == {"author": "somebody"}


def test_hash_tables_keep_their_entries(tmp_path: Path) -> None:
    table = {"name": "table:0", "dtype": "DT_RESOURCE", "tensorShape": {}, "resourceId": "7"}
    signature = {**dense_signature(), "inputs": {"table": table, **X}}
    initializer = {"node": [{"name": "HashTableV2", "op": "HashTableV2"}]}
    nodes = [*dense_nodes(), placeholder("table", (), "resource")]

    content = normalized(
        tmp_path,
        nodes=nodes,
        signature=signature,
        modelInitializer=initializer,
        initializerSignature={
            "outputs": {"HashTableV2": {"name": "HashTableV2", "resourceId": "7"}}
        },
    )

    assert content["signature"]["inputs"] == {"table": table, **X}
    assert content["modelInitializer"] == initializer


def test_weights_that_no_node_uses_stay(tmp_path: Path) -> None:
    weights = {**dense_weights(), "spare": np.zeros(3, np.int32)}
    wild = write_graph_model(
        tmp_path / "wild", weights=weights, modelTopology=topology(dense_nodes(), dense_weights())
    )

    folder = normalize(wild, tmp_path)

    assert [spec.name for spec in load_model_json(folder / "model.json").weights] == [*weights]


def test_constants_of_functions_that_nobody_calls_need_no_weights(tmp_path: Path) -> None:
    function = {"signature": {"name": "f"}, "nodeDef": [constant("lost", np.zeros(1, np.float32))]}
    graph = topology(dense_nodes(), dense_weights()) | {"library": {"function": [function]}}

    content = normalized(tmp_path, modelTopology=graph)

    assert content["modelTopology"] == graph


@pytest.mark.parametrize("place", ["modelTopology", "modelInitializer"])
def test_a_constant_without_a_weight_is_named(place: str, tmp_path: Path) -> None:
    lost = constant("lost", np.zeros(1, np.float32))
    graph = topology([*dense_nodes(), lost], dense_weights())
    others: dict[str, Any] = {place: graph}
    wild = write_graph_model(tmp_path / "wild", **others)

    with pytest.raises(FormatError, match="'lost' is a constant, but weightsManifest has no"):
        normalize(wild, tmp_path)
    assert not [*(tmp_path / "base").iterdir()]


def test_an_output_that_the_graph_lacks_is_named_with_the_nearest(tmp_path: Path) -> None:
    outputs = {"scores": tensor_info("Sigmiod:0")}
    wild = write_graph_model(tmp_path / "wild", signature={"inputs": X, "outputs": outputs})

    with pytest.raises(SignatureError, match=r"'Sigmiod' \(nearest names: Sigmoid"):
        normalize(wild, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("tensorflowjs_model.pb", b"\x0a", "TensorFlow.js 0.x", id="old graph"),
        pytest.param("weights_manifest.json", b"[]", "TensorFlow.js 0.x", id="old manifest"),
        pytest.param(
            "model.json", b'{"modelTopology": {"model_config": {}}}', "a layers model", id="layers"
        ),
        pytest.param("model.json", b'{"format": "layers-model"}', "a layers model", id="format"),
        pytest.param("model.json", b"<!DOCTYPE html>", "not JSON", id="html"),
        pytest.param("model.json", b"7", "no TensorFlow.js model", id="number"),
    ],
)
def test_what_is_no_graph_model_is_called_by_its_name(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FormatError, match=message):
        normalize(tmp_path / name, tmp_path)


def test_nothing_is_left_when_a_shard_ends_early(tmp_path: Path) -> None:
    wild = write_graph_model(tmp_path / "wild", shard_name="w{shard}")
    (wild.parent / "w1").write_bytes((wild.parent / "w1").read_bytes()[:-1])

    with pytest.raises(FormatError, match="reaches beyond the end"):
        normalize(wild, tmp_path)
    assert not [*(tmp_path / "base").iterdir()]


def test_nothing_is_left_when_a_shard_cannot_be_written(tmp_path: Path) -> None:
    wild = write_graph_model(tmp_path / "wild")
    folder = tmp_path / "base"
    in_the_way = folder / ".group1-shard2"
    in_the_way.mkdir(parents=True)

    with pytest.raises(OSError, match="group1-shard2"):
        normalize_graph_model(source=wild, folder=folder, shard_size_bytes=64)
    in_the_way.rmdir()
    assert not [*folder.iterdir()]
