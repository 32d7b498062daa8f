"""A zoo from its manifest to dist/, by the real doit: what runs when, and what is published."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Collection
from pathlib import Path

import jsonschema
import pytest
from graph_models import dense_weights, write_graph_model
from loopback import Server, serve
from tfjs_runtime import packages
from zoos import Zoo, reproducible_files

from pipeline.disk.layout import cache_folder

pytestmark = pytest.mark.network  # TensorFlow.js, once

STEPS = ("fetch", "convert", "signature", "reference", "map", "verify", "browser", "card")
VARIANTS = ("base", "uint16")


def all_steps(model: str, *, without: Collection[str] = ()) -> list[str]:
    """Return the names of all tasks of a model with one variant, sorted."""
    steps = [f"{step}:{model}" for step in STEPS if step not in without]
    return sorted([*steps, *(f"variant:{model}:{variant}" for variant in VARIANTS)])


def add_two(zoo: Zoo) -> None:
    zoo.add("one", tags=["small"])
    zoo.add("two", seed=1)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Return a zoo of two models, not built yet."""
    zoo = Zoo(tmp_path / "zoo")
    add_two(zoo)
    return zoo


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = Zoo(tmp_path_factory.mktemp("built") / "zoo")
    add_two(zoo)
    done = zoo.build()
    assert done.code == 0, done.stdout + done.stderr
    return zoo


@pytest.fixture
def built(built_once: Zoo, tmp_path: Path) -> Zoo:
    """Return a zoo of two models as its first build left it."""
    return built_once.copy(tmp_path / "zoo")


def test_a_copy_of_a_built_zoo_is_up_to_date(built: Zoo) -> None:
    assert built.build().ran == []


def test_a_build_publishes_every_model_and_a_second_one_does_nothing(zoo: Zoo) -> None:
    first = zoo.build()
    second = zoo.build()

    assert first.code == 0, first.stdout + first.stderr
    assert first.ran == sorted([*all_steps("one"), *all_steps("two"), "catalog", "site", "dist"])
    assert second.code == 0
    assert second.ran == []
    assert [model["name"] for model in zoo.catalog()["models"]] == ["one", "two"]


