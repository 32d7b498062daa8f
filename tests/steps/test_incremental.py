"""Catalog, site and dist/ after a change are those of a zoo built from nothing, to the byte."""

from collections.abc import Callable
from pathlib import Path

import pytest
from carded_zoos import CardedZoo

from pipeline.catalog import pieces
from pipeline.runtime import tfjs_packages
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site import build
from pipeline.site.earlier_pages import Page
from pipeline.steps import catalog, site


@pytest.fixture(autouse=True)
def _packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the site have a release of TensorFlow.js of a small file."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tf.min.js").write_text("tf")
    packages = Packages(version="9.9.9", folder=folder)
    monkeypatch.setattr(tfjs_packages, "fetch_packages", lambda **_: packages)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the models whose pages are made from now on."""
    names: list[str] = []
    write = build._Writer.write

    def record(self: build._Writer, name: str, key: str) -> Page:
        names.append(name)
        return write(self, name, key)

    monkeypatch.setattr(build._Writer, "write", record)
    return names


def rename(zoo: CardedZoo) -> None:
    """Give a zoo another name."""
    zoo.title = "Other"


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the steps believe that another program made the last results."""
    for module in (catalog, pieces, site):
        monkeypatch.setattr(module, "digest_program", lambda: "another")


ALL = ["four", "one", "three", "two"]
CHANGES: dict[str, tuple[Callable[[CardedZoo], object], list[str]]] = {
    "nothing": (lambda _: None, []),
    "a model is added": (lambda zoo: zoo.models.update(five="5"), ["five"]),
    "a model is changed": (lambda zoo: zoo.models.update(two="22"), ["two"]),
    "a model is larger than all": (lambda zoo: zoo.models.update(two="2" * 9999), ["two"]),
    "a model is gone": (lambda zoo: zoo.models.pop("two"), []),
    "the first model is gone": (lambda zoo: zoo.models.pop("four"), []),
    "a model fails": (lambda zoo: zoo.models.update(two=None), ["two"]),
    "a model fails no longer": (lambda zoo: zoo.models.update(three="3"), ["three"]),
    "the zoo has another name": (rename, ALL),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_makes_what_a_build_from_nothing_makes(
    tmp_path: Path, written: list[str], case: str
) -> None:
    zoo = CardedZoo(tmp_path / "zoo", one="1", two="2", three=None, four="4")
    before = zoo.build()
    change, expected = CHANGES[case]
    change(zoo)
    written.clear()
    after = zoo.build()

    assert written == expected
    assert (after == before) == (case == "nothing")
    assert after == zoo.build_anew()


def test_after_an_upgrade_all_is_made_anew(
    tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = CardedZoo(tmp_path / "zoo", one="1", two="2", three=None, four="4")
    zoo.build()
    written.clear()
    upgrade(monkeypatch)
    zoo.models["two"] = "22"
    after = zoo.build()

    assert written == ALL
    assert after == zoo.build_anew()
