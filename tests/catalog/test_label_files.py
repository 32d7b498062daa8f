"""Names of classes from files beside the manifest."""

from pathlib import Path

import pytest

from pipeline.catalog.label_files import read_names
from pipeline.errors import ManifestError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "cat\nbig dog\n"),
        ("labels.json", '["cat", "big dog"]'),
        ("labels.json", '{"1": "big dog", "0": "cat"}'),
        ("labels.csv", 'index,mid,display_name\n0,/m/1,cat\n1,/m/2,"big dog"\n'),
    ],
    ids=["lines", "list", "by number", "table"],
)
def test_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert read_names(name, tmp_path, {}) == ["cat", "big dog"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", '{"0": "cat", "2": "dog"}'),
        ("labels.json", "[1, 2]"),
        ("labels.json", "{"),
        ("labels.csv", "a,b\n1,2\n"),
        ("labels.txt", "cat\n\ndog\n"),
        ("labels.txt", ""),
    ],
    ids=["gap", "numbers", "no JSON", "no column", "empty line", "empty"],
)
def test_what_holds_no_names_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ManifestError, match=f"labels: {name}: "):
        read_names(name, tmp_path, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gone.txt", "labels: gone.txt: No such file or directory"),
        (
            "files/lables.txt",
            "labels: files/lables.txt: No such file or directory; did you mean 'files/labels.txt'?",
        ),
        ("coco_80", "labels: coco_80: No such file or directory; did you mean 'coco-80'?"),
    ],
)
def test_a_missing_file_is_named_and_what_was_meant(tmp_path: Path, given: str, said: str) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "labels.txt").write_text("cat\n")

    with pytest.raises(ManifestError) as caught:
        read_names(given, tmp_path, {})
    assert caught.value.message == said


def test_a_file_in_another_encoding_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes("K\u00e4se\n".encode("latin-1"))

    with pytest.raises(ManifestError, match=r"labels: names\.txt: no text in UTF-8"):
        read_names("names.txt", tmp_path, {})


def test_a_fetched_file_is_found_by_its_address(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name\ncat\n")

    fetched = {"npm:a@1.0.0#names.csv": tmp_path / "names.csv"}
    assert read_names("npm:a@1.0.0#names.csv", tmp_path / "zoo", fetched) == ["cat"]


def test_a_file_that_is_too_large_or_too_deep_holds_no_names(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"a\n" * (2**21 + 1))
    (tmp_path / "deep.json").write_text("[" * 100_000)

    with pytest.raises(ManifestError, match="more than 4 MiB"):
        read_names("large.txt", tmp_path, {})
    with pytest.raises(ManifestError, match="no list of names"):
        read_names("deep.json", tmp_path, {})
