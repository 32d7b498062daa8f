"""Pruning: what is removed from a place, and what is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from built_zoos import BuiltZoo, publisher, read_zoo, start_publish, weights_of

from pipeline.errors import PublishError
from pipeline.publish.generations.old_generations import Pruned, prune_target
from pipeline.publish.generations.state import load_index
from pipeline.publish.targets.target import Target


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo that was published three times, a model changed each time."""
    zoo = BuiltZoo(tmp_path / "zoo")
    for i in range(3):
        zoo.models = {"cat": {"float32": "miaow"}, "dog": {"float32": f"wow {i}"}}
        zoo.pages["index.html"] = f"<p>{i}</p>"
        zoo.build().publish(zoo.target("public"))
    return zoo


def prune(
    target: Target, *, days_later: float = 0, dry_run: bool = False, **options: float
) -> Pruned:
    """Prune as if some days had passed."""
    now = datetime.now(UTC) + timedelta(days=days_later)
    keep = options.get("keep_days", 30)
    return prune_target(target, keep_days=keep, now=now, dry_run=dry_run, notify=print)


def test_nothing_is_removed_within_the_grace_period(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    before = target.find()
    pruned = prune(target, days_later=29)

    assert pruned == Pruned(generations=(), files={})
    assert target.find() == before


def test_generations_that_were_replaced_long_ago_go_with_the_files_that_only_they_had(
    zoo: BuiltZoo,
) -> None:
    target = zoo.target("public")
    foreign = zoo.root / "public/models/mine/notes.txt"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    told = prune(target, days_later=31, dry_run=True)
    before = target.find()
    pruned = prune(target, days_later=31)

    assert told == pruned
    assert pruned.generations == (1, 2)
    assert {path: before[path] for path in pruned.files} == dict(pruned.files)
    assert set(target.find()) == set(before) - set(pruned.files)
    shards = [path for path in pruned.files if path.endswith(".bin")]
    assert len(shards) == 2
    assert all("models/dog/" in path for path in shards)
    assert weights_of(read_zoo(target), target) == {"cat": "miaow", "dog": "wow 2"}
    assert foreign.exists()
    assert [line.number for line in load_index(target).generations] == [3]
    # Three files of the zoo are replaced in place: their contents of this generation stay.
    contents = [path for path in target.find() if path.startswith("generations/content/")]
    mutable = {file.sha256 for file in zoo.contents().files.values() if not file.immutable}
    assert len(contents) == len(mutable)
    with pytest.raises(PublishError, match="no generation before"):
        publisher(target).roll_back(None)


def test_a_generation_that_is_kept_can_be_shown_again_after_a_prune(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    index = load_index(target)
    # As if the first had been replaced two months ago.
    early = (datetime.now(UTC) - timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    replaced = index.generations[0].replaced
    assert replaced is not None
    file = zoo.root / "public/generations/index.json"
    file.write_text(
        file.read_text().replace(f'"replaced": "{replaced}"', f'"replaced": "{early}"', 1)
    )
    pruned = prune(target)
    publisher(target).roll_back(None)

    assert pruned.generations == (1,)
    assert weights_of(read_zoo(target), target)["dog"] == "wow 1"
    assert target.read("index.html") == b"<p>1</p>"


def test_a_file_that_came_back_stays(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    zoo.models["dog"] = {"float32": "wow 0"}
    zoo.build().publish(target)
    prune(target, keep_days=0)

    assert weights_of(read_zoo(target), target)["dog"] == "wow 0"


def test_a_prune_that_was_ended_midway_is_ended_by_the_next(
    zoo: BuiltZoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = zoo.target("public")
    remove = type(target).remove
    removed: list[str] = []

    def stop(self: Target, path: str) -> None:
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(path)
        remove(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(type(target), "remove", stop)
        with pytest.raises(KeyboardInterrupt):
            prune(target, keep_days=0)
    wanted = prune(target, keep_days=0, dry_run=True)
    prune(target, keep_days=0)

    assert wanted.generations == (1, 2)
    assert not set(wanted.files) & set(target.find())
    assert weights_of(read_zoo(target), target)["dog"] == "wow 2"


def test_nothing_is_pruned_while_it_is_not_known_what_is_shown(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build()
    # Killed when models.json is there and the index is not.
    for kill_at in range(30, 5, -1):
        with start_publish(zoo, "public", kill_at=kill_at) as process:
            killed = process.wait() != 0
        if killed:
            break
        zoo.models["dog"] = {"float32": f"wuff {kill_at}"}
        zoo.build()

    with pytest.raises(PublishError, match="a publish did not end"):
        prune(target, keep_days=0)
    zoo.publish(target)
    prune(target, keep_days=0)
    read_zoo(target)
