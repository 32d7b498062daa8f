"""SignatureDefs: how a model.json names inputs and outputs, and how a published one does."""

from pathlib import Path

from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.records.source import Conversion, Tie
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.signature_def import javascript_order, rewrite_signature

X = {"x": tensor_info("x:0", (-1, 8))}


def test_javascript_goes_through_numbers_first() -> None:
    keys = ["b", "2", "01", "a", "10", "4294967295", "4294967294"]

    assert javascript_order(keys) == ["2", "10", "4294967294", "b", "01", "a", "4294967295"]


def test_the_published_file_has_these_names_in_this_order(tmp_path: Path) -> None:
    metadata = {"signature": {"outputs": {}}, "structuredOutputKeys": ["old", "older"], "by": "me"}
    entry = write_graph_model(tmp_path, userDefinedMetadata=metadata)
    model_json = load_model_json(entry)

    ties = [("logits", "Identity:0"), ("scores", "Identity_1:0")]
    record = Conversion(
        inputs=[Tie(name="features", tensor="x:0")],
        outputs=[Tie(name=name, tensor=tensor) for name, tensor in ties],
    )

    content = rewrite_signature(model_json.content, read_signature(model_json, record))

    published = content["signature"]["outputs"]
    assert content["signature"]["inputs"] == {"features": X["x"]}
    assert [(key, info["name"]) for key, info in published.items()] == ties
    assert content["userDefinedMetadata"] == {
        "by": "me",
        "structuredOutputKeys": ["logits", "scores"],
    }
    assert content["modelTopology"] == model_json.content["modelTopology"]


def test_outputs_that_share_a_node_are_published_on_nodes_of_their_own(tmp_path: Path) -> None:
    nodes = [placeholder("x", (-1, 8)), node("top", "TopKV2", ["x", "bias"])]
    tensors = {"values": "top:0", "indices": "top:1", "again": "top:0", "same": "x:0"}
    wire = {"inputs": X, "outputs": {k: tensor_info(t) for k, t in tensors.items()}}
    model_json = load_model_json(write_graph_model(tmp_path, nodes=nodes, signature=wire))
    signature = read_signature(model_json, Conversion())

    content = rewrite_signature(model_json.content, signature)

    added = content["modelTopology"]["node"][-3:]
    assert [output.tensor for output in signature.outputs] == [*tensors.values()]
    assert {k: i["name"] for k, i in content["signature"]["outputs"].items()} == {
        "values": "top:0",
        "indices": "top/output:0",
        "again": "top/output_1:0",
        "same": "x/output:0",
    }
    assert [(n["name"], n["op"], n["input"]) for n in added] == [
        ("top/output", "Identity", ["top:1"]),
        ("top/output_1", "Identity", ["top"]),
        ("x/output", "Identity", ["x"]),
    ]
