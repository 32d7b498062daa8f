"""A zoo whose own files are damaged: no run stops, and the next one has made everything again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from zoos import Build, Zoo, reproducible_files

TAKEN = "Is a directory"
DEEP = b'{"a":' * 100_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return a zoo with a model that works and one that does not, built."""
    zoo = Zoo(tmp_path_factory.mktemp("built") / "zoo")
    zoo.add("one")
    zoo.add("two", seed=1, map={"scores": "nope"}, expect="failed")
    assert zoo.build().code == 0
    return zoo


@pytest.fixture
def zoo(built: Zoo, tmp_path: Path) -> Zoo:
    """Return a copy of it that a test may damage."""
    shutil.copytree(built.folder, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    zoo.manifest = built.manifest
    return zoo


def own_files(zoo: Zoo) -> Iterator[Path]:
    """Yield the files by which a build knows what it did."""
    state = zoo.folder / ".zoo"
    yield state / "doit.db"
    for path in sorted(state.rglob("*.json")):
        tells = {"receipt.json", "run.json", "projection.json", "dist.json"}
        outcome = path.with_suffix("").with_suffix("").is_dir() or path.stem.endswith(".since")
        if path.name in tells or outcome or path.parent.name == "recipes":
            yield path


def test_a_copied_zoo_does_not_look_at_the_one_that_it_is_a_copy_of(zoo: Zoo) -> None:
    shard = next((zoo.folder / ".zoo/build/one/variant/uint16").glob("*.bin"))
    shard.unlink()

    assert zoo.build().ran == ["variant:one:uint16"]
    assert shard.exists()


def assert_calm(done: Build) -> None:
    assert done.code in {0, 1}
    assert "Traceback" not in done.stdout + done.stderr
    assert "internal error" not in done.stdout


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"step": "convert", "outputs": [{"pa', id="cut off"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"3", id="number"),
        pytest.param(
            b'{"step": 1, "version": "x", "parameters": [], "inputs": 1, "tools": [], "outputs": 3,'
            b'"failure": 3, "status": [], "reason": {}, "since": 3, "one": 1, "convert:one": []}',
            id="wrong types",
        ),
        pytest.param(b'{"status": "\xff\xfe"}', id="no UTF-8"),
        pytest.param(DEEP, id="nested deeply"),
        pytest.param(b'{"version": ' + b"9" * 5000 + b"}", id="long number"),
        pytest.param(None, id="folder"),
    ],
)
def test_damaged_files_are_made_again(zoo: Zoo, content: bytes | None) -> None:
    before = reproducible_files(zoo.dist)
    for path in own_files(zoo):
        if content is None:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(content)
    for command in ("plan", "list", "info"):
        done = zoo.doit(command, *(["convert:one"] if command == "info" else []))
        assert "Traceback" not in done.stdout + done.stderr
    assert_calm(zoo.build())
    second, third = zoo.build(), zoo.build()

    assert_calm(second)
    if content is not None:
        # A folder is never removed that we did not make; it is told until somebody does.
        assert (second.code, third.code, third.ran) == (0, 0, [])
        assert reproducible_files(zoo.dist) == before


def test_a_report_that_cannot_be_written_is_a_sentence(zoo: Zoo) -> None:
    (zoo.dist / "report.html").unlink()
    (zoo.dist / "report.html").mkdir()
    (zoo.folder / ".zoo/recipes/one.json").unlink()
    (zoo.folder / ".zoo/recipes/one.json").mkdir()
    zoo.manifest["models"][0]["title"] = "Another title"
    done = zoo.build()

    assert done.code == 0
    whole = "; the build itself is whole"
    assert done.stderr.splitlines() == [
        f"the recipes of the models could not be kept: .zoo/recipes/one.json: {TAKEN}{whole}",
        f"the report of this run could not be kept: dist/report.html: {TAKEN}{whole}",
    ]
    del zoo.manifest["models"][0]["title"]


def test_a_result_that_was_changed_is_told_and_made_again(zoo: Zoo) -> None:
    """The content of the same length passes for whole until something reads it."""
    before = reproducible_files(zoo.dist)
    signature = zoo.folder / ".zoo/build/one/signature/signature.json"
    signature.write_bytes(b"[" * signature.stat().st_size)
    (zoo.folder / ".zoo/build/one/variant/uint16/receipt.json").unlink()
    first = zoo.build()

    assert_calm(first)
    assert first.failures["variant:one:uint16"] == (
        "signature:one was changed after it was built: "
        "output signature.json has another content than it was made with"
    )
    assert zoo.build().code == 0
    assert reproducible_files(zoo.dist) == before
