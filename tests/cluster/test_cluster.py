"""Steps on the workers of a real Dask cluster, on loopback: as if they had run here."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cluster_steps
import pytest
import step_functions
from browsers import needs_browser
from clusters import DaskCluster, dask_cluster
from s3_server import CREDENTIALS, serve_public_s3
from step_functions import Build, Run

pytest.importorskip("distributed")

from pipeline.cluster import connect as connect_module
from pipeline.cluster import dispatcher as dispatcher_module
from pipeline.cluster.connect import connect
from pipeline.disk.browser_program import BrowserProgram, find_browser
from pipeline.engine.events import subscribe
from pipeline.engine.job import Job
from pipeline.engine.local_files import ListedFiles
from pipeline.engine.receipt import load_receipt
from pipeline.engine.session import Interrupted
from pipeline.errors import ClusterError
from pipeline.store.open_store import open_store
from pipeline.wall.wall import WALL_VARIABLE

Open = Callable[..., Build]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Return a cluster of two workers, which gives a step up after the second that it kills."""
    folder = tmp_path_factory.mktemp("dask")
    with dask_cluster(folder, workers=2, environ=CREDENTIALS) as started:
        yield started


@pytest.fixture
def told() -> list[str]:
    """Return what the user was told."""
    return []


@pytest.fixture
def open_build(tmp_path: Path, dask: DaskCluster, told: list[str]) -> Iterator[Open]:
    """Return a function that makes a build whose steps run on the cluster."""
    step_functions.calls.clear()
    builds = []

    def open_build(
        name: str = "there",
        *,
        store: str = "store",
        endpoint: str | None = None,
        shared: bool = True,
    ) -> Build:
        build = Build(tmp_path / name)
        build.root.mkdir(exist_ok=True)
        address = store if "://" in store else str(tmp_path / store)
        options = {"address": address, "endpoint": endpoint}
        if shared:
            build.session.store = open_store(address, root=tmp_path, endpoint=endpoint)
        build.session.elsewhere = connect(
            dask.address,
            root=build.root,
            tools=["numpy"],
            store_options=options,
            session=build.session,
            tell=told.append,
        )
        builds.append(build)
        return build

    yield open_build
    for build in builds:
        build.session.close()


def _files(job: Job) -> dict[str, bytes]:
    names = {"run.json", "log.txt"}
    return {path.name: path.read_bytes() for path in job.folder.iterdir() if path.name not in names}


@pytest.mark.parametrize("shared", [True, False])
def test_results_logs_and_figures_come_back(
    tmp_path: Path, open_build: Open, *, shared: bool
) -> None:
    here, there = Build(tmp_path / "here"), open_build(shared=shared)
    events = there.events
    unsubscribe = subscribe(events.append)
    made = []
    for build in (here, there):
        one = build.job("one", cluster_steps.say_where, text="hello", shared=True)
        two = build.job("two", cluster_steps.say_where, reads={"one": one}, text="you")
        made.append([build.run(one), build.run(two), _files(one), _files(two)])
    unsubscribe()

    assert made[0] == made[1]
    figures = json.loads((two.folder / "run.json").read_bytes())
    assert figures["worker"].endswith(f" on {os.uname().nodename}")
    assert figures["pid"] != os.getpid()
    assert (two.folder / "log.txt").read_text() == f"pid {figures['pid']}\nit was cold there\n"
    assert events[-1].cause == "never built; it was cold there"
    assert not events[-1].from_store


