"""What dist/ offers: which of its files, and what they have to be."""

from pathlib import Path

import pytest
from built_zoos import BuiltZoo

from pipeline.errors import PublishError
from pipeline.publish.dist_contents import load_dist_contents


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo of two models."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}, "generations": {"float32": "x"}}
    zoo.pages["assets/style-0123abcd.css"] = "p {}"
    return zoo.build()


def test_what_the_catalog_lists_never_changes_and_pages_do(zoo: BuiltZoo) -> None:
    files = zoo.contents().files
    immutable = {path for path, file in files.items() if file.immutable}

    assert {path.split("/")[1] for path in immutable} == {
        "cat",
        "generations",
        "style-0123abcd.css",
    }
    assert len(immutable) == 5
    assert "models/cat/float32/model.json" in files.keys() - immutable
    assert zoo.contents().catalog.num_models == 2


@pytest.mark.parametrize("known", [True, False], ids=["with .zoo", "without .zoo"])
def test_files_of_an_earlier_catalog_are_left_out(zoo: BuiltZoo, *, known: bool) -> None:
    old = [path for path in zoo.contents().files if path.startswith("models/cat/float32-")]
    zoo.models["cat"] = {"float32": "purr"}
    zoo.build()
    contents = load_dist_contents(zoo.dist, zoo.placed() if known else {})

    assert len(old) == 2
    assert all((zoo.dist / path).exists() for path in old)
    assert not set(old) & set(contents.files)
    assert "models/cat/float32/model.json" in contents.files


def test_files_that_people_added_are_published_and_hidden_ones_are_not(zoo: BuiltZoo) -> None:
    for path in ("CNAME", ".well-known/security.txt", ".DS_Store", ".git/config", "generations/x"):
        (zoo.dist / path).parent.mkdir(exist_ok=True)
        (zoo.dist / path).write_text("x")
    added = zoo.contents().files.keys() & {
        "CNAME",
        ".well-known/security.txt",
        ".DS_Store",
        ".git/config",
        "generations/x",
        ".nojekyll",
    }

    assert added == {"CNAME", ".well-known/security.txt", ".nojekyll"}


@pytest.mark.parametrize("name", ["models.json", "index.html", "models/cat/float32/model.json"])
def test_a_file_that_was_changed_after_the_build_is_named(zoo: BuiltZoo, name: str) -> None:
    (zoo.dist / name).write_bytes((zoo.dist / name).read_bytes() + b" ")

    with pytest.raises(PublishError, match=f"dist/{name}: is not as it was built"):
        zoo.contents()


def test_a_file_that_is_missing_is_named(zoo: BuiltZoo) -> None:
    gone = next(path for path in zoo.contents().files if path.endswith(".bin"))
    (zoo.dist / gone).unlink()

    with pytest.raises(PublishError, match=f"dist/{gone}: is not as it was built"):
        load_dist_contents(zoo.dist, {})


def test_without_a_build_there_is_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"dist/models.json: there is no such file") as caught:
        load_dist_contents(tmp_path / "dist", {})

    assert caught.value.hint == "build the zoo first"
