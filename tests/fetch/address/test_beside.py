"""Addresses of files that belong to a model."""

import pytest

from pipeline.errors import SourceError
from pipeline.fetch.address.beside import find_beside, is_address, name_of
from pipeline.fetch.address.source import parse_source

NPM = "npm:@a/b@1.0.0#models/m.json"


@pytest.mark.parametrize(
    ("text", "source", "found"),
    [
        ("#labels.txt", NPM, "npm:@a/b@1.0.0#labels.txt"),
        ("#a/l.csv", "pypi:n==1.2#m.tflite", "pypi:n==1.2#a/l.csv"),
        ("#l.txt", "hf:own/repo@main", "hf:own/repo@main#l.txt"),
        ("#l.txt", "models/m.zip#a/m.h5", "models/m.zip#l.txt"),
        ("#h.task#l.txt", "m.zip#h.task#m.tflite", "m.zip#h.task#l.txt"),
        ("#l.txt", "https://h.org/a/m/model.json?x=1", "https://h.org/a/m/l.txt"),
        ("https://h.org/l.txt", NPM, "https://h.org/l.txt"),
        ("npm:c@2.0.0#l.txt", NPM, "npm:c@2.0.0#l.txt"),
    ],
)
def test_an_address_is_found_from_the_source(text: str, source: str, found: str) -> None:
    assert is_address(text)
    assert find_beside(text, source) == found
    assert name_of(parse_source(found)).startswith("l")


@pytest.mark.parametrize("source", ["models/m.h5", "s3://bucket/m.h5"])
def test_a_source_without_other_files_has_none_beside(source: str) -> None:
    with pytest.raises(
        SourceError, match=r"expected a path relative to models\.yaml, or an address"
    ):
        find_beside("#labels.txt", source)


def test_no_file_leads_out() -> None:
    for source in (NPM, "https://h.org/a/m.h5"):
        with pytest.raises(SourceError, match=r"must stay inside"):
            find_beside("#../l.txt", source)


def test_a_path_is_no_address() -> None:
    assert not is_address("data/labels.txt")
