"""What a path or a source stands for."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from graph_models import write_graph_model
from loopback import serve

from pipeline.disk.canonical import format_json
from pipeline.errors import FetchError, FormatError
from pipeline.fetch.address.source import parse_source
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import open_subject


def inspect(text: str, root: Path) -> dict[str, Any]:
    """Return the description of a source as it is written on the command line."""
    source = parse_source(text)
    cache = root / "cache"
    with open_subject(source, root=root, cache=cache, progress=lambda *_: None) as subject:
        return inspect_subject(subject, shapes={}, announce=pytest.fail).to_json()


def test_a_file_its_folder_and_a_file_of_another_name(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")
    write_graph_model(tmp_path / "other", entry="detector.json", shard_name="weights.bin")

    for text in ("model/model.json", "model", "other/detector.json"):
        assert inspect(text, tmp_path)["parameters"] == 36


def test_what_lies_here_is_not_copied(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "model")
    source = parse_source("model/model.json")

    with open_subject(
        source, root=tmp_path, cache=tmp_path / "cache", progress=lambda *_: None
    ) as subject:
        assert subject.path == path


def test_a_model_in_an_archive(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")
    with tarfile.open(tmp_path / "models.tgz", "w:gz") as archive:
        archive.add(tmp_path / "model", "zoo/model")
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())

    assert inspect("models.tgz#zoo/model/model.json", tmp_path)["parameters"] == 36


def test_an_alias_of_a_published_variant_has_its_shards_beside_it(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "m/float32-0123abcd")
    shard = path.with_name("group1-shard1of1.bin")
    alias = path.read_text().replace('"group1-shard', '"../float32-0123abcd/group1-shard')
    (tmp_path / "m/float32").mkdir()
    (tmp_path / "m/float32/model.json").write_text(alias)
    with serve() as server:
        url = server.put("/m/float32/model.json", alias.encode())
        server.put("/m/float32-0123abcd/group1-shard1of1.bin", shard.read_bytes())
        found = [inspect(text, tmp_path) for text in ("m/float32/model.json", url)]

    assert [model["parameters"] for model in found] == [36, 36]
    assert [model["bytes"] for model in found] == [len(alias) + shard.stat().st_size] * 2


def test_shards_far_above_are_refused(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "model")
    path.write_text(path.read_text().replace('"group1-shard', '"../../../elsewhere/group1-shard'))

    with pytest.raises(FormatError, match="where a published zoo has it"):
        inspect("model", tmp_path)


def test_a_catalog_lists_its_models(tmp_path: Path) -> None:
    content = {"schema": 1, "zoo": {"name": "Test"}, "models": [{"name": "one", "status": "ok"}]}
    (tmp_path / "models.json").write_bytes(format_json(content))

    for text in ("models.json", "."):
        model = inspect(text, tmp_path)
        assert model["format"] == "zoo_catalog"
        assert [entry["name"] for entry in model["models"]] == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "model_format"),
    [
        pytest.param("m.tflite", b"<!DOCTYPE html>", "tflite", id="a page of that name"),
        pytest.param("m.keras", b"no zip", "keras_keras", id="a broken Keras file"),
        pytest.param("m.onnx", b"<!DOCTYPE html>", "onnx", id="no ONNX model"),
    ],
)
def test_formats_that_are_only_named(
    tmp_path: Path, name: str, content: bytes, model_format: str
) -> None:
    (tmp_path / name).write_bytes(content)

    model = inspect(name, tmp_path)

    assert (model["format"], model["bytes"], model["supported"]) == (
        model_format,
        len(content),
        False,
    )
    assert len(model["remarks"]) == 1


def test_what_is_not_there_has_a_near_name_and_no_word_of_models_yaml(tmp_path: Path) -> None:
    write_graph_model(tmp_path, entry="detector.json")

    with pytest.raises(FetchError, match=r"did you mean 'detector\.json'") as near:
        inspect("detektor.json", tmp_path)
    with pytest.raises(FetchError, match="no such file or folder") as far:
        inspect("elsewhere/zzz", tmp_path)

    assert near.value.hint is None
    assert far.value.hint is None


def test_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")

    with pytest.raises(FormatError, match=r"cannot tell the format of notes\.txt"):
        inspect("notes.txt", tmp_path)


def test_an_archive_without_path_lists_its_models(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hand.task", "w") as archive:
        archive.writestr("Hand Detector.tflite", b"0000TFL3")
        archive.writestr("readme.txt", b"-")
    with zipfile.ZipFile(tmp_path / "gesture.task", "w") as archive:
        archive.write(tmp_path / "hand.task", "hand.task")
        archive.writestr("m/saved_model.pb", b"-")

    outer, inner = (
        inspect(text, tmp_path)["inside"] for text in ("gesture.task", "gesture.task#hand.task")
    )
    assert [(each["path"], each["format"], each["source"]) for each in outer] == [
        ("hand.task", None, "gesture.task#hand.task"),
        ("m", "tf_saved_model", "gesture.task#m"),
    ]
    assert inner == [
        {
            "path": "Hand Detector.tflite",
            "format": "tflite",
            "bytes": 8,
            "name": "hand-detector",
            "source": "gesture.task#hand.task#Hand Detector.tflite",
        }
    ]


def test_a_folder_lists_its_models_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all/m.onnx").write_bytes(b"-")

    (model,) = inspect("all", tmp_path)["inside"]
    assert model["source"] == "all/m.onnx"


def test_models_of_one_name_are_listed_under_names_of_their_own(tmp_path: Path) -> None:
    for path in ("a/m.onnx", "a/m.tflite", "a/en.onnx", "b/en.onnx", "c/b/en.onnx", "one.onnx"):
        (tmp_path / "all" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / path).write_bytes(b"-")

    assert {each["path"]: each["name"] for each in inspect("all", tmp_path)["inside"]} == {
        "a/m.onnx": "m-onnx",
        "a/m.tflite": "m-tflite",
        "a/en.onnx": "a-en",
        "b/en.onnx": "b-en-onnx",
        "c/b/en.onnx": "c-b-en-onnx",
        "one.onnx": "one",
    }


def test_an_archive_without_a_model_is_named_and_not_its_temporary_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes 1.zip", "w") as archive:
        archive.writestr("readme.txt", b"-")
        archive.writestr("licence.txt", b"-")

    with pytest.raises(FormatError, match=r"no model in notes-1\.zip \(holds"):
        inspect("notes 1.zip", tmp_path)
