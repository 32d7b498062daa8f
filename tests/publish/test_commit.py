"""A zoo while it is published: killed at any write, by two at once, and read without pause."""

import itertools
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
import requests
from built_zoos import BuiltZoo, publisher, read_zoo, sha256, start_publish, weights_of
from s3_server import S3, serve_public_s3

from pipeline.publish.generations.old_generations import prune_target
from pipeline.publish.generations.state import load_index, read_state
from pipeline.publish.targets.target import Target

NUM_PUBLISHES = 50
NUM_READERS = 2


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Return an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo of two models."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}, "dog": {"float32": "wow"}}
    return zoo.build()


def check_is(target: Target, zoo: BuiltZoo) -> None:
    """Check that every file of a place is the one that dist/ has."""
    for path in zoo.contents().files:
        if path != ".nojekyll":
            assert target.read(path) == (zoo.dist / path).read_bytes(), path


def change(zoo: BuiltZoo) -> None:
    """Change one model and the pages."""
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.pages["index.html"] = "<p>new</p>"
    zoo.build()


@pytest.mark.parametrize("back", [False, True], ids=["the same again", "the one before again"])
def test_a_kill_at_any_write_leaves_a_whole_zoo_and_the_next_publish_ends_it(
    zoo: BuiltZoo, tmp_path: Path, *, back: bool
) -> None:
    zoo.publish(zoo.target("seed"))
    changed = BuiltZoo(tmp_path / "changed")
    changed.models = dict(zoo.models)
    change(changed)
    for kill_at in itertools.count(1):
        address = str(tmp_path / f"public-{kill_at}")
        shutil.copytree(zoo.root / "seed", address)
        target = zoo.target(address)
        with start_publish(changed, address, kill_at=kill_at) as process:
            code = process.wait()
        assert weights_of(read_zoo(target), target)["dog"] in {"wow", "wuff"}
        if code == 0:
            break
        assert code == -signal.SIGKILL
        done = (zoo if back else changed).publish(target)
        check_is(target, zoo if back else changed)
        read_zoo(target)
        state = read_state(target)
        assert state.is_certain
        assert state.index.current == done.shown.number
        # What a kill left is gone, or waits to be pruned.
        assert len(state.records()) == len(state.index.generations)
        assert not list(Path(address).rglob("*.zoo-part"))

    # Two files of the variant and their journal, two records, what is replaced and kept.
    assert kill_at > 10


def test_a_publish_to_s3_that_is_killed_goes_on_where_it_ended(tmp_path: Path, s3: S3) -> None:
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {f"m{i}": {"float32": f"weights {i}"} for i in range(300)}
    zoo.build()
    address = f"s3://{s3.make_bucket()}/zoo"
    target = zoo.target(address, endpoint=s3.url)
    with start_publish(zoo, address, endpoint=s3.url, kill_at=500) as process:
        code = process.wait()
    before = {path for path in target.find() if path.endswith(".bin")}
    done = zoo.publish(target)

    assert code == -signal.SIGKILL
    assert target.find()["models.json"]
    assert before
    # 600 files in all; some of the first 500 were not written down yet.
    assert 100 <= len(done.plan.upload) <= 400
    assert len(read_zoo(target)["models"]) == 300
    assert read_state(target).pending.pieces == ()


def test_what_a_kill_left_is_pruned_later(zoo: BuiltZoo) -> None:
    target = zoo.target("public")
    zoo.publish(target)
    zoo.models["dog"] = {"float32": "never seen"}
    zoo.build()
    # The second write is that of a shard or its model.json; the fourth comes after the journal.
    with start_publish(zoo, "public", kill_at=4) as process:
        process.wait()
    orphans = set(read_state(target).pending.files)
    change(zoo)
    zoo.publish(target)
    kept = set(read_state(target).pending.files)
    prune_target(target, keep_days=0, dry_run=False, notify=print)

    assert len(orphans) == 2
    assert kept == orphans
    assert not orphans & set(target.find())
    assert read_state(target).pending.files == {}
    check_is(target, zoo)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_two_publishers_at_once_publish_one_after_the_other(
    tmp_path: Path, s3: S3, kind: str
) -> None:
    zoos = []
    for name in ("red", "blue"):
        zoo = BuiltZoo(tmp_path / name)
        zoo.models = {f"m{i}": {"float32": f"{name} {i}"} for i in range(30)}
        zoo.pages["index.html"] = name
        zoos.append(zoo.build())
    address = str(tmp_path / "public") if kind == "folder" else f"s3://{s3.make_bucket()}/zoo"
    endpoint = s3.url if kind == "s3" else ""
    processes = [start_publish(zoo, address, endpoint=endpoint) for zoo in zoos]
    codes = [process.wait() for process in processes]
    target = zoos[0].target(address, endpoint=endpoint or None)

    assert codes == [0, 0]
    color = (target.read("index.html") or b"").decode()
    check_is(target, next(zoo for zoo in zoos if zoo.root.name == color))
    read_zoo(target)
    lines = load_index(target).generations
    assert [line.number for line in lines] == [1, 2]
    publisher(target).roll_back(None)
    other = next(zoo for zoo in zoos if zoo.root.name != color)
    check_is(target, other)


