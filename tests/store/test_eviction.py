"""Eviction: old and surplus results go, and nobody who reads or writes meanwhile is harmed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store.eviction import Evicted, evict, survey_store
from pipeline.store.open_store import open_store, open_store_files
from pipeline.store.store_files import CLOCK, StoreFiles
from pipeline.store.stored_result import document_path

_DAY = 86400.0
SIZE = 50_000


class Store:
    """A store in a folder, whose files can be made old."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files = open_store_files("store", root=root)

    def put(self, key: str, *contents: bytes, days: float = 0.0) -> None:
        """Put a result there that was last used some days ago."""
        made = self._root / key
        made.mkdir(exist_ok=True)
        for number, content in enumerate(contents):
            (made / f"{number}.bin").write_bytes(content)
        assert open_store("store", root=self._root).put(self.key(key), made)
        self.age(document_path(self.key(key)), days)

    def age(self, path: str, days: float) -> None:
        """Make a file old."""
        then = time.time() - days * _DAY
        os.utime(self._root / "store" / path, (then, then))

    def age_blobs(self, days: float) -> None:
        """Make all blobs old."""
        for blob in (self._root / "store/v1/blobs").rglob("??/*"):
            then = time.time() - days * _DAY
            os.utime(blob, (then, then))

    def has(self, key: str) -> bool:
        """Return whether a result comes whole."""
        got = self._root / f"got-{key}-{time.monotonic_ns()}"
        got.mkdir()
        return open_store("store", root=self._root, read_only=True).fetch(self.key(key), got)

    def evict(self, *, days: float = 90.0, max_bytes: int | None = None) -> Evicted:
        """Evict."""
        return evict(self.files, keep_seconds=days * _DAY, max_bytes=max_bytes)

    @property
    def num_blobs(self) -> int:
        """Number of blobs."""
        return len(list(self.files.walk("v1/blobs")))

    @staticmethod
    def key(name: str) -> str:
        """Return a key."""
        return f"convert-{name.encode().hex():0>64}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(tmp_path)


def content() -> bytes:
    """Return what no other file has."""
    return os.urandom(SIZE)


def test_an_old_result_goes_and_what_others_need_stays(store: Store) -> None:
    both, own = content(), content()
    store.put("old", both, own, days=100)
    store.put("new", both, days=3)
    store.age_blobs(100)
    done = store.evict()

    assert (store.has("old"), store.has("new")) == (False, True)
    assert store.num_blobs == 1
    assert done.num_results == 1
    assert SIZE < done.num_freed < SIZE + 2000
    assert SIZE < done.num_left < SIZE + 2000
    assert done.num_young == 0


def test_beyond_a_size_those_not_used_for_longest_go(store: Store) -> None:
    for days in (4, 1, 3, 2):
        store.put(f"d{days}", content(), days=days)
    store.age_blobs(2)
    store.evict(max_bytes=2 * SIZE + 3000)

    assert [store.has(f"d{days}") for days in (1, 2, 3, 4)] == [True, True, False, False]
    assert store.num_blobs == 2


def test_nothing_is_removed_that_is_only_looked_at(store: Store) -> None:
    store.put("old", content(), days=100)
    store.age_blobs(100)
    done = evict(store.files, keep_seconds=_DAY, max_bytes=None, dry_run=True)

    assert done.num_results == 1
    assert done.num_freed > SIZE
    assert store.has("old")


def test_a_young_blob_stays_for_the_writer_of_its_document(store: Store) -> None:
    store.put("old", content(), days=100)
    done = store.evict()

    assert store.num_blobs == 1
    assert done.num_young == SIZE


def test_the_rest_of_a_killed_writer_goes_after_a_day(store: Store, tmp_path: Path) -> None:
    store.put("new", content())
    parts = [f"v1/{kind}/00/.x.1.zoo-part" for kind in ("blobs", "results")]
    for part in parts:
        (tmp_path / "store" / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / part).write_bytes(b"half")
    store.age(parts[0], 2)
    store.evict()

    assert [(tmp_path / "store" / part).exists() for part in parts] == [False, True]


def test_a_damaged_document_goes_after_a_day(store: Store, tmp_path: Path) -> None:
    for key, days in (("old", 2), ("new", 0)):
        store.put(key, content())
        path = document_path(store.key(key))
        (tmp_path / "store" / path).write_bytes(b"{")
        store.age(path, days)
    store.evict()

    left = [found.path for found in store.files.walk("v1/results")]
    assert left == [document_path(store.key("new"))]


def test_a_result_that_is_used_while_it_should_go_stays_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its document is written again after it was listed, and before it is removed."""
    store.put("old", content(), days=100)
    store.age_blobs(100)
    _before(monkeypatch, "find", lambda: store.age(document_path(store.key("old")), 0))
    done = store.evict()

    assert done.num_results == 0
    assert store.has("old")


def test_what_is_put_there_meanwhile_stays_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer finds the blob of a result that is about to go, and names it in another one."""
    both = content()
    store.put("old", both, days=100)
    store.age_blobs(100)
    _before(monkeypatch, "find", lambda: store.put("new", both))
    store.evict()

    assert (store.has("old"), store.has("new")) == (False, True)


def _before(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let something happen before the first call of a method for another file than the clock."""
    method = getattr(StoreFiles, name)

    def call(files: StoreFiles, path: str) -> object:
        if path != CLOCK:
            monkeypatch.setattr(StoreFiles, name, method)
            act()
        return method(files, path)

    monkeypatch.setattr(StoreFiles, name, call)


@pytest.mark.parametrize("skew", [-400 * _DAY, 400 * _DAY])
def test_ages_are_those_of_the_stores_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    store.put("old", content(), days=100)
    store.put("new", content(), days=3)
    store.age_blobs(100)
    true_time = time.time
    monkeypatch.setattr("time.time", lambda: true_time() + skew)
    store.evict()

    assert (store.has("old"), store.has("new")) == (False, True)
    assert store.num_blobs == 1


def test_a_survey_counts_results_by_step(store: Store) -> None:
    store.put("a", content(), days=100)
    store.put("b", content(), days=1)
    survey = survey_store(store.files)

    use = survey.steps["convert"]
    assert use.num_results == 2
    assert use.newest == pytest.approx(_DAY, rel=0.01)
    assert use.oldest == pytest.approx(100 * _DAY, rel=0.01)
    assert survey.num_files == 4
    assert 2 * SIZE < survey.num_bytes < 2 * SIZE + 3000
