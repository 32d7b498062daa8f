"""Formats told from files and from names: the real first bytes of each, and names that lie."""

import zipfile
from pathlib import Path

import h5py
import onnx_files
import pytest

from pipeline.errors import FormatError
from pipeline.formats.detect import detect_format, formats_of_file
from pipeline.formats.table import EXPECTED, INPUT_FORMATS

SAVED_MODELS = {"tf_saved_model", "tf_hub", "keras_saved_model"}


def detect(path: Path, *, asked: str | None = None, output_format: str | None = None) -> str:
    """Return the format that a file or folder is found to be of."""
    return detect_format(path, asked=asked, name="the model", output_format=output_format)


def write_files(folder: Path, *names: str) -> Path:
    """Write empty files and return their folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("m.h5", "", "keras"),
        ("M.HDF5", "", "keras"),
        ("m.keras", "", "keras_keras"),
        ("m.pb", "", "tf_frozen_model"),
        ("m.tflite", "", "tflite"),
        ("m.onnx", "", "onnx"),
        ("saved_model.pb", "", "tf_saved_model"),
        ("model.json", '{"modelTopology": {"node": []}}', "tfjs_graph_model"),
        ("model.json", '{"weightsManifest": []}', "tfjs_graph_model"),
        ("model.json", '{"modelTopology": {"model_config": {}}}', "tfjs_layers_model"),
        ("model.json", '{"format": "layers-model", "modelTopology": {}}', "tfjs_layers_model"),
    ],
)
def test_a_file_tells_its_format(tmp_path: Path, name: str, content: str, found: str) -> None:
    (tmp_path / name).write_text(content)

    assert detect(tmp_path / name) == found


def test_content_says_more_than_a_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.keras", "w"):
        pass
    with zipfile.ZipFile(tmp_path / "model.h5", "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / "model").write_bytes(b"\x1c\0\0\0TFL3")
    (tmp_path / "model.pb").write_bytes(onnx_files.onnx_model())
    (tmp_path / "frozen.pb").write_bytes(b"\x0a\x10\x0a\x01x\x12\x0bPlaceholder")

    names = ("model.keras", "model.h5", "model", "model.pb", "frozen.pb")
    found = [detect(tmp_path / name) for name in names]
    assert found == ["keras", "keras_keras", "tflite", "onnx", "tf_frozen_model"]


@pytest.mark.parametrize("content", [b"PK\x03\x04 cut off", b""])
def test_a_damaged_archive_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.keras").write_bytes(content)

    assert detect(tmp_path / "m.keras") == "keras_keras"


def test_a_folder_of_tf_hub_is_told_by_its_marker(tmp_path: Path) -> None:
    write_files(tmp_path, "saved_model.pb", "tfhub_module.pb")

    assert detect(tmp_path) == "tf_hub"
    assert detect(tmp_path, asked="tf_saved_model") == "tf_saved_model"


@pytest.mark.parametrize("asked", sorted(SAVED_MODELS))
@pytest.mark.parametrize("marker", ["fingerprint.pb", "tfhub_module.pb", "keras_metadata.pb"])
def test_the_manifest_decides_how_a_saved_model_is_read(
    tmp_path: Path, marker: str, asked: str
) -> None:
    write_files(tmp_path, "saved_model.pb", marker)

    assert detect(tmp_path, asked=asked) == asked
    with pytest.raises(FormatError, match=r"input_format: keras: the files are tf_"):
        detect(tmp_path, asked="keras")


def test_layers_are_made_of_what_keras_saved(tmp_path: Path) -> None:
    write_files(tmp_path, "saved_model.pb")
    plain = detect(tmp_path, output_format="tfjs_layers_model")
    write_files(tmp_path, "keras_metadata.pb")
    outputs = (None, "tfjs_graph_model", "tfjs_layers_model")
    found = {output: detect(tmp_path, output_format=output) for output in outputs}

    assert plain == found[None] == found["tfjs_graph_model"] == "tf_saved_model"
    assert found["tfjs_layers_model"] == "keras_saved_model"


def test_a_folder_of_models_says_which_there_are(tmp_path: Path) -> None:
    parts = ("a/fingerprint.pb", "a/keras_metadata.pb", "a/saved_model.pb", "a/tfhub_module.pb")
    write_files(tmp_path, *parts, "b/model.json", "b/labels.json", "c/m.H5")

    with pytest.raises(FormatError) as caught:
        detect(tmp_path)
    assert caught.value.hint == "point `source:` at one of a, b/model.json, c/m.H5"


def test_a_folder_of_something_else_lists_what_it_holds(tmp_path: Path) -> None:
    write_files(tmp_path, "a.txt", "b.txt")

    with pytest.raises(FormatError) as caught:
        detect(tmp_path)
    said, _, expected = caught.value.message.partition("; expected ")
    assert said == "no model in the model (holds a.txt, b.txt)"
    assert expected.startswith(
        "a SavedModel folder (saved_model.pb), a frozen graph (.pb), a Keras model (.h5, .keras)"
    )
    assert expected.endswith(f" or {EXPECTED[-1]}")


@pytest.mark.parametrize(
    ("name", "asked", "found", "hint"),
    [
        ("m.h5", "tf_saved_model", "keras", "set `input_format: keras`, or leave it out"),
        ("m.tflite", "keras", "tflite", "set `input_format: tflite`, or leave it out"),
    ],
)
def test_a_format_that_the_files_are_not_is_refused(
    tmp_path: Path, name: str, asked: str, found: str, hint: str
) -> None:
    write_files(tmp_path, name)

    with pytest.raises(
        FormatError, match=f"input_format: {asked}: the files are {found}"
    ) as caught:
        detect(tmp_path / name, asked=asked)
    assert hint in (caught.value.hint or "")


def test_the_manifest_says_what_a_file_without_any_mark_is(tmp_path: Path) -> None:
    """A frozen graph has no mark in its content, and here none in its name."""
    write_files(tmp_path, "graph")

    assert detect(tmp_path / "graph", asked="tf_frozen_model") == "tf_frozen_model"
    with pytest.raises(FormatError, match="cannot tell the format"):
        detect(tmp_path / "graph", asked="keras")
    with pytest.raises(FormatError, match="no model in the model") as caught:
        detect(tmp_path, asked="tf_frozen_model")
    assert "#path and `input_format:`" in (caught.value.hint or "")


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_json_that_is_no_model_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)

    with pytest.raises(FormatError, match=r"model\.json"):
        detect(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("models/a.h5", {"keras"}),
        ("A.KERAS", {"keras_keras", "keras"}),
        ("frozen.pb", {"tf_frozen_model"}),
        ("m/saved_model.pb", SAVED_MODELS),
        ("m/tfhub_module.pb", {"tf_hub"}),
        ("my_saved_model.pb", {"tf_frozen_model"}),
        ("model.json", {"tfjs_graph_model", "tfjs_layers_model"}),
        ("detector.json", {"tfjs_graph_model", "tfjs_layers_model"}),
        ("models/folder", set(INPUT_FORMATS)),
    ],
)
def test_a_file_name_allows_some_formats(name: str, formats: set[str]) -> None:
    assert set(formats_of_file(name)) == formats
