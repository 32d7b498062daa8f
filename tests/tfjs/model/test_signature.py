"""Signatures of bases, under the names of their sources."""

from collections.abc import Iterable
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

from pipeline.errors import SignatureError
from pipeline.records.signature import Signature, SignatureTensor
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.signature_def import rewrite_signature

WILD = Conversion(signatures={})
TIES = [{"name": "logits", "tensor": "Identity:0"}, {"name": "scores", "tensor": "Identity_1:0"}]
X = {"x": tensor_info("x:0", (-1, 8))}


def record(*, scores: dict[str, Any] | None = None, **changes: Any) -> Conversion:
    """Return the record of the dense layer's SavedModel, its outputs called logits and scores.

    Args:
        scores: What the source's signature states otherwise of the second output.
        changes: Other fields of the record.
    """
    spec = {"dtype": "float32", "shape": [-1, 4]}
    signature = {
        "inputs": {
            "features": {"tensor": "serving_default_x:0", "dtype": "float32", "shape": [-1, 8]}
        },
        "outputs": {
            "logits": {"tensor": "StatefulPartitionedCall:0", **spec},
            "scores": {"tensor": "StatefulPartitionedCall:1", **spec, **(scores or {})},
        },
    }
    known = {
        "signature_key": "serving_default",
        "tags": [["serve"]],
        "signatures": {"serving_default": signature},
        "inputs": [{"name": "features", "tensor": "x:0"}],
        "outputs": TIES,
    }
    return Conversion.model_validate(known | changes)


def read(folder: Path, source: Conversion = WILD, **model: Any) -> Signature:
    """Return the signature of a model that is written into a folder."""
    entry = write_graph_model(folder, **model)
    return read_signature(load_model_json(entry), source)


def names(entries: Iterable[SignatureTensor]) -> list[str]:
    return [entry.name for entry in entries]


def outputs(*keys: str) -> dict[str, Any]:
    """Return a signature whose outputs have these keys, on Identity and Identity_1."""
    tensors = ("Identity:0", "Identity_1:0")
    return {
        "inputs": X,
        "outputs": {k: tensor_info(t, (-1, 4)) for k, t in zip(keys, tensors, strict=True)},
    }


def test_structured_outputs_give_each_tensor_its_name(tmp_path: Path) -> None:
    signature = read(tmp_path, record())

    spec = {"dtype": "float32", "jsDtype": "float32", "shape": [-1, 4], "proof": "structure"}
    assert signature.to_json() == {
        "format": "graph-model",
        "inputs": [
            {
                "id": 0,
                "name": "features",
                "tensor": "x:0",
                "dtype": "float32",
                "jsDtype": "float32",
                "shape": [-1, 8],
            }
        ],
        "outputs": [
            {"id": 0, "name": "logits", "tensor": "Identity:0", **spec},
            {"id": 1, "name": "scores", "tensor": "Identity_1:0", **spec},
        ],
        "requiresAsync": False,
        "parameters": 36,
        "ops": {"BiasAdd": 1, "Identity": 2, "MatMul": 1, "Placeholder": 1, "Sigmoid": 1},
        "signatureKey": "serving_default",
        "signatures": record().to_json()["signatures"],
        "tags": [["serve"]],
    }


def test_the_record_orders_outputs_however_the_file_does(tmp_path: Path) -> None:
    wire = dense_signature()
    wire["outputs"] = dict(reversed(wire["outputs"].items()))

    assert names(read(tmp_path, record(), signature=wire).outputs) == ["logits", "scores"]


