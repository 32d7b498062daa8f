"""Signatures of wild graph models, completed from their graphs."""

from pathlib import Path
from typing import Any

import pytest
from graph_models import (
    dense_nodes,
    dense_signature,
    node,
    placeholder,
    tensor_info,
    write_graph_model,
)

from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_content

X = {"x": tensor_info("x:0", (-1, 8))}
LOGITS = tensor_info("Identity:0", (-1, 4))
SCORES = tensor_info("Identity_1:0", (-1, 4))


def normalized(folder: Path, **wild: Any) -> dict[str, Any]:
    """Return the content of the model.json that a wild one becomes."""
    return normalize_content(load_model_json(write_graph_model(folder, **wild)))


def test_an_input_is_what_tensorflow_js_checks_it_against(tmp_path: Path) -> None:
    claims = {"x": tensor_info("x:0", (1, 9), "int32")}

    content = normalized(tmp_path, signature={**dense_signature(), "inputs": claims})

    assert content["signature"]["inputs"] == X


def test_a_size_that_only_the_signature_knows_stays(tmp_path: Path) -> None:
    claims = {"x": tensor_info("x:0", (1, 8))}

    content = normalized(tmp_path, signature={**dense_signature(), "inputs": claims})

    assert content["signature"]["inputs"] == claims


def test_an_input_that_nobody_lists_is_added_where_it_is_needed(tmp_path: Path) -> None:
    nodes = [
        *dense_nodes(),
        placeholder("rate", ()),
        placeholder("unused", (-1,)),
        {**placeholder("defaulted", ()), "op": "PlaceholderWithDefault", "input": ["bias"]},
        node("Mul", "Mul", ["Identity", "rate"]),
        node("Add", "AddV2", ["Mul", "defaulted"]),
    ]
    outputs = {"y": tensor_info("Add:0", (-1, 4))}

    content = normalized(tmp_path, nodes=nodes, signature={"inputs": X, "outputs": outputs})

    assert [*content["signature"]["inputs"]] == ["x", "rate:0"]


def test_what_only_tensorflow_js_can_feed_is_not_added(tmp_path: Path) -> None:
    nodes = [placeholder("table", (), "resource"), node("y", "AddV2", ["x", "table"])]

    content = normalized(tmp_path, nodes=[*dense_nodes(), *nodes], signature={})

    assert [*content["signature"]["inputs"]] == ["x:0"]


def test_an_input_that_the_graph_lacks_goes(tmp_path: Path) -> None:
    claims = {"pruned": tensor_info("pruned:0"), **X}

    content = normalized(tmp_path, signature={**dense_signature(), "inputs": claims})

    assert content["signature"]["inputs"] == X


def test_what_a_signature_states_of_an_output_stays(tmp_path: Path) -> None:
    outputs = {"y": tensor_info("Identity:0", (2, 2, 2), "int32")}

    content = normalized(tmp_path, signature={"inputs": X, "outputs": outputs})

    assert content["signature"]["outputs"] == outputs


def test_a_default_is_an_input_where_there_is_no_other(tmp_path: Path) -> None:
    nodes = [
        {**placeholder("x", (4,)), "op": "PlaceholderWithDefault", "input": ["bias"]},
        node("y", "Neg", ["x"]),
    ]

    content = normalized(tmp_path, nodes=nodes, signature={})

    assert content["signature"]["inputs"] == {"x:0": tensor_info("x:0", (4,))}


def test_structured_output_keys_name_the_tensors_they_belong_to(tmp_path: Path) -> None:
    wire = {"inputs": X, "outputs": {"scores": SCORES, "Identity:0": LOGITS}}
    metadata = {"structuredOutputKeys": ["logits", "scores"]}

    content = normalized(tmp_path, signature=wire, userDefinedMetadata=metadata)

    assert content["signature"]["outputs"] == {"logits": LOGITS, "scores": SCORES}
    assert [*content["signature"]["outputs"]] == ["logits", "scores"]
    assert content["userDefinedMetadata"] == metadata


@pytest.mark.parametrize(
    ("keys", "tensors"),
    [
        pytest.param(["a", "b", "c"], ("Identity:0", "Identity_1:0"), id="too many"),
        pytest.param(["a", "a"], ("Identity:0", "Identity_1:0"), id="twice"),
        pytest.param(["a", "b"], ("BiasAdd:0", "Sigmoid:0"), id="no Identity"),
    ],
)
def test_structured_output_keys_that_prove_nothing_go(
    keys: list[str], tensors: tuple[str, str], tmp_path: Path
) -> None:
    wire = {"inputs": X, "outputs": {t: tensor_info(t, (-1, 4)) for t in tensors}}
    metadata = {"structuredOutputKeys": keys}

    content = normalized(tmp_path, signature=wire, userDefinedMetadata=metadata)

    assert content["signature"] == wire
    assert "userDefinedMetadata" not in content