def test_the_catalog_lists_each_file_with_its_digest_and_fits_its_schema(built: Zoo) -> None:
    schema = json.loads((built.dist / "models.schema.json").read_bytes())
    jsonschema.validate(built.catalog(), schema, cls=jsonschema.Draft202012Validator)
    for model in built.catalog()["models"]:
        for variant in model["variants"]:
            assert variant["files"][0]["path"] == variant["modelPath"]
            for file in variant["files"]:
                content = (built.dist / file["path"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == file["sha256"]
                assert len(content) == file["bytes"]


def test_an_alias_points_at_the_shards_of_its_variant(built: Zoo) -> None:
    alias = built.dist / "models/one/float32/model.json"
    (path,) = json.loads(alias.read_bytes())["weightsManifest"][0]["paths"]
    assert (alias.parent / path).resolve().stat().st_size == (8 + 1) * 512 * 4


def test_a_title_rebuilds_the_card_alone(built: Zoo) -> None:
    built.manifest["models"][0]["title"] = "The first"
    done = built.build()

    assert done.ran == ["card:one", "catalog", "dist", "site"]
    assert built.entry("one")["title"] == "The first"


def test_a_role_is_proved_again_and_rebuilds_no_weights(built: Zoo) -> None:
    built.manifest["models"][0]["map"] = {"scores": "Identity_1:0", "classes": None}
    done = built.build()

    steps = [f"{step}:one" for step in ("browser", "card", "map", "verify")]
    assert done.ran == sorted([*steps, "catalog", "site", "dist"])
    assert built.entry("one")["map"] == {"scores": "Identity_1:0", "classes": None}
    assert [output["role"] for output in built.entry("one")["outputs"]] == [None, "scores"]


def test_a_flag_without_effect_stops_at_the_step_that_reads_it(built: Zoo) -> None:
    built.manifest["models"][0]["weight_shard_size_bytes"] = 2**23
    done = built.build()

    assert done.ran == ["convert:one", "variant:one:base", "variant:one:uint16"]
    causes = {event["task"]: event["cause"] for event in done.steps}
    assert causes["convert:one"] == "parameter weight_shard_size_bytes: 4194304 → 8388608"


@pytest.mark.parametrize("name", ["catalog", "site", "dist"])
def test_a_task_of_the_zoo_builds_what_it_reads_and_nothing_after_it(built: Zoo, name: str) -> None:
    built.manifest["models"][0]["title"] = "The first"
    done = built.build(name)
    again = built.build(name)

    of_zoo = ["catalog", "site", "dist"]
    assert done.ran == sorted(["card:one", *of_zoo[: of_zoo.index(name) + 1]])
    assert again.ran == []
    assert built.build().ran == of_zoo[of_zoo.index(name) + 1 :][::-1]


def test_a_model_added_or_removed_builds_or_drops_it_alone(built: Zoo) -> None:
    built.add("three", seed=2)
    added = built.build()
    del built.manifest["models"][0]
    removed = built.build()

    assert added.ran == sorted([*all_steps("three"), "catalog", "site", "dist"])
    assert removed.ran == ["catalog", "dist", "site"]
    assert [model["name"] for model in built.catalog()["models"]] == ["three", "two"]
    # A reader may still hold the catalog of a minute ago.
    assert (built.dist / "models/one/float32/model.json").exists()


def test_prune_removes_what_is_no_longer_listed(built: Zoo) -> None:
    del built.manifest["models"][0]
    built.build()
    kept = built.doit("prune")
    pruned = built.doit("prune", "--now")

    assert ".zoo/build/one\n" in kept.stdout
    assert "dist/models/one/float32/model.json" in pruned.stdout
    assert not (built.dist / "models/one").exists()
    assert not (built.folder / ".zoo/build/one").exists()
    assert built.build().ran == []


def test_a_source_that_changes_rebuilds_its_model(built: Zoo) -> None:
    before = built.entry("one")["modelPath"]
    write_graph_model(built.folder / "sources/one", weights=dense_weights(8, 512, seed=7))
    done = built.build()

    assert done.ran == sorted([*all_steps("one"), "catalog", "site", "dist"])
    assert built.entry("one")["modelPath"] != before


def test_a_source_touched_but_not_changed_rebuilds_nothing(built: Zoo) -> None:
    os.utime(built.folder / "sources/one/model.json")
    done = built.build()

    assert done.ran == []
    assert [e["task"] for e in done.steps if e["status"] == "adopted"] == ["fetch:one"]


def test_a_file_deleted_from_dist_comes_back(built: Zoo) -> None:
    before = reproducible_files(built.dist)
    shard = next(built.dist.glob("models/one/uint16-*/*.bin"))
    shard.unlink()
    done = built.build()

    assert done.ran == ["dist"]
    assert reproducible_files(built.dist) == before


def test_a_dist_deleted_is_projected_again_without_converting(built: Zoo) -> None:
    before = reproducible_files(built.dist)
    shutil.rmtree(built.dist)
    done = built.build()

    assert done.ran == ["dist"]
    assert reproducible_files(built.dist) == before


def test_a_file_changed_in_dist_by_hand_is_put_right(built: Zoo) -> None:
    before = reproducible_files(built.dist)
    with (built.dist / "models.json").open("a") as file:
        file.write("oops")
    done = built.build()

    assert done.ran == ["dist"]
    assert reproducible_files(built.dist) == before


def test_a_shard_deleted_from_the_build_is_made_again(built: Zoo) -> None:
    next((built.folder / ".zoo/build/one/variant/uint16").glob("*.bin")).unlink()
    done = built.build()

    assert done.ran == ["variant:one:uint16"]
    causes = {event["task"]: event["cause"] for event in done.steps}
    assert causes["variant:one:uint16"] == "output group1-shard1of1.bin is missing"


def test_a_lost_database_costs_nothing(built: Zoo) -> None:
    (built.folder / ".zoo/doit.db").unlink()
    done = built.build()

    assert done.ran in (["dist"], [])
    assert {event["status"] for event in done.steps if event["task"] != "dist"} == {"adopted"}


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    for number in range(12):
        zoo.add(f"model-{number:02}", seed=number)
    zoo.write()
    process = zoo.start("run")
    outcomes = zoo.folder / ".zoo/build"
    while len(list(outcomes.glob("*/card.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done_before = {
        f"{path.stem}:{path.parent.name}"
        for path in outcomes.glob("*/*.json")
        if not path.name.endswith(".since.json")
    }
    done = zoo.build()

    assert done.code == 0
    assert len(done_before) > 20
    assert not done_before & set(done.ran)
    assert len(zoo.catalog()["models"]) == 12


def test_sigterm_ends_a_build_as_ctrl_c_does(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    for number in range(12):
        zoo.add(f"model-{number:02}", seed=number)
    zoo.write()
    process = zoo.start("run")
    while not list((zoo.folder / ".zoo/build").glob("*/card.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate()

    assert process.returncode == 130
    assert "the next run goes on from here" in stdout
    assert "Traceback" not in stdout + stderr
    assert (zoo.folder / ".zoo/doit.db").exists()


def test_two_runs_at_once_are_refused(built: Zoo) -> None:
    with (built.folder / ".zoo/lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = built.doit("run")

    assert refused.code == 3
    assert "another run" in refused.stderr


def test_builds_of_two_folders_are_identical_to_the_byte(tmp_path: Path) -> None:
    zoos = [Zoo(tmp_path / "zoo"), Zoo(tmp_path / "a zoo, elsewhere")]
    for zoo in zoos:
        zoo.add("one", tags=["small"], map={"scores": "Identity_1:0"})
        zoo.add("two", seed=1)
        assert zoo.build().code == 0

    contents = [reproducible_files(zoo.dist) for zoo in zoos]
    assert contents[0] == contents[1]
    receipts = [
        {p.relative_to(zoo.folder): p.read_bytes() for p in zoo.folder.rglob("receipt.json")}
        for zoo in zoos
    ]
    assert receipts[0] == receipts[1]


def test_a_corrupt_model_fails_alone_and_is_told_again_without_being_repeated(zoo: Zoo) -> None:
    shard = zoo.folder / "sources/two/group1-shard1of1.bin"
    shard.write_bytes(shard.read_bytes()[:-8])
    first = zoo.build()
    second = zoo.build()

    assert first.code == 1
    assert list(first.failures) == ["convert:two"]
    assert "weight 'bias'" in first.failures["convert:two"]
    assert second.code == 1
    assert second.ran == []
    assert second.failures == first.failures
    assert zoo.entry("one")["status"] == "ok"
    assert zoo.entry("two")["status"] == "failed"
    assert zoo.entry("two")["variants"] == []
    assert "weight 'bias'" in zoo.entry("two")["reason"]


def test_a_model_that_breaks_later_is_offered_as_it_was(built: Zoo) -> None:
    good = built.entry("two")
    (built.folder / "sources/two/model.json").write_text("{}")
    done = built.build()

    assert done.code == 1
    stale = built.entry("two")
    assert stale["status"] == "stale"
    assert stale["variants"] == good["variants"]
    assert stale["staleSince"].endswith("Z")
    for variant in stale["variants"]:
        assert all((built.dist / file["path"]).exists() for file in variant["files"])


def test_a_failure_that_is_expected_keeps_out_of_the_exit_code(zoo: Zoo) -> None:
    (zoo.folder / "sources/two/model.json").write_text("{}")
    zoo.manifest["models"][1]["expect"] = "failed"

    assert zoo.build().code == 0
    assert zoo.entry("two")["status"] == "failed"


def test_a_missing_source_is_an_error_of_its_model(zoo: Zoo) -> None:
    shutil.rmtree(zoo.folder / "sources/two")
    done = zoo.build()

    assert done.code == 1
    assert list(done.failures) == ["fetch:two"]
    assert "sources/two/model.json" in done.failures["fetch:two"]
    zoo.add("two", seed=1)
    zoo.manifest["models"].pop()
    assert zoo.build().code == 0


def test_faults_of_the_manifest_are_told_at_once_and_nothing_starts(zoo: Zoo) -> None:
    zoo.manifest["models"][0]["sourse"] = "x"
    zoo.manifest["models"][1]["variants"] = ["int8"]
    done = zoo.build()

    assert done.code == 3
    assert "unknown field; did you mean 'source'?" in done.stderr
    assert "'int8' is no variant" in done.stderr
    assert "Traceback" not in done.stderr


def test_groups_and_wildcards_select_tasks(zoo: Zoo) -> None:
    by_tag = zoo.build("tag:small")
    by_pattern = zoo.build("variant:two:*")

    assert by_tag.ran == all_steps("one")
    assert by_pattern.ran == [
        *("convert:two", "fetch:two", "signature:two", "variant:two:base", "variant:two:uint16")
    ]


def test_the_name_of_a_model_alone_stands_for_its_steps(zoo: Zoo) -> None:
    done = zoo.build("tw*")
    listed = zoo.doit("plan", "one").stdout
    status = zoo.doit("status").stdout.splitlines()
    unbuilt = zoo.doit("status", "one").stdout
    misspelt = zoo.doit("status", "twoo", "--withheld")
    cleaned = zoo.doit("clean", "two")
    again = zoo.build("one", "two")

    assert done.ran == all_steps("two")
    assert "card:one" in listed
    assert "card:two" not in listed
    assert status[1].split()[:2] == ["two", "ok"]
    assert status[-1] == "2 models: 1 ok, 1 not built: `doit plan` tells what a run would do"
    assert "1 model: 1 not built" in unbuilt
    assert misspelt.code == 3
    assert "did you mean 'two'?" in misspelt.stderr
    assert cleaned.code == 0
    assert again.ran == sorted([*all_steps("one"), *all_steps("two")])


def test_forget_takes_groups_and_wildcards_and_unlinks_receipts(built: Zoo) -> None:
    forgotten = built.doit("forget", "variant:one:*", "map")
    done = built.build()

    assert forgotten.stdout.splitlines() == [
        f"forgetting {task}"
        for task in ("variant:one:base", "variant:one:uint16", "map:one", "map:two")
    ]
    assert done.ran == ["map:one", "map:two", "variant:one:base", "variant:one:uint16"]


def test_always_runs_what_is_up_to_date(built: Zoo) -> None:
    done = built.build("-a", "variant:one:uint16")

    assert "variant:one:uint16" in done.ran


def test_clean_removes_a_model_and_all(built: Zoo) -> None:
    built.doit("clean", "variant")
    assert not (built.folder / ".zoo/build/one/variant/uint16").exists()
    assert (built.folder / ".zoo/build/one/convert").exists()
    built.doit("clean", "model:one")
    assert not (built.folder / ".zoo/build/one").exists()
    built.doit("clean")
    assert not (built.dist / "models.json").exists()
    assert built.build().code == 0


def test_plan_follows_a_change_down_the_graph_without_running_it(built: Zoo) -> None:
    built.manifest["models"][0]["weight_shard_size_bytes"] = 1024
    built.write()
    plan = json.loads(built.doit("plan", "--json").stdout)

    assert plan["convert:one"] == "parameter weight_shard_size_bytes: 4194304 → 1024"
    assert plan["signature:one"] == "after convert:one"
    assert plan["dist"] == "after catalog"
    assert not [task for task in plan if task.endswith(":two")]
    assert built.build("model:two").ran == []


def test_plan_of_a_fresh_zoo_lists_every_step(zoo: Zoo) -> None:
    zoo.write()
    plan = zoo.doit("plan")

    assert "convert:one         never built\n" in plan.stdout
    assert plan.stdout.endswith("23 steps would run, 0 would not\n")
    assert not (zoo.folder / "dist").exists()


def test_info_states_the_cause(built: Zoo) -> None:
    built.manifest["models"][0]["title"] = "The first"
    built.write()
    info = built.doit("info", "card:one")

    assert 'parameter identity.title: null → "The first"' in info.stdout


def test_info_says_in_which_form_a_source_was_judged(built: Zoo) -> None:
    before = built.doit("info", "verify:one").stdout
    path = built.folder / ".zoo/build/one/reference/contract.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"judged_as": "its float form"}))

    assert "judged as" not in before
    assert "judged as  : its float form" in built.doit("info", "verify:one").stdout
    assert "judged as" not in built.doit("info", "convert:one").stdout


def test_list_takes_wildcards_and_says_what_is_near(zoo: Zoo) -> None:
    zoo.write()

    listed = zoo.doit("list", "-q", "variant:one:*").stdout.split()
    assert listed == ["variant:one:base", "variant:one:uint16"]
    assert "did you mean convert:one" in zoo.doit("list", "convrt:one").stderr


def test_an_outcome_that_a_killed_run_left_behind_is_put_right(built: Zoo) -> None:
    database = (built.folder / ".zoo/doit.db").read_bytes()
    built.manifest["models"][0]["map"] = {"scores": "nope"}
    assert built.build().code == 1
    # A kill comes before doit saves what it did.
    (built.folder / ".zoo/doit.db").write_bytes(database)
    del built.manifest["models"][0]["map"]
    built.write()
    plan = json.loads(built.doit("plan", "--json").stdout)
    done = built.build()

    assert plan["map:one"] == "an earlier result is taken up again"
    assert done.code == 0
    assert built.entry("one")["status"] == "ok"


def test_a_last_good_result_survives_a_kill_between_two_renames(built: Zoo) -> None:
    card = built.folder / ".zoo/build/one/card"
    card.rename(card.with_name("card.previous"))
    built.manifest["models"][0]["map"] = {"scores": "nope"}
    built.manifest["models"][0]["license"] = "MIT"
    assert built.build().code == 1

    assert built.entry("one")["status"] == "stale"
    assert built.entry("one")["license"] == "MIT"


def test_a_build_that_was_tampered_with_is_not_published_and_heals(built: Zoo) -> None:
    before = reproducible_files(built.dist)
    shard = next((built.folder / ".zoo/build/one/card").glob("float32-*/*.bin"))
    content = shard.read_bytes()
    shard.write_bytes(bytes(4) + content[4:])
    shutil.rmtree(built.dist)
    refused = built.build()
    healed = built.build()

    assert refused.code == 1
    assert "was changed after it was built" in refused.failures["dist"]
    assert healed.code == 0
    assert reproducible_files(built.dist) == before


def test_a_typo_in_a_selection_is_refused(zoo: Zoo) -> None:
    zoo.write()

    for arguments in (["variant:*:float"], ["model:ome"], ["-n", "-1"]):
        assert zoo.doit("run", *arguments).code == 3
    assert "did you mean model:one" in zoo.doit("run", "model:ome").stderr


def test_clean_and_forget_wait_for_no_run(built: Zoo) -> None:
    with (built.folder / ".zoo/lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert built.doit("clean").code == 3
        assert built.doit("forget", "card").code == 3
        assert built.doit("prune").code == 3
    assert built.build().ran == []


def test_prune_places_nothing(built: Zoo) -> None:
    del built.manifest["models"][0]
    built.write()
    shutil.rmtree(built.dist)

    assert built.doit("prune", "--now").code == 0
    assert not built.dist.exists()


def test_plan_lists_failures_that_would_be_told_again(zoo: Zoo) -> None:
    zoo.manifest["models"][1]["map"] = {"scores": "nope"}
    zoo.build()
    plan = zoo.doit("plan")

    assert "Nothing would run" in plan.stdout
    assert "map:two  no output" in plan.stdout or "map:two  map" in plan.stdout


def test_info_of_what_is_no_task_says_what_is_near(zoo: Zoo) -> None:
    zoo.write()
    done = zoo.doit("info", "carrd:one")

    assert done.code == 3
    assert "did you mean card:one" in done.stderr
    assert "Traceback" not in done.stderr


def test_refresh_asks_again_for_what_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    zoo = Zoo(tmp_path / "zoo")
    zoo.cache = tmp_path / "cache"
    packages()  # into the user's cache, from where it is copied
    shutil.copytree(cache_folder(os.environ) / "tfjs", zoo.cache / "tfjs", symlinks=True)
    model = zoo.add("one")
    folder = zoo.folder / "sources/one"

    def put(server: Server, etag: str) -> None:
        for path in folder.iterdir():
            server.put(f"/one/{path.name}", path.read_bytes(), etag=etag)

    with serve() as server:
        put(server, '"1"')
        model["source"] = f"{server.url}/one/model.json"
        assert zoo.build().code == 0
        unchanged = zoo.refresh()
        write_graph_model(folder, weights=dense_weights(8, 512, seed=9))
        put(server, '"2"')
        quiet = zoo.build()
        changed = zoo.refresh()
        after = zoo.build()
    away = zoo.refresh()

    assert unchanged.ran == ["fetch:one"]
    assert quiet.ran == []
    assert changed.ran == ["fetch:one"]
    assert "convert:one" in after.ran
    assert away.code == 0
    (told,) = (event["cause"] for event in away.steps if event["status"] == "ok")
    assert "kept" in told
