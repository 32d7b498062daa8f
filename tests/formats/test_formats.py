"""Formats: told by the files, checked against what the manifest asks for."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest
from graph_models import write_graph_model

from pipeline.errors import FormatError
from pipeline.formats.convert import check_formats, load_metadata
from pipeline.formats.detect import detect_format
from pipeline.tfjs.model.metadata import add_metadata, choose_output_names
from pipeline.tfjs.model.model_json import load_model_json


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("m.h5", "", "keras"),
        ("m.keras", "", "keras_keras"),
        ("m.pb", "", "tf_frozen_model"),
        ("m.tflite", "", "tflite"),
        ("m.onnx", "", "onnx"),
        ("saved_model.pb", "", "tf_saved_model"),
        ("model.json", '{"modelTopology": {"node": []}}', "tfjs_graph_model"),
        ("model.json", '{"modelTopology": {"model_config": {}}}', "tfjs_layers_model"),
        ("model.json", '{"format": "layers-model", "modelTopology": {}}', "tfjs_layers_model"),
    ],
)
def test_a_file_tells_its_format(tmp_path: Path, name: str, content: str, found: str) -> None:
    (tmp_path / name).write_text(content)

    assert detect_format(tmp_path / name, asked=None, name="the model") == found


def test_content_says_more_than_a_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.keras", "w"):
        pass
    with zipfile.ZipFile(tmp_path / "model.h5", "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / "model").write_bytes(b"\x1c\0\0\0TFL3")

    found = [
        detect_format(tmp_path / name, asked=None, name="the model")
        for name in ("model.keras", "model.h5", "model")
    ]
    assert found == ["keras", "keras_keras", "tflite"]


def test_a_folder_of_tf_hub_is_told_by_its_marker(tmp_path: Path) -> None:
    for name in ("saved_model.pb", "tfhub_module.pb"):
        (tmp_path / name).write_bytes(b"")

    assert detect_format(tmp_path, asked=None, name="the model") == "tf_hub"
    assert detect_format(tmp_path, asked="tf_saved_model", name="it") == "tf_saved_model"


def test_the_manifest_decides_where_the_files_leave_a_choice(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")

    assert detect_format(tmp_path, asked="keras_saved_model", name="it") == "keras_saved_model"
    with pytest.raises(FormatError, match="keras: the files are tf_saved_model"):
        detect_format(tmp_path, asked="keras", name="it")


def test_layers_are_made_of_what_keras_saved(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    plain = detect_format(tmp_path, asked=None, name="it", output_format="tfjs_layers_model")
    (tmp_path / "keras_metadata.pb").write_bytes(b"")
    found = {
        output: detect_format(tmp_path, asked=None, name="it", output_format=output)
        for output in (None, "tfjs_graph_model", "tfjs_layers_model")
    }

    assert plain == found[None] == found["tfjs_graph_model"] == "tf_saved_model"
    assert found["tfjs_layers_model"] == "keras_saved_model"


def test_a_folder_of_models_says_which_there_are(tmp_path: Path) -> None:
    for path in ("a/saved_model.pb", "b/model.json", "c/m.h5"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(b"")

    with pytest.raises(FormatError) as caught:
        detect_format(tmp_path, asked=None, name="the model")
    assert caught.value.hint == "point `source:` at one of a, b/model.json, c/m.h5"


def test_a_folder_with_a_saved_model_is_one(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")

    assert detect_format(tmp_path, asked="tf_saved_model", name="the model") == "tf_saved_model"


def test_a_folder_of_something_else_lists_what_it_holds(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("")

    with pytest.raises(FormatError, match=r"holds a\.txt, b\.txt.*expected a SavedModel"):
        detect_format(tmp_path, asked=None, name="the model")


def test_a_format_that_the_files_are_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"")

    with pytest.raises(FormatError, match="input_format: tf_saved_model: the files are keras"):
        detect_format(tmp_path / "m.h5", asked="tf_saved_model", name="the model")


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_json_that_is_no_model_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)

    with pytest.raises(FormatError, match=r"model\.json"):
        detect_format(tmp_path / "model.json", asked=None, name="the model")


def parameters(**asked: Any) -> dict[str, Any]:
    """Return what the manifest asks for."""
    return {"output_format": None, "asked": [], **asked}


def test_a_flag_that_does_not_apply_to_the_files_is_refused() -> None:
    check_formats(parameters(asked=["signature_name"]), "tf_saved_model")
    with pytest.raises(FormatError, match="signature_name: applies to"):
        check_formats(parameters(asked=["signature_name"]), "tfjs_graph_model")


def test_an_output_format_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(FormatError, match="tf_saved_model becomes tfjs_graph_model"):
        check_formats(parameters(output_format="tfjs_layers_model"), "tf_saved_model")


def test_a_format_that_is_only_recognized_is_said_so() -> None:
    with pytest.raises(FormatError, match="onnx cannot be converted; expected tf_saved_model"):
        check_formats(parameters(), "onnx")


def test_metadata_stands_in_the_manifest_or_in_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "class names.json").write_text('["cat", "dog"]')
    values = {"labels": "class names.json", "version": {"major": 1}}

    loaded = load_metadata(values, tmp_path)
    assert loaded == {"labels": ["cat", "dog"], "version": {"major": 1}}
    with pytest.raises(FormatError, match=r"metadata\.labels: no\.json: No such file"):
        load_metadata({"labels": "no.json"}, tmp_path)


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
    ],
)
def test_when_predict_returns_names(
    outputs: list[str] | None,
    asked: bool | None,  # noqa: FBT001
    names: list[str] | None,
) -> None:
    ties = None if outputs is None else [{"name": name, "tensor": "x:0"} for name in outputs]

    assert choose_output_names(ties, asked=asked) == names
