"""The step `site`: the catalog that it reads may be of another version."""

import json
from pathlib import Path

import pytest

from pipeline.catalog.document import build_catalog
from pipeline.catalog.pieces import CatalogWriter, open_catalog
from pipeline.catalog.types import CatalogZoo
from pipeline.disk.line_object import join_fields
from pipeline.errors import DamagedFileError


def test_a_catalog_of_another_version_names_the_step_that_makes_it_again(tmp_path: Path) -> None:
    zoo = CatalogZoo(name="z", description=None, homepage=None)
    head = build_catalog([], zoo=zoo, toolchain={})
    with CatalogWriter(tmp_path, head, is_empty=True):
        pass
    assert open_catalog(tmp_path).head == head

    pieces = json.loads((tmp_path / "pieces.json").read_bytes())
    del pieces[""]["head"]["zoo"]["homepage"]
    (tmp_path / "pieces.json").write_bytes(join_fields({"": json.dumps(pieces[""]).encode()}))
    with pytest.raises(
        DamagedFileError, match=r"pieces\.json: head\.zoo\.homepage: is missing"
    ) as caught:
        open_catalog(tmp_path)
    assert caught.value.folder == tmp_path
