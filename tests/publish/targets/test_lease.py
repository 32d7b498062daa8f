"""Leases: one holder at a time, taken over from one that died, without comparing clocks."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
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


def lease(store: BucketTarget, **seconds: float) -> Lease:
    """Return a lease in a hurry."""
    hurried = {"lease_seconds": 1.0, "renew_seconds": 0.1, "poll_seconds": 0.02}
    return Lease(store, **{**hurried, **seconds})


def hold_as(store: BucketTarget, **fields: Any) -> None:
    """Write a lease of somebody else."""
    holder = {"owner": "x", "machine": "elsewhere", "process": 1, "beat": 0, "released": False}
    path = f"{LOCKS}/000007.json"
    store.write(path, json.dumps(holder | fields).encode(), find_headers(path, immutable=False))


def test_holders_follow_each_other(store: BucketTarget) -> None:
    order: list[str] = []
    told: list[str] = []

    def hold(name: str) -> None:
        with lease(store, lease_seconds=20).held(told.append) as check:
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


def test_a_holder_that_is_renewed_keeps_it_for_longer_than_a_lease(store: BucketTarget) -> None:
    entered = threading.Event()
    with lease(store, lease_seconds=0.8).held(print) as check:
        other = lease(store, lease_seconds=0.8)

        def hold() -> None:
            with other.held(lambda _text: None):
                entered.set()

        thread = threading.Thread(target=hold)
        thread.start()
        assert not entered.wait(2)
        check()
    thread.join()

    assert entered.is_set()


def test_a_holder_that_is_not_heard_of_loses_it(store: BucketTarget) -> None:
    hold_as(store)
    started = time.monotonic()
    with lease(store).held(lambda _text: None) as check:
        check()
        waited = time.monotonic() - started

    assert waited >= 1


def test_a_holder_that_died_on_this_machine_loses_it_at_once(store: BucketTarget) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    hold_as(store, machine=_machine(), process=process.pid)
    told: list[str] = []
    with lease(store, lease_seconds=600).held(told.append):
        pass

    assert told == []


def test_a_holder_who_lost_it_is_told_before_he_writes(store: BucketTarget) -> None:
    with lease(store, renew_seconds=60).held(print) as check:
        number = max(int(Path(path).stem) for path in store.find(LOCKS))
        store.create(f"{LOCKS}/{number + 1:06d}.json", b"{}")
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


def test_a_holder_who_could_not_renew_it_for_long_stops(store: BucketTarget) -> None:
    with lease(store, lease_seconds=0.2, renew_seconds=60).held(print) as check:
        time.sleep(0.15)
        with pytest.raises(TargetError, match="another publish has taken over"):
            check()


def test_a_holder_may_ask_often_and_is_told_within_moments(store: BucketTarget) -> None:
    asked = 0
    find = store.find

    def counted(below: str = "") -> Any:
        nonlocal asked
        asked += 1
        return find(below)

    with lease(store, lease_seconds=30, renew_seconds=60, poll_seconds=0.5).held(print) as check:
        store.find = counted  # type: ignore[method-assign]
        for _ in range(1000):
            check()
        assert asked <= 2
        number = max(int(Path(path).stem) for path in find(LOCKS))
        store.create(f"{LOCKS}/{number + 1:06d}.json", b"{}")
        time.sleep(0.6)
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
    started = time.monotonic()
    with lease(store, lease_seconds=0.3).held(lambda _text: None) as check:
        check()

    assert time.monotonic() - started >= 0.3
    assert [int(Path(path).stem) for path in store.find(LOCKS)] == [8]
