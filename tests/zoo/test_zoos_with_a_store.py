"""A store that two zoos share: what one has built, the other fetches."""

import re
from pathlib import Path

import pytest
from zoos import Build, Zoo, reproducible_files

# A failure that stays one.
_BAD = '{"format": "graph-model", "modelTopology": {"node": 3}, "weightsManifest": []}'
_FAST = {"fetch", "map", "card", "catalog", "site"}


class Pair:
    """Two zoos of the same models, built one after the other with one store.

    Attributes:
        store: The folder of the store.
        first: The zoo that was built first.
        second: The other one.
        builds: The builds of both.
    """

    def __init__(self, root: Path) -> None:
        self.store = root / "store"
        self.first, self.second = (_zoo(root / name) for name in ("first", "second"))
        self.builds = (
            self.first.build("--store", str(self.store)),
            build_with(self.second, TFJS_ZOO_STORE=str(self.store)),
        )


def _zoo(folder: Path) -> Zoo:
    zoo = Zoo(folder)
    zoo.add("good")
    zoo.add("other", seed=1)
    zoo.add("bad", expect="failed")
    (folder / "sources/bad/model.json").write_text(_BAD)
    return zoo


def build_with(zoo: Zoo, *arguments: str, **environ: str) -> Build:
    """Build a zoo with variables in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        return zoo.build(*arguments)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return two zoos that are built."""
    return Pair(tmp_path_factory.mktemp("pair"))


def _kinds(build: Build, *, from_store: bool) -> set[str]:
    return {
        step["task"].partition(":")[0]
        for step in build.steps
        if step["status"] in {"ok", "failed"} and step["from_store"] == from_store
    } - {"dist"}


def test_the_second_zoo_fetches_what_the_first_has_made(pair: Pair) -> None:
    first, second = pair.builds
    assert (first.code, second.code) == (0, 0)
    assert _kinds(first, from_store=True) == set()
    assert _kinds(second, from_store=False) == _FAST
    assert _kinds(second, from_store=True) == _kinds(first, from_store=False) - _FAST
    assert reproducible_files(pair.first.dist) == reproducible_files(pair.second.dist)
    (failed,) = [step for step in second.steps if step["status"] == "failed"]
    assert failed["from_store"]
    assert "results came from the store" in second.events[-1]["store"]
    stored = sum(step["from_store"] for step in second.steps if step["status"] != "skipped")
    report = (pair.second.dist / "report.md").read_text()
    assert f"{stored} of them from the store" in report
    assert re.search(r"`convert good` \| [^|]+ s \|  \| from the store \|", report)


def test_a_changed_flag_runs_what_it_affects(pair: Pair, tmp_path: Path) -> None:
    third = _zoo(tmp_path / "third")
    third.manifest["models"][0]["weight_shard_size_bytes"] = 8192
    build = third.build("--store", str(pair.store))

    ran = {
        step["task"]
        for step in build.steps
        if not step["from_store"] and step["status"] in {"ok", "failed"}
    }
    affected = {"convert:good", "variant:good:base", "variant:good:uint16"}
    assert affected <= ran
    assert not any(
        task.startswith(("convert:other", "variant:other", "verify:other")) for task in ran
    )


def test_a_store_that_is_not_there_costs_nothing_but_time(pair: Pair, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("good")
    (tmp_path / "file").touch()
    build = zoo.build("--store", str(tmp_path / "file/store"))

    assert build.code == 0
    assert "going on without the store" in build.events[-1]["store"]
    assert reproducible_files(zoo.dist).keys() < reproducible_files(pair.first.dist).keys()


def test_a_client_that_is_missing_is_told_before_the_build(pair: Pair) -> None:
    build = pair.second.build("--store", "foo://bucket/zoo")

    assert build.code == 0
    assert "foo: is no kind of store" in build.stderr
    assert "going on without the store" in build.stderr


def test_commands_show_and_evict_what_the_store_holds(pair: Pair) -> None:
    shown = pair.second.doit("store", "--store", str(pair.store))
    assert "convert  " in shown.stdout
    assert "results, " in shown.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFJS_ZOO_STORE", str(pair.store))
        pruned = pair.second.doit("prune", "--store", "--dry-run", "--store-days", "0")
        patch.setenv("TFJS_ZOO_STORE_READ_ONLY", "1")
        forbidden = pair.second.doit("prune", "--store", "--store-days", "0")
    assert "would remove" in pruned.stdout
    assert "is read-only here" in forbidden.stderr
    refused = pair.second.doit("prune", "--store")
    assert refused.code == 3
    assert "no store is named" in refused.stderr
    named = pair.second.doit("prune", "--store", str(pair.store), "--dry-run", "--store-days", "0")
    assert named.stdout == pruned.stdout
    assert "only a store can be named" in pair.second.doit("prune", "one").stderr
