"""A site that takes over pages of the last one has the same bytes, and makes only new pages."""

import os
from pathlib import Path

import pytest
from site_zoo import catalog, entry
from zoos import files_below

from pipeline.catalog.texts import take_texts
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site import build
from pipeline.site.build import build_site
from pipeline.site.earlier_pages import EarlierPages, Pages
from pipeline.site.model_page import ModelPage, describe_model


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    """Return a release of TensorFlow.js of a small file."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tf.min.js").write_text("tf")
    return Packages(version="9.9.9", folder=folder)


def keep(folder: Path, pages: Pages) -> EarlierPages:
    """Return a site that was built as that of the last run."""

    def link(path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / path, target)

    return EarlierPages(pages=pages, keep_file=link)


ONE, TWO = entry("one", title="One"), entry("two", task="image-classification")
BEFORE = catalog(ONE, TWO)
MODEL_ADDED = catalog(ONE, TWO, entry("three"))
MODEL_CHANGED = catalog(ONE, entry("two", title="Two"))
ZOO_CHANGED = BEFORE.model_copy(update={"zoo": BEFORE.zoo.model_copy(update={"name": "Other"})})
TOOLS_CHANGED = BEFORE.model_copy(update={"toolchain": {"tfjs": "9.9.9"}})


@pytest.mark.parametrize(
    ("after", "made"),
    [
        pytest.param(BEFORE, [], id="nothing"),
        pytest.param(MODEL_ADDED, ["three"], id="a model is added"),
        pytest.param(MODEL_CHANGED, ["two"], id="a model is changed"),
        pytest.param(catalog(TWO), [], id="a model is gone"),
        pytest.param(ZOO_CHANGED, ["one", "two"], id="the zoo is changed"),
        pytest.param(TOOLS_CHANGED, ["one", "two"], id="the tools are changed"),
    ],
)
def test_only_the_pages_that_change_are_made(
    tmp_path: Path,
    packages: Packages,
    monkeypatch: pytest.MonkeyPatch,
    after: Catalog,
    made: list[str],
) -> None:
    for name in ("before", "after", "anew"):
        (tmp_path / name).mkdir()
    pages = build_site(take_texts(BEFORE), folder=tmp_path / "before", packages=packages)
    anew = build_site(take_texts(after), folder=tmp_path / "anew", packages=packages)
    described: list[str] = []

    def describe(model: CatalogModel) -> ModelPage:
        described.append(model.name)
        return describe_model(model)

    monkeypatch.setattr(build, "describe_model", describe)
    earlier = keep(tmp_path / "before", pages)
    again = build_site(
        take_texts(after), folder=tmp_path / "after", packages=packages, earlier=earlier
    )

    assert described == made
    assert again.models == anew.models
    assert again.kept == again.models.keys() - set(made)
    assert dict(files_below(tmp_path / "after")) == dict(files_below(tmp_path / "anew"))
