"""Metadata: added to what a model.json has, with the names of structured outputs."""

import json
from pathlib import Path

import pytest
from graph_models import write_graph_model

from pipeline.records.source import Tie
from pipeline.tfjs.model.metadata import add_metadata, choose_output_names
from pipeline.tfjs.model.model_json import load_model_json


def test_metadata_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, userDefinedMetadata={"author": "someone", "labels": []})
    added = add_metadata(load_model_json(path), {"labels": ["cat"]}, output_names=["a", "b"])

    assert added.content["userDefinedMetadata"] == {
        "author": "someone",
        "labels": ["cat"],
        "structuredOutputKeys": ["a", "b"],
    }
    bare = load_model_json(write_graph_model(tmp_path))
    assert add_metadata(bare, {}, output_names=None) == bare
    assert "userDefinedMetadata" not in json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("outputs", "asked", "names"),
    [
        pytest.param(None, True, None, id="the source has no names"),
        pytest.param(["a"], None, None, id="a single output is returned as it is"),
        pytest.param(["a"], True, ["a"], id="unless asked for"),
        pytest.param(["a", "b"], None, ["a", "b"], id="two are returned by name"),
        pytest.param(["a", "b"], False, None, id="unless not wanted"),
        pytest.param(["a", "__proto__"], True, None, id="one of them would be lost in an object"),
    ],
)
def test_when_predict_returns_names(
    outputs: list[str] | None,
    asked: bool | None,  # a column of the table above
    names: list[str] | None,
) -> None:
    ties = None if outputs is None else [Tie(name=name, tensor="x:0") for name in outputs]

    assert choose_output_names(ties, asked=asked) == names