def test_names_that_are_numbers_come_first_as_javascript_has_them(tmp_path: Path) -> None:
    ties = [{"name": "10", "tensor": "Identity:0"}, {"name": "9", "tensor": "Identity_1:0"}]

    signature = read(tmp_path, record(outputs=ties, signatures={}))

    assert [(o.id, o.name, o.tensor) for o in signature.outputs] == [
        (0, "9", "Identity_1:0"),
        (1, "10", "Identity:0"),
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(("Identity:0", "Identity_1:0"), ["Identity", "Identity_1"], id="tensors"),
        pytest.param(("Identity", "Identity_1"), ["Identity", "Identity_1"], id="nodes"),
        pytest.param(("boxes", "Identity_1:0"), ["boxes", "Identity_1"], id="half named"),
        pytest.param(("Identity_1", "Identity_1:0"), ["Identity_1", "Identity_1:0"], id="taken"),
    ],
)
def test_a_graph_model_has_the_names_of_its_own_signature(
    keys: tuple[str, str], expected: list[str], tmp_path: Path
) -> None:
    signature = read(tmp_path, signature=outputs(*keys))

    assert names(signature.outputs) == expected
    assert [output.tensor for output in signature.outputs] == ["Identity:0", "Identity_1:0"]
    assert {output.proof for output in signature.outputs} == {None}


def test_a_node_that_is_a_number_keeps_its_index_and_its_place(tmp_path: Path) -> None:
    nodes = [*dense_nodes(), node("7", "Neg", ["BiasAdd"])]
    wire = {"inputs": X, "outputs": {"a": tensor_info("Identity:0"), "7:0": tensor_info("7:0")}}

    assert names(read(tmp_path, nodes=nodes, signature=wire).outputs) == ["a", "7:0"]


def test_structured_output_keys_are_a_proof(tmp_path: Path) -> None:
    metadata = {"structuredOutputKeys": ["logits", "scores"]}

    signature = read(tmp_path, signature=outputs("logits", "scores"), userDefinedMetadata=metadata)

    assert {output.proof for output in signature.outputs} == {"structure"}


def test_dtypes_of_the_source_and_of_javascript(tmp_path: Path) -> None:
    nodes = [placeholder("image", None, "uint8"), node("y", "Identity", ["image"], dtype="uint8")]
    wire = {
        "inputs": {"image": tensor_info("image:0", None, "uint8")},
        "outputs": {"y": tensor_info("y:0", (), "int64")},
    }

    signature = read(tmp_path, nodes=nodes, signature=wire)

    (image,), (y,) = signature.inputs, signature.outputs
    assert (image.dtype, image.js_dtype, image.shape) == ("uint8", "int32", None)
    assert (y.dtype, y.js_dtype, y.shape) == ("int64", "int32", ())


def test_source_and_graph_complete_each_other(tmp_path: Path) -> None:
    wire = outputs("Identity:0", "Identity_1:0")
    wire["outputs"]["Identity:0"] = tensor_info("Identity:0", None)

    signature = read(tmp_path, record(scores={"shape": [2, -1]}), signature=wire)

    assert [output.shape for output in signature.outputs] == [(None, 4), (2, 4)]


def test_the_graph_tells_a_dtype_that_the_source_does_not_state(tmp_path: Path) -> None:
    signature = read(
        tmp_path,
        record(scores={"dtype": None}),
        signature=outputs("Identity:0", "Identity_1:0"),
    )

    assert [output.dtype for output in signature.outputs] == ["float32", "float32"]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param({"name": "table:0", "dtype": "DT_RESOURCE", "tensorShape": {}}, id="dtype"),
        pytest.param({"name": "table:0", "tensorShape": {}, "resourceId": "7"}, id="resource"),
    ],
)
def test_hash_tables_are_no_inputs_but_stay_in_the_file(
    table: dict[str, Any], tmp_path: Path
) -> None:
    wire = {**dense_signature(), "inputs": {"table": table, **X}}
    initializer = {"node": [{"name": "HashTableV2", "op": "HashTableV2"}]}
    nodes = [*dense_nodes(), placeholder("table", (), "resource")]
    entry = write_graph_model(tmp_path, nodes=nodes, signature=wire, modelInitializer=initializer)
    model_json = load_model_json(entry)

    signature = read_signature(model_json, WILD)

    content = rewrite_signature(model_json.content, signature)
    assert names(signature.inputs) == ["x"]
    assert signature.requires_async
    assert content["signature"]["inputs"] == {**X, "table": table}