def test_results_travel_through_a_bucket(open_build: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_public_s3(monkeypatch) as s3:
        build = open_build(store=f"s3://{s3.make_bucket()}/zoo", endpoint=s3.url)
        one = build.job("one", cluster_steps.write_much, text="a", shared=True)
        two = build.job("two", cluster_steps.say_where, reads={"one": one}, shared=True)
        outcomes = [build.run(one), build.run(two)]
        build.session.close()

    assert [outcome.status for outcome in outcomes] == ["ok", "ok"]
    assert (two.folder / "out.txt").read_text() == "a" * 30_000 + " "
    assert "worker" in json.loads((two.folder / "run.json").read_bytes())


def test_failures_are_those_of_this_machine(tmp_path: Path, open_build: Open) -> None:
    runs: list[Run] = [
        step_functions.fail,
        step_functions.fail_for_now,
        step_functions.crash,
        step_functions.skip,
        step_functions.crash_unspeakably,
        step_functions.use_what_it_does_not_declare,
    ]
    here, there = Build(tmp_path / "here"), open_build()
    seen = []
    for build in (here, there):
        jobs = [build.job(name, run, shared=True) for name, run in zip("abcdef", runs, strict=True)]
        ends = [(build.run(job), load_receipt(job.failed_folder)) for job in jobs]
        seen.append((ends, build.session.bugs))
        logs = [job.failed_folder / "log.txt" for job in jobs]

    assert seen[0] == seen[1]
    assert seen[1][1] == ["c:m", "e:m", "f:m"]
    assert "unsupported op Foo" in logs[0].read_text()
    assert "KeyError: 'missing'" in logs[2].read_text()
    assert not logs[3].exists()


def test_a_fault_of_a_worker_names_it(open_build: Open) -> None:
    build = open_build()
    failed = build.job("one", step_functions.find_a_bad_sector)
    outcome = build.run(failed)

    assert outcome.reason is not None
    assert f" on {os.uname().nodename}: " in outcome.reason
    receipt = load_receipt(failed.failed_folder)
    assert receipt is not None
    assert receipt.failure is not None
    assert receipt.failure.retry
    assert receipt.failure.fault == "Input/output error"


def test_files_beside_the_manifest_travel(open_build: Open) -> None:
    build = open_build()
    (build.root / "code").mkdir()
    (build.root / "code/layer.py").write_text("a layer")
    local = ListedFiles(paths={"custom": "code/layer.py"}, root=build.root)
    job = build.job("one", cluster_steps.read_beside, text="code/layer.py", local=local)

    assert build.run(job).status == "ok"
    assert (job.folder / "out.txt").read_text() == "a layer"
    assert "worker" in json.loads((job.folder / "run.json").read_bytes())


def test_a_result_for_the_worker_only_is_made_here(open_build: Open) -> None:
    build = open_build()
    job = build.job("one", step_functions.write_for_here, text="a", shared=True)
    unsubscribe = subscribe(build.events.append)
    outcome = build.run(job)
    unsubscribe()

    assert outcome.status == "ok"
    assert step_functions.calls == ["one:m"]
    assert "worker" not in json.loads((job.folder / "run.json").read_bytes())
    assert build.events[-1].cause is not None
    assert "ran on this machine: " in build.events[-1].cause
    assert "there is no browser that a wall holds" in build.events[-1].cause


def test_a_file_outside_of_the_zoo_keeps_its_step_here(open_build: Open) -> None:
    build = open_build()
    (build.root.parent / "layer.py").write_text("a layer")
    local = ListedFiles(paths={"custom": "../layer.py"}, root=build.root)
    job = build.job("one", cluster_steps.read_beside, text="../layer.py", local=local)

    assert build.run(job).status == "ok"
    assert "worker" not in json.loads((job.folder / "run.json").read_bytes())


def test_a_step_runs_elsewhere_if_its_worker_dies(tmp_path: Path, open_build: Open) -> None:
    build = open_build()
    job = build.job("one", cluster_steps.kill_the_first_worker, text=str(tmp_path / "killed"))

    assert build.run(job).status == "ok"
    assert (tmp_path / "killed").exists()


def test_a_step_that_kills_its_workers_fails_and_is_tried_again(open_build: Open) -> None:
    build = open_build()
    job = build.job("one", cluster_steps.kill_each_worker)
    outcome = build.run(job)

    assert outcome.reason is not None
    assert outcome.reason.startswith("2 workers died while they ran one:m; the last was tcp://")
    receipt = load_receipt(job.failed_folder)
    assert receipt is not None
    assert receipt.failure is not None
    assert receipt.failure.retry


def test_the_end_of_a_run_ends_its_steps(tmp_path: Path, open_build: Open) -> None:
    build = open_build()
    job = build.job("one", cluster_steps.wait_long, text=str(tmp_path))
    with ThreadPoolExecutor() as threads:
        running = threads.submit(build.run, job)
        _wait_for(tmp_path / "began")
        build.session.close()
        error = running.exception(timeout=10)
    _wait_for(tmp_path / "ended")

    assert isinstance(error, Interrupted)
    assert not job.outcome_file.exists()


def test_the_loss_of_the_run_ends_its_steps(tmp_path: Path, open_build: Open) -> None:
    build = open_build()
    job = build.job("one", cluster_steps.wait_long, text=str(tmp_path))
    with ThreadPoolExecutor() as threads:
        threads.submit(build.run, job)
        _wait_for(tmp_path / "began")
        # As after a kill: nobody tells the workers.
        build.session.elsewhere._dispatcher._client.close()  # type: ignore[union-attr]
        _wait_for(tmp_path / "ended")
        build.session.close()


def test_inputs_that_a_store_has_lost_are_put_there_again(tmp_path: Path, open_build: Open) -> None:
    build = open_build()
    one = build.job("one", cluster_steps.write_much, text="a", shared=True)
    build.run(one)
    two = build.job("two", cluster_steps.say_where, reads={"one": one})
    build.session.close()
    shutil.rmtree(tmp_path / "store")
    again = open_build()

    assert again.run(two).status == "ok"
    assert "worker" in json.loads((two.folder / "run.json").read_bytes())


def test_a_store_that_lies_costs_time_only(tmp_path: Path, open_build: Open) -> None:
    build = open_build()
    one = build.job("one", cluster_steps.write_much, text="a", shared=True)
    build.run(one)
    build.session.close()
    for blob in (tmp_path / "store/v1/blobs").rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"x" * blob.stat().st_size)
    again = open_build()
    two = again.job("two", cluster_steps.say_where, reads={"one": one})

    assert again.run(two).status == "ok"
    assert (two.folder / "out.txt").read_text() == "a" * 30_000 + " "


