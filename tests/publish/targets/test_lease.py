"""Leases: one holder at a time, taken over from one that died, without comparing clocks."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from s3_server import S3, serve_public_s3

from pipeline.errors import TargetError
from pipeline.publish.headers import find_headers
from pipeline.publish.targets.bucket_target import BucketTarget, open_bucket
from pipeline.publish.targets.lease import LOCKS, Lease, _machine


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Return an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture(params=["s3", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> BucketTarget:
    """Return a store that creates files exclusively, by itself or after a look."""
    if request.param == "s3":
        return open_bucket(f"s3://{s3.make_bucket()}/zoo", endpoint=s3.url)
    return BucketTarget(fsspec.filesystem("local"), str(tmp_path), scheme="local", shown="local")


class Clock:
    """A clock that only moves on while somebody waits, or when a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return its seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move it on by so many seconds."""
        self.now += seconds


def lease(store: BucketTarget, clock: Clock, **options: Any) -> Lease:
    """Return a lease of a minute that a test renews itself."""
    usual = {"lease_seconds": 60.0, "renew_seconds": 3600.0, "poll_seconds": 10.0}
    return Lease(store, **{**usual, "clock": clock, "sleep": clock.sleep, **options})


def overtake(store: BucketTarget) -> None:
    """Create the next number as another publisher does."""
    number = max(int(Path(path).stem) for path in store.find(LOCKS))
    store.create(f"{LOCKS}/{number + 1:06d}.json", b"{}")


def hold_as(store: BucketTarget, number: int = 7, **fields: Any) -> None:
    """Write a lease of somebody else."""
    holder = {"owner": "x", "machine": "elsewhere", "process": 1, "beat": 0, "released": False}
    path = f"{LOCKS}/{number:06d}.json"
    store.write(path, json.dumps(holder | fields).encode(), find_headers(path, immutable=False))


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_holders_follow_each_other(store: BucketTarget) -> None:
    order: list[str] = []
    told: list[str] = []

    def hold(name: str) -> None:
        with Lease(store, poll_seconds=0.02).held(told.append) as check:
            order.append(f"{name} begins")
            time.sleep(0.3)
            check()
            order.append(f"{name} ends")

    threads = [threading.Thread(target=hold, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for begin, end in zip(order[::2], order[1::2], strict=True):
        assert (begin[0], begin[2:], end[2:]) == (end[0], "begins", "ends")
    assert len(order) == 6
    assert len(store.find(LOCKS)) == 1
    assert all("waiting for another publish to end" in text for text in told)


@pytest.mark.parametrize("store", ["local"], indirect=True)
def test_of_two_who_look_before_either_writes_the_second_writer_holds_it(
    store: BucketTarget, tmp_path: Path
) -> None:
    late = BucketTarget(fsspec.filesystem("local"), str(tmp_path), scheme="local", shown="late")
    clock = Clock()
    first, waiting = lease(store, clock), lease(late, clock)
    with contextlib.ExitStack() as ends:

        def create(path: str, content: bytes) -> None:
            checks.append(ends.enter_context(first.held(print)))
            late.write(path, content, find_headers(path, immutable=False))

        checks: list[Callable[[], None]] = []
        late.create = create  # type: ignore[method-assign]
        with waiting.held(print) as check:
            first.renew(1)
            check()
            with pytest.raises(TargetError, match="another publish has taken over"):
                checks[0]()

    assert json.loads(store.read(f"{LOCKS}/000001.json") or b"") == {"released": True}


@pytest.mark.parametrize("store", ["local"], indirect=True)
def test_who_is_overwritten_within_moments_never_holds_it(store: BucketTarget) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        if not clock.now:
            hold_as(store, number=1, owner="late")
        clock.sleep(seconds)

    with lease(store, clock, sleep=sleep).held(lambda _text: None) as check:
        check()

    assert clock.now >= 60
    assert [int(Path(path).stem) for path in store.find(LOCKS)] == [2]


def test_a_holder_that_is_renewed_keeps_it_for_longer_than_a_lease(store: BucketTarget) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now <= 300:
            holder.renew(round(clock.now))
            check()

    holder = lease(store, clock)
    with holder.held(print) as check:
        with lease(store, clock, sleep=sleep).held(lambda _text: None):
            assert 350 <= clock.now < 380
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


def test_a_holder_is_renewed_while_it_works(store: BucketTarget) -> None:
    with Lease(store, renew_seconds=0.01).held(print):
        (path,) = store.find(LOCKS)
        before, end = store.read(path), time.monotonic() + 30
        while store.read(path) == before:
            assert time.monotonic() < end, "it is not renewed"


def test_a_holder_that_is_not_heard_of_loses_it(store: BucketTarget) -> None:
    hold_as(store)
    clock = Clock()
    with lease(store, clock).held(lambda _text: None) as check:
        check()

    assert 60 <= clock.now < 80


def test_a_holder_that_died_on_this_machine_loses_it_at_once(store: BucketTarget) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    hold_as(store, machine=_machine(), process=process.pid)
    told: list[str] = []
    clock = Clock()
    with lease(store, clock).held(told.append):
        pass

    assert told == []
    assert clock.now < 10


def test_a_holder_who_lost_it_is_told_before_he_writes(store: BucketTarget) -> None:
    with lease(store, Clock()).held(print) as check:
        overtake(store)
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


def test_a_holder_who_could_not_renew_it_for_long_stops(store: BucketTarget) -> None:
    clock = Clock()
    with lease(store, clock).held(print) as check:
        clock.now += 29
        check()
        clock.now += 2
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


def test_a_holder_may_ask_often_and_is_told_within_moments(store: BucketTarget) -> None:
    asked = 0
    find = store.find

    def counted(below: str = "") -> Any:
        nonlocal asked
        asked += 1
        return find(below)

    clock = Clock()
    with lease(store, clock, poll_seconds=1.0).held(print) as check:
        store.find = counted  # type: ignore[method-assign]
        for _ in range(1000):
            check()
        assert asked == 1
        overtake(store)
        check()
        clock.now += 1.1
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()
        # And from then on at once.
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 60_000,
        b"x" * 60_000,
        b"[]",
        b'{"released": "yes"}',
        b'{"machine": 1, "process": -1}',
        json.dumps({"machine": _machine(), "process": 10**30}).encode(),
        json.dumps({"machine": _machine(), "process": 0}).encode(),
    ],
)
def test_what_is_no_lease_runs_out_as_one_does(store: BucketTarget, content: bytes) -> None:
    store.write(f"{LOCKS}/000007.json", content, find_headers("x.json", immutable=False))
    clock = Clock()
    with lease(store, clock).held(lambda _text: None) as check:
        check()

    assert 60 <= clock.now < 80
    assert [int(Path(path).stem) for path in store.find(LOCKS)] == [8]
