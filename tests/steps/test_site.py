"""The step `site`: the catalog that it reads may be of another version."""

import json
from pathlib import Path

import pytest

from pipeline.catalog.document import build_catalog
from pipeline.catalog.types import CatalogZoo
from pipeline.errors import DamagedFileError
from pipeline.steps.site import load_catalog


def test_a_catalog_of_another_version_names_the_step_that_makes_it_again(tmp_path: Path) -> None:
    zoo = CatalogZoo(name="z", description=None, homepage=None)
    catalog = build_catalog([], zoo=zoo, toolchain={})
    content = catalog.to_json()
    (tmp_path / "models.json").write_text(json.dumps(content))
    assert load_catalog(tmp_path) == catalog

    del content["zoo"]["homepage"]
    (tmp_path / "models.json").write_text(json.dumps(content))
    with pytest.raises(
        DamagedFileError, match=r"models\.json: zoo\.homepage: is missing"
    ) as caught:
        load_catalog(tmp_path)
    assert caught.value.folder == tmp_path