def test_two_runs_at_once_make_the_same(open_build: Open) -> None:
    builds = [open_build("first"), open_build("second")]
    jobs = [build.job("one", cluster_steps.say_where, text="a", shared=True) for build in builds]
    with ThreadPoolExecutor() as threads:
        outcomes = list(
            threads.map(lambda pair: pair[0].run(pair[1]), zip(builds, jobs, strict=True))
        )

    assert outcomes[0] == outcomes[1]
    assert _files(jobs[0]) == _files(jobs[1])


def test_quick_steps_stay_here(open_build: Open) -> None:
    build = open_build()
    job = build.job("one", text="a")

    assert build.run(replace(job, step=replace(job.step, stays=True))).status == "ok"
    assert step_functions.calls == ["one:m"]


def test_a_worker_of_another_version_is_told_before_anything_runs(
    open_build: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_module, "own_versions", lambda _tools: {"numpy": "9.9"})

    with pytest.raises(ClusterError, match=r"no worker of tcp://.* fits") as caught:
        open_build()
    assert "numpy is 2.1.3, not 9.9" in caught.value.message


def test_a_worker_with_another_store_is_told(open_build: Open) -> None:
    # Each process has a memory of its own.
    with pytest.raises(ClusterError, match="the store memory://zoo is not the one of the run"):
        open_build(store="memory://zoo")


def test_no_scheduler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_module, "_CONNECT_SECONDS", 0.5)
    build = Build(tmp_path)
    options = {"store_options": {"address": str(tmp_path)}, "session": build.session}
    for address, message in {
        "tcp://127.0.0.1:9": "cluster tcp://127.0.0.1:9: its scheduler is not reached",
        "nowhere.json": "cluster nowhere.json: no such file",
        "local:many": "expected local, or local:4",
        "tcp://nowhere": "cluster tcp://nowhere: missing port number .*; expected tcp://host:8786",
        "ftp://nowhere:1": "cluster ftp://nowhere:1: unknown address scheme 'ftp'.*; expected tcp",
        "tls://127.0.0.1:9": "cluster tls://127.0.0.1:9: no certificate of this machine",
    }.items():
        with pytest.raises(ClusterError, match=message):
            connect(address, root=tmp_path, tools=(), tell=print, **options)  # type: ignore[arg-type]


@needs_browser
@pytest.mark.parametrize(("wall", "offered"), [("landlock", False), ("bubblewrap", True)])
def test_a_worker_offers_a_browser_that_a_wall_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, wall: str, offered: bool
) -> None:
    program = find_browser()
    assert isinstance(program, BrowserProgram)
    monkeypatch.setattr(connect_module, "installed_version", lambda _name: program.version)
    environ = {"CHROME": str(program.path), WALL_VARIABLE: wall}
    with dask_cluster(tmp_path / "one", workers=1, environ=environ) as one:
        build = Build(tmp_path / "zoo")
        cluster = connect(
            one.address,
            root=tmp_path,
            tools=["numpy"],
            store_options={"address": str(tmp_path / "store")},
            session=build.session,
            tell=print,
        )
        end = time.monotonic() + 60
        while not cluster.num_slots:
            assert time.monotonic() < end, "no worker has joined"
            time.sleep(0.1)
        found = cluster._dispatcher.has_browser
        cluster.close()

    assert found == offered


def test_steps_wait_for_a_worker_that_joins_later(tmp_path: Path) -> None:
    told: list[str] = []
    with dask_cluster(tmp_path / "empty", workers=0) as empty:
        build = Build(tmp_path / "zoo")
        build.session.elsewhere = connect(
            empty.address,
            root=tmp_path,
            tools=["numpy"],
            store_options={"address": str(tmp_path / "store")},
            session=build.session,
            tell=told.append,
        )
        job = build.job("one", cluster_steps.say_where)
        with ThreadPoolExecutor() as threads:
            running = threads.submit(build.run, job)
            empty.start_worker()
            outcome = running.result(timeout=60)
        build.session.close()

    assert outcome.status == "ok"
    assert told == [f"{empty.address} has no worker yet: steps wait for one"]


def test_a_lost_scheduler_fails_the_steps_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "LOST_SECONDS", 1.0)
    with dask_cluster(tmp_path / "short", workers=1) as short:
        build = Build(tmp_path / "zoo")
        build.session.elsewhere = connect(
            short.address,
            root=tmp_path,
            tools=["numpy"],
            store_options={"address": str(tmp_path / "store")},
            session=build.session,
            tell=print,
        )
        job = build.job("one", cluster_steps.wait_long, text=str(tmp_path))
        with ThreadPoolExecutor() as threads:
            running = threads.submit(build.run, job)
            _wait_for(tmp_path / "began")
            assert short.scheduler is not None
            short.scheduler.kill()
            outcome = running.result(timeout=60)
        build.session.close()

    assert outcome.reason == f"the scheduler {short.address} is gone"
    _wait_for(tmp_path / "ended")


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} does not appear"
        time.sleep(0.02)
