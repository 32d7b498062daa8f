"""All files of the page: names, places, and the same bytes for the same catalog."""

import hashlib
import re
from pathlib import Path

import pytest
from site_zoo import catalog, entry
from zoos import files_below

from pipeline.catalog.texts import take_texts
from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import write_assets
from pipeline.site.build import build_site

CATALOG = catalog(entry("one", title="One"), entry("two.b"))


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    """Return a release of TensorFlow.js of two small files."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tf.min.js").write_text("tf")
    (folder / "one.wasm").write_bytes(b"\0asm")
    return Packages(version="9.9.9", folder=folder)


def build(folder: Path, packages: Packages) -> dict[str, bytes]:
    """Return the files of a site by path."""
    folder.mkdir()
    build_site(take_texts(CATALOG), folder=folder, packages=packages)
    return dict(files_below(folder))


def test_the_same_catalog_makes_the_same_bytes(tmp_path: Path, packages: Packages) -> None:
    assert build(tmp_path / "a", packages) == build(tmp_path / "b", packages)


def test_everything_is_where_the_page_looks_for_it(tmp_path: Path, packages: Packages) -> None:
    files = build(tmp_path / "site", packages)
    elsewhere = {"models.json", "models.schema.json", "report.html", "timings.json"}

    assert {"index.html", "404.html", "models/one/index.html", "models/two.b/index.html"} <= set(
        files
    )
    assert {"zoo.js", "zoo.d.ts", "package.json"} <= set(files)
    assert files["tfjs/9.9.9/one.wasm"] == b"\0asm"
    assert b"Apache License" in files["tfjs/9.9.9/LICENSE"]
    for path in ("index.html", "models/one/index.html"):
        depth = path.count("/")
        found = re.findall(r'(?:href|src)="((?:\.\./)*)([\w./-]+)["?#]', files[path].decode())
        own = {place for up, place in found if up.count("../") == depth}
        assert {place for place in own if not place.endswith("model.json")} <= set(
            files
        ) | elsewhere


def test_assets_are_named_by_their_content(tmp_path: Path) -> None:
    places = write_assets(tmp_path)

    for place in places.values():
        digest = hashlib.sha256((tmp_path / place).read_bytes()).hexdigest()
        assert re.fullmatch(rf"assets/[\w-]+-{digest[:8]}\.(css|js|svg)", place)
    assert {Path(place).name for place in places.values()} == {
        path.name for path in (tmp_path / "assets").iterdir()
    }


def test_what_does_not_change_keeps_its_name(tmp_path: Path, packages: Packages) -> None:
    one = build(tmp_path / "a", packages)
    (tmp_path / "b").mkdir()
    build_site(take_texts(catalog(entry("other"))), folder=tmp_path / "b", packages=packages)
    other = files_below(tmp_path / "b")

    assert {path for path in one if path.startswith("assets/")} == {
        path for path in other if path.startswith("assets/")
    }