def test_what_feeds_an_input_does_not_run(tmp_path: Path) -> None:
    nodes = [*dense_nodes(), node("where", "Where", ["x"]), node("mid", "Neg", ["where"])]
    wire = {
        "inputs": {"mid": tensor_info("mid:0", (-1, 1))},
        "outputs": {"y": tensor_info("y:0", (-1, 1))},
    }

    signature = read(tmp_path, nodes=[*nodes, node("y", "Neg", ["mid"])], signature=wire)

    assert not signature.requires_async


@pytest.mark.parametrize(
    ("op", "requires_async"),
    [
        pytest.param("NonMaxSuppressionV3", True, id="dynamic shape"),
        pytest.param("TensorListReserve", True, id="promise"),
        pytest.param("Relu", False, id="plain"),
    ],
)
def test_ops_that_need_execute_async(op: str, requires_async: bool, tmp_path: Path) -> None:
    nodes = [*dense_nodes(), node("op", op, ["BiasAdd"]), node("y", "Identity", ["op"])]
    wire = {"inputs": X, "outputs": {"y": tensor_info("y:0")}}

    assert read(tmp_path, nodes=nodes, signature=wire).requires_async is requires_async


def test_parameters_are_floats_however_they_are_stored(tmp_path: Path) -> None:
    weights = {**dense_weights(), "axis": np.zeros(5, np.int32)}

    assert read(tmp_path, weights=weights, stored={"kernel": "uint8"}).parameters == 36


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"outputs": TIES[:1]},
            r"not the same tensors\n  source: logits = Identity:0 float32 \(None, 4\)\n"
            r"  graph:  Identity:0 float32 \(None, 4\); Identity_1:0",
            id="one less",
        ),
        pytest.param(
            {"outputs": [{"name": "a", "tensor": "Identity:0"}, {"name": "b", "tensor": "Relu:0"}]},
            "outputs of the source and of the converted graph contradict",
            id="another tensor",
        ),
        pytest.param(
            {"outputs": [{"name": "a", "tensor": t} for t in ("Identity:0", "Identity_1:0")]},
            "two outputs of the source have one name: a, a",
            id="one name",
        ),
        pytest.param({"inputs": []}, "inputs of the source .*\n  source: none", id="no input"),
    ],
)
def test_a_record_that_contradicts_the_graph(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SignatureError, match=message):
        read(tmp_path, record(**change))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("dtype", "int32", "scores is int32, Identity_1:0 is float32", id="dtype"),
        pytest.param("shape", [-1, 5], r"but \(None, 4\) is not \(None, 5\)", id="size"),
        pytest.param("shape", [-1, 4, 1], "2 axes", id="axes"),
    ],
)
def test_a_source_tensor_that_cannot_be_the_one_in_the_graph(
    key: str, value: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SignatureError, match=message):
        read(tmp_path, record(scores={key: value}))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        pytest.param(
            tensor_info("Identty:0"), r"no node 'Identty' \(nearest names: Ident", id="node"
        ),
        pytest.param(tensor_info("Identity:0", (), "uint32"), "uint32, which Tensor", id="dtype"),
        pytest.param({"name": "Identity:0"}, "neither .* tells its dtype", id="no dtype"),
        pytest.param(
            {"dtype": "DT_FLOAT"}, "outputs.y.name: missing; expected a text", id="no tensor"
        ),
        pytest.param(
            {"name": "a", "dtype": "DT_FLOTA"},
            'outputs.y.dtype: "DT_FLOTA"; expected a dtype',
            id="bad dtype",
        ),
    ],
)
def test_an_output_that_cannot_be_published(info: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=message):
        read(tmp_path, signature={"inputs": X, "outputs": {"y": info}})


def test_a_wild_model_reads_the_same_before_and_after(tmp_path: Path) -> None:
    wild = write_graph_model(tmp_path / "wild", signature={})
    base = tmp_path / "base"
    base.mkdir()
    source = normalize_graph_model(source=wild, folder=base, shard_size_bytes=64)

    signature = read_signature(load_model_json(base / "model.json"), source)

    assert names(signature.inputs) == ["x"]
    assert names(signature.outputs) == ["Identity", "Identity_1"]
    signature.save(tmp_path)
    assert Signature.load(tmp_path) == signature
