"""A catalog that is written entry by entry, and read so."""

from pathlib import Path

import pytest
from site_zoo import catalog, entry

from pipeline.catalog.pieces import CatalogWriter, Piece, open_catalog
from pipeline.catalog.texts import format_entry, head_of
from pipeline.catalog.verdict_words import judge_model
from pipeline.disk.canonical import digest_bytes, format_json
from pipeline.errors import DamagedFileError

MADE = catalog(entry("a", title="} ,"), entry("b", description="ü\n"), entry("c"))


def write(folder: Path) -> None:
    """Write the catalog."""
    with CatalogWriter(folder, head_of(MADE), is_empty=False) as writer:
        for model in MADE.models:
            text = format_entry(model)
            digest, verdicts = digest_bytes(text), judge_model(model)
            piece = Piece(key="k", bytes=len(text), sha256=digest, verdicts=verdicts)
            writer.add(model.name, piece, text)


def test_it_is_the_canonical_text_and_its_entries_are_found(tmp_path: Path) -> None:
    write(tmp_path)
    content = (tmp_path / "models.json").read_bytes()
    texts = open_catalog(tmp_path)

    assert content == format_json(MADE.to_json())
    assert (texts.head, texts.sha256) == (head_of(MADE), digest_bytes(content))
    assert [texts.load(name)[0] for name in texts.digests] == MADE.models


def test_an_entry_that_was_damaged_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "models.json"
    file.write_bytes(file.read_bytes().replace(b'"name": "b"', b'"name": "x"'))
    texts = open_catalog(tmp_path)

    assert texts.load("a")[0].name == "a"
    with pytest.raises(DamagedFileError, match=r"models\.json: b is not as it was written"):
        texts.load("b")
