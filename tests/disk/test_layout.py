"""The layout of a zoo: its paths, and that its drawing names them."""

from pathlib import Path

import platformdirs
import pytest

from pipeline.disk import layout
from pipeline.disk.layout import CACHE_VARIABLE, Layout, cache_folder

ZOO = Layout(root=Path("/zoo"), output="public")


@pytest.mark.parametrize("name", ["state", "build", "temporary", "database", "lock", "dist_state"])
def test_all_that_a_build_leaves_lies_in_one_folder_and_is_drawn(name: str) -> None:
    path: Path = getattr(ZOO, name)

    assert path.is_relative_to("/zoo/.zoo")
    assert f"  {path.name}" in str(layout.__doc__) or path == Path("/zoo/.zoo")


def test_the_published_zoo_lies_beside_the_manifest() -> None:
    assert ZOO.dist == Path("/zoo/public")
    assert Layout(root=Path("/zoo")).dist == Path("/zoo/dist")


def test_the_steps_that_make_dist_list_their_files() -> None:
    assert ZOO.projections == (
        Path("/zoo/.zoo/site/projection.json"),
        Path("/zoo/.zoo/catalog/projection.json"),
    )


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        pytest.param({CACHE_VARIABLE: "/downloads"}, Path("/downloads"), id="named"),
        pytest.param({}, platformdirs.user_cache_path("tfjs-zoo"), id="the user's"),
        pytest.param({CACHE_VARIABLE: ""}, platformdirs.user_cache_path("tfjs-zoo"), id="empty"),
    ],
)
def test_the_folder_of_downloads(environ: dict[str, str], folder: Path) -> None:
    assert cache_folder(environ) == folder
