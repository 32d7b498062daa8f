"""`doit check`: damage of every kind is named, and mended by the next run after --repair."""

import fcntl
import gc
import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from zoos import Zoo, reproducible_files

from pipeline.audit.audit import Audit, audit_zoo
from pipeline.disk.layout import CACHE_VARIABLE
from pipeline.fetch.download_cache import Entry, Store
from pipeline.steps.graph import load_graph

pytestmark = pytest.mark.network  # TensorFlow.js, once


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return a zoo of two models that was built."""
    zoo = Zoo(tmp_path_factory.mktemp("check") / "zoo")
    zoo.add("one")
    zoo.add("two", seed=1)
    assert zoo.build().code == 0
    return zoo


@pytest.fixture
def zoo(built: Zoo, tmp_path: Path) -> Zoo:
    """Return a copy of it with its times, and a cache of its own with one download."""
    shutil.copytree(built.folder, tmp_path / "zoo", symlinks=True)
    zoo = Zoo(tmp_path / "zoo")
    zoo.cache = tmp_path / "cache"
    store = Store(zoo.cache)
    part = store.part("https://host/x")
    part.write_bytes(b"downloaded")
    store.land(Entry(key="https://host/x", sha256=sha256(b"downloaded").hexdigest()), part)
    store.add(BytesIO(b"member of an archive"))
    store.keep_list("members", ["a", "b"])
    return zoo


def flip(path: Path) -> None:
    """Turn a bit of a file, as a disk does: size and times stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put(path: Path, text: str) -> None:
    """Write a file."""
    path.write_text(text)


def edit(path: Path, old: str, new: str) -> None:
    """Change a text."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def link_out(path: Path) -> None:
    """Put a link in the place of a file."""
    path.unlink()
    path.symlink_to("/etc/hostname")


def audit(zoo: Zoo) -> Audit:
    """Audit a zoo in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(zoo.cache))
        graph = load_graph(zoo.folder)
        gc.enable()
        return audit_zoo(graph, lambda _done, _total: None)


BUILD = ".zoo/build/one"
BLOB = "cache/blobs/" + (DIGEST := sha256(b"downloaded").hexdigest())[:2] + f"/{DIGEST}"
SHARD = "group1-shard1of1.bin"
NO_JSON = "x" * 3
DEEP = "[" * 100_000

Spoil = Callable[[Path], None]


def first(folder: Path, pattern: str) -> Path:
    """Return the first file that fits."""
    return min(folder.glob(pattern))


@pytest.mark.parametrize(
    ("pattern", "spoil", "found"),
    [
        pytest.param(f"zoo/{BUILD}/convert/*.bin", flip, "another content", id="bit of a result"),
        pytest.param(f"zoo/{BUILD}/fetch/**/*.json", flip, "another content", id="bit of a source"),
        pytest.param(f"zoo/{BUILD}/variant/uint16/*.bin", Path.unlink, "is missing", id="no shard"),
        pytest.param(f"zoo/{BUILD}/convert/*.bin", link_out, "is no file", id="a link"),
        pytest.param(
            f"zoo/{BUILD}/convert/*.bin",
            lambda path: put(path, "x"),
            "has 1 bytes instead",
            id="size",
        ),
        pytest.param(
            f"zoo/{BUILD}/card/receipt.json", Path.unlink, "has no receipt.json", id="no receipt"
        ),
        pytest.param(
            f"zoo/{BUILD}/card/receipt.json",
            lambda path: put(path, DEEP),
            "has no receipt.json",
            id="deep receipt",
        ),
        pytest.param(
            f"zoo/{BUILD}/card/receipt.json",
            lambda path: edit(path, '"path": "', '"path": "../../../../'),
            "has no receipt.json",
            id="receipt that leads out",
        ),
        pytest.param(
            f"zoo/{BUILD}/map",
            lambda path: put(path / "stray.bin", "x"),
            "was not made by the step",
            id="stray file",
        ),
        pytest.param(
            f"zoo/{BUILD}/map.json", lambda path: put(path, NO_JSON), "cannot be read", id="outcome"
        ),
        pytest.param(
            f"zoo/{BUILD}/convert.json",
            lambda path: edit(path, "a", "b"),
            "",
            id="another outcome",
        ),
        pytest.param(f"zoo/{BUILD}/convert", shutil.rmtree, "is missing, although", id="no folder"),
        pytest.param("zoo/.zoo/catalog/*.json", flip, "", id="bit of the catalog step"),
        pytest.param("zoo/dist/models/one/*/*.bin", flip, "another content", id="bit of dist"),
        pytest.param("zoo/dist/models.json", flip, "", id="bit of the catalog"),
        pytest.param("zoo/dist/index.html", Path.unlink, "is missing", id="no page"),
        pytest.param(
            "zoo/.zoo/dist.json", lambda path: put(path, "[]"), "found []; expected", id="dist.json"
        ),
        pytest.param(
            "zoo/.zoo/recipes/one.json", lambda path: put(path, DEEP), "no JSON", id="recipe"
        ),
        pytest.param(BLOB, flip, "another content", id="bit of a download"),
        pytest.param(BLOB, Path.unlink, "leads to a download that is missing", id="no download"),
        pytest.param(
            "cache/blobs", lambda path: put(path / "x.tmp", ""), "named by no content", id="no blob"
        ),
        pytest.param("cache/index/*", lambda path: put(path, '{"key": 1}'), "no entry", id="entry"),
        pytest.param(
            "cache/index/*",
            lambda path: edit(path, "host/x", "host/y"),
            "another request",
            id="key",
        ),
        pytest.param("cache/lists/*", lambda path: put(path, NO_JSON), "is no JSON", id="list"),
    ],
)
def test_damage_is_named(zoo: Zoo, pattern: str, spoil: Spoil, found: str) -> None:
    path = first(zoo.folder.parent, pattern)
    spoil(path)
    damages = audit(zoo).damages

    named = {damage.where for damage in damages}
    where = path.relative_to(zoo.folder if "zoo" in pattern else zoo.cache).as_posix()
    assert any(found in damage.found for damage in damages)
    # Of a download that is gone, only the entry that leads to it tells.
    assert any(where.rpartition("/")[0] in name for name in named) or not path.exists(), named


