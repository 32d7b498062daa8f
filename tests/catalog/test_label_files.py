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

    assert read_names(name, tmp_path) == ["cat", "big dog"]


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
        read_names(name, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"labels: gone\.txt: "):
        read_names("gone.txt", tmp_path)