class Poller:
    """Reads a zoo without pause, from some threads.

    Args:
        fetch: Returns the content of a file, None where there is none.

    Attributes:
        catalogs: Digests of the catalogs that were seen.
        rounds: How often the whole zoo was read.
        faults: What was wrong.
    """

    def __init__(self, fetch: Callable[[str], bytes | None]) -> None:
        self.fetch = fetch
        self.catalogs: set[str] = set()
        self.rounds = 0
        self.faults: list[str] = []
        self._over = threading.Event()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(NUM_READERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._read()
            except (requests.RequestException, ValueError) as error:
                self.faults.append(repr(error))

    def _read(self) -> None:
        # Asked before the catalog is: another reader may end a round while this one waits.
        is_published = self.rounds > 0
        content = self.fetch("models.json")
        if content is None and not is_published:
            return
        catalog = json.loads(content or b"")
        variants = [
            (model["name"], made) for model in catalog["models"] for made in model["variants"]
        ]
        for file in [file for _, variant in variants for file in variant["files"]]:
            found = self.fetch(file["path"])
            if found is None or sha256(found) != file["sha256"]:
                self.faults.append(f"{file['path']}: {(found or b'nothing')[:80]!r}")
        for name, variant in variants:
            # The alias is replaced in place: what it points at has to be there all the same.
            folder = f"models/{name}"
            alias = json.loads(self.fetch(f"{folder}/{variant['name']}/model.json") or b"")["alias"]
            if self.fetch(f"{folder}/{alias.removeprefix('../')}") is None:
                self.faults.append(f"alias of {name} leads nowhere")
        self.catalogs.add(sha256(content or b""))
        with self._counting:
            self.rounds += 1


def fetch_over_http(url: str) -> Callable[[str], bytes | None]:
    """Return what fetches files from a server, with a connection for each thread."""
    local = threading.local()

    def fetch(path: str) -> bytes | None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        answer = local.session.get(f"{url}/{path}", timeout=30)
        return answer.content if answer.status_code == requests.codes.ok else None

    return fetch


def test_a_reader_who_waited_while_another_read_saw_no_gap() -> None:
    empty = b'{"models": []}'
    asked: list[str] = []

    def fetch(path: str) -> bytes | None:
        """Return nothing to the first reader, who waits until the second has read a zoo."""
        asked.append(path)
        if len(asked) > 1:
            return empty
        poller._read()
        return None

    poller = Poller(fetch)
    poller._read()

    assert poller.rounds == 1
    assert len(asked) == 2


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_reader_without_pause_meets_no_half_zoo_in_50_publishes(
    tmp_path: Path, s3: S3, kind: str
) -> None:
    zoo = BuiltZoo(tmp_path / "zoo")
    if kind == "s3":
        bucket = s3.make_bucket()
        target = zoo.target(f"s3://{bucket}/zoo", endpoint=s3.url)
        publish_and_poll(zoo, target, fetch_over_http(f"{s3.url}/{bucket}/zoo"))
    else:
        target = zoo.target("../public")
        publish_and_poll(zoo, target, target.read)


def publish_and_poll(zoo: BuiltZoo, target: Target, fetch: Callable[[str], bytes | None]) -> None:
    """Publish 50 times, some of them rollbacks, while somebody reads."""
    with Poller(fetch) as poller:
        for i in range(NUM_PUBLISHES):
            zoo.models = {
                f"m{j}": {"float32": f"{i // (j + 1)} of {j}" * 500} for j in range(3 + i % 2)
            }
            zoo.pages["index.html"] = f"<p>{i}</p>"
            zoo.build()
            zoo.publish(target)
            if i % 10 == 9:
                publisher(target).roll_back(None)
        # Let the last one be seen, too.
        rounds = poller.rounds
        while poller.rounds < rounds + 2 * NUM_READERS and not poller.faults:
            time.sleep(0.01)

    assert poller.faults == []
    assert load_index(target).current == NUM_PUBLISHES + 5
    assert sha256(target.read("models.json") or b"") in poller.catalogs
    assert len(poller.catalogs) >= NUM_PUBLISHES // 2