def test_all_that_is_damaged_is_made_again_after_a_repair(zoo: Zoo, built: Zoo) -> None:
    for pattern in (
        ".zoo/build/one/fetch/**/*.json",
        ".zoo/build/one/variant/uint16/*.bin",
        ".zoo/build/two/map/*.json",
        ".zoo/catalog/models.json",
        "dist/models/two/*/*.bin",
        "dist/models.json",
    ):
        flip(first(zoo.folder, pattern))
    (zoo.folder / ".zoo/build/two/card/receipt.json").write_text(DEEP)
    (zoo.folder / ".zoo/build/two/verify.json").write_text("")
    (zoo.folder / ".zoo/dist.json").write_text("[]")
    flip(zoo.folder.parent / BLOB)
    checked = zoo.doit("check")
    repaired = zoo.doit("check", "--repair")
    cache, zoo.cache = zoo.cache, built.cache
    run = zoo.doit()
    zoo.cache = cache
    after = zoo.doit("check")

    assert (checked.code, checked.stderr) == (1, "")
    assert "`doit check --repair` removes them" in checked.stdout
    assert (repaired.code, repaired.stderr) == (0, "")
    assert "damaged and removed" in repaired.stdout
    assert run.code == 0, run.stdout + run.stderr
    # The entry of the cache leads to a download that is gone, until it is asked for.
    assert after.stdout.count("\n  ") + after.stdout.startswith("  ") == 1, after.stdout
    assert "leads to a download that is missing" in after.stdout
    assert reproducible_files(zoo.dist) == reproducible_files(built.dist)


def test_what_is_sound_is_said_and_left_alone(zoo: Zoo) -> None:
    before = sorted(path.relative_to(zoo.folder) for path in zoo.folder.rglob("*"))
    done = zoo.doit("check")

    assert (done.code, done.stderr) == (0, "")
    assert "2 files of the cache" in done.stdout
    assert "all are as they were made" in done.stdout
    assert sorted(path.relative_to(zoo.folder) for path in zoo.folder.rglob("*")) == before
    assert zoo.doit("plan").stdout.startswith("Nothing would run")


def test_a_result_with_a_hard_link_into_the_cache_is_damaged_in_both(zoo: Zoo) -> None:
    result = first(zoo.folder, f"{BUILD}/convert/*.bin")
    digest = sha256(result.read_bytes()).hexdigest()
    blob = Store(zoo.cache).blob(digest)
    blob.parent.mkdir(parents=True)
    os.link(result, blob)
    flip(result)
    found = audit(zoo)

    assert {damage.where for damage in found.damages} == {
        f"{BUILD}/convert/{result.name}",
        f"cache: blobs/{digest[:2]}/{digest}",
    }


def test_files_of_others_in_dist_are_not_ours(zoo: Zoo) -> None:
    (zoo.dist / "CNAME").write_text("zoo.example")
    (zoo.dist / "a\x1b[2J\u202e.txt").write_text("")

    assert zoo.doit("check").code == 0


def test_nothing_is_checked_while_a_run_is_at_work(zoo: Zoo) -> None:
    with (zoo.folder / ".zoo/lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = zoo.doit("check")

    assert done.code == 3
    assert "is at work on" in done.stderr


def test_a_zoo_that_was_never_built_is_sound(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.cache = tmp_path / "cache"
    zoo.add("one")
    zoo.write()

    assert zoo.doit("check").code == 0


def test_failures_and_earlier_results_are_no_damage(zoo: Zoo, built: Zoo) -> None:
    zoo.cache = built.cache
    zoo.manifest = json.loads(json.dumps(built.manifest))
    zoo.manifest["models"][0]["map"] = {"scores": "nope"}
    assert zoo.build().code == 1
    zoo.cache = zoo.folder.parent / "cache"

    assert zoo.doit("check").code == 0


def test_prune_removes_entries_of_the_cache_with_their_downloads(zoo: Zoo) -> None:
    blob = zoo.folder.parent / BLOB
    os.utime(blob, (0, 0))
    pruned = zoo.doit("prune")

    assert pruned.code == 0
    assert not blob.exists()
    assert zoo.doit("check").code == 0


def test_prune_removes_what_nothing_asks_for(zoo: Zoo) -> None:
    for path in ("gone/convert", "one/gone", "one/variant/gone", "one/gone.failed"):
        (zoo.folder / ".zoo/build" / path).mkdir(parents=True)
    for path in (".dist.json.x.tmp", "build/one/.map.json.x.tmp", "build/one/variant/gone.json"):
        (zoo.folder / ".zoo" / path).write_text("")
    pruned = zoo.doit("prune")

    assert pruned.code == 0
    assert sorted(line.split("/", 1)[1] for line in pruned.stdout.splitlines()[:-1]) == [
        ".dist.json.x.tmp",
        "build/gone",
        "build/one/.map.json.x.tmp",
        "build/one/gone",
        "build/one/gone.failed",
        "build/one/variant/gone",
        "build/one/variant/gone.json",
    ]
    assert not (zoo.folder / ".zoo/build/gone").exists()
    assert zoo.doit("check").code == 0
    assert zoo.doit("plan").stdout.startswith("Nothing would run")
