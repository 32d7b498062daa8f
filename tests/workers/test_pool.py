"""The pool, with real processes but without TensorFlow: only the preload differs."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from walls import no_wall

from pipeline.errors import CrashError, FormatError, MachineError, PipelineError, WorkerError
from pipeline.workers.limits import Budget, ResourceLimits
from pipeline.workers.pool import TensorFlowPool
from pipeline.workers.pool_job import JobResult, UnexpectedJobError

MIB = 1024**2
LIMITS = ResourceLimits(timeout_seconds=60, memory_bytes=1024 * MIB)

Run = Callable[..., JobResult]


@pytest.fixture(params=["fork", "once"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pool(mode: str) -> Iterator[TensorFlowPool]:
    with TensorFlowPool(
        preload="worker_jobs", fork=mode == "fork", max_workers=4, require=no_wall
    ) as pool:
        yield pool


@pytest.fixture
def run(pool: TensorFlowPool, tmp_path: Path) -> Run:
    def run_now(name: str, limits: ResourceLimits = LIMITS, **arguments: Any) -> JobResult:
        log = tmp_path / "a log.txt"
        future = pool.submit(
            f"worker_jobs:{name}",
            arguments,
            budget=Budget(limits),
            expected_memory_bytes=MIB,
            log=log,
        )
        return future.result(60)

    return run_now


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def gone_within(seconds: float, pids: list[int]) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, pids))


def wait_for(path: Path) -> str:
    end = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, "the job did not start"
        time.sleep(0.02)
    return path.read_text()


def test_a_result_comes_with_time_and_memory(run: Run) -> None:
    result = run("describe", path=Path("/a b"), number=3)

    assert result.value["arguments"] == {"path": repr(Path("/a b")), "number": "3"}
    assert 0 < result.seconds < 10


def test_the_peak_of_memory_is_seen(run: Run) -> None:
    assert run("take_memory", size_bytes=200 * MIB, seconds=0.6).peak_rss_bytes > 200 * MIB


@pytest.mark.parametrize("mode", ["fork"], indirect=True)
def test_each_job_is_a_fresh_process_of_one_server_and_leads_its_session(run: Run) -> None:
    first, second = run("describe").value, run("describe").value

    assert first["pid"] != second["pid"]
    assert first["server"] == second["server"]
    assert first["begun"] == second["begun"] == 1
    assert first["session"] == first["group"] == first["pid"]


def test_a_short_peak_between_two_looks_is_seen_in_a_fresh_process(tmp_path: Path) -> None:
    with TensorFlowPool(preload="worker_jobs", fork=True) as pool:
        arguments = {"size_bytes": 200 * MIB}
        log = tmp_path / "log.txt"
        future = pool.submit("worker_jobs:take_memory", arguments, log=log)

        assert future.result(60).peak_rss_bytes > 200 * MIB


def test_the_environment_is_the_same_whatever_the_user_sets(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "7")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    environment = run("describe").value["environment"]

    assert "secret" not in environment.values()
    assert "TF_XLA_FLAGS" not in environment
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert environment["PYTHONHASHSEED"] == "0"


def test_all_output_of_a_job_is_in_its_log_and_none_elsewhere(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("talk")

    log = (tmp_path / "a log.txt").read_text().splitlines()
    assert sorted(log) == ["from a child", "from below", "from python", "from python's stderr"]
    assert capfd.readouterr() == ("", "")


def test_it_works_when_the_standard_streams_are_replaced(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    assert run("sleep", seconds=0).value > 0


def test_a_user_error_arrives_as_it_was_raised(run: Run) -> None:
    with pytest.raises(FormatError, match="found text; expected a SavedModel") as caught:
        run("refuse")

    assert caught.value.hint == "look at the file"


def test_any_other_exception_brings_the_traceback_of_the_child(run: Run) -> None:
    with pytest.raises(UnexpectedJobError, match="KeyError: 'no such thing'") as caught:
        run("stumble")

    assert "in stumble" in caught.value.traceback_text


def test_a_value_that_cannot_travel_is_a_bug_and_not_a_crash(run: Run) -> None:
    with pytest.raises(UnexpectedJobError, match="function is no JSON value"):
        run("give_a_lambda")


def test_a_full_disk_is_the_machines_fault_and_no_bug(run: Run, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        run("fill_the_disk", file=tmp_path / "model.json")

    assert caught.value.filename == str(tmp_path / "model.json")


def test_a_package_that_cannot_be_read_keeps_its_fault(run: Run) -> None:
    with pytest.raises(MachineError, match=r"^numpy cannot be loaded: Input/output") as caught:
        run("import_from_a_broken_disk")

    assert caught.value.fault == caught.value.message


@pytest.mark.parametrize("mode", ["fork"], indirect=True)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"value": 1', id="cut off"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="nothing in it"),
        pytest.param('{"value": 1, "peak": "much"}', id="a peak in words"),
        pytest.param('{"error": 3}', id="an error that is a number"),
        pytest.param('{"error": {"kinds": [[]], "message": "m"}}', id="a kind that is a list"),
        pytest.param('{"error": {"number": []}}', id="an error number that is a list"),
        pytest.param('{"error": {"kinds": [], "message": 5}}', id="a message that is a number"),
    ],
)
def test_an_outcome_that_is_none_of_ours_is_a_crash(run: Run, text: str) -> None:
    with pytest.raises(CrashError, match=r"^leave_outcome died: exit status 0$"):
        run("leave_outcome", text=text)


def test_an_outcome_raises_no_error_but_ours(run: Run) -> None:
    text = json.dumps({"error": {"kinds": ["printable", "ClassVar"], "message": "a\x1b[2Jb"}})
    with pytest.raises(PipelineError, match=r"^a\\u001b\[2Jb$") as caught:
        run("leave_outcome", text=text)

    assert type(caught.value) is PipelineError


def test_a_segmentation_fault_is_named_with_the_end_of_the_log(run: Run) -> None:
    with pytest.raises(WorkerError, match=r"^segfault died: segmentation fault") as caught:
        run("segfault")

    assert "about to read address 1" in str(caught.value.hint)
    assert "in segfault" in str(caught.value.hint)
    assert run("sleep", seconds=0).value > 0, "the next job runs"


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        pytest.param("die", {"number": signal.SIGKILL}, "out of memory", id="killed"),
        pytest.param("die", {"number": signal.SIGABRT}, "aborted .SIGABRT", id="aborted"),
        pytest.param("leave", {"code": 3}, "leave died: exit status 3", id="left"),
    ],
)
def test_a_dead_job_says_how_it_died(
    run: Run, name: str, argument: dict[str, int], message: str
) -> None:
    with pytest.raises(WorkerError, match=message):
        run(name, **argument)


def test_time_beyond_the_limit_kills_the_job_and_its_children(run: Run, tmp_path: Path) -> None:
    limits = ResourceLimits(timeout_seconds=2)
    begin = time.monotonic()
    with pytest.raises(WorkerError, match=r"sleep_with_children took more than 2 s$") as caught:
        run("sleep_with_children", limits, started=tmp_path / "pids")

    own, _, *children = map(int, (tmp_path / "pids").read_text().split())
    assert time.monotonic() - begin < 6
    assert "timeout_seconds" in str(caught.value.hint)
    assert gone_within(2, [own, *children])


def test_memory_beyond_the_limit_counts_children(run: Run) -> None:
    limits = ResourceLimits(timeout_seconds=60, memory_bytes=256 * MIB)
    with pytest.raises(WorkerError, match=r"needed more than 256 MiB of memory$") as caught:
        run("take_memory_in_child", limits, size_bytes=300 * MIB)

    assert "memory_limit_bytes" in str(caught.value.hint)


@pytest.mark.parametrize("mode", ["fork"], indirect=True)
def test_what_a_job_leaves_behind_is_killed_with_it(run: Run) -> None:
    assert gone_within(2, [run("leave_a_child").value])


def test_jobs_run_side_by_side_when_submitted_from_threads(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    def job(index: int) -> JobResult:
        log = tmp_path / f"{index}.txt"
        arguments = {"seconds": 1.0}
        return pool.submit(
            "worker_jobs:sleep", arguments, expected_memory_bytes=MIB, log=log
        ).result(60)

    with ThreadPoolExecutor(4) as threads:
        starts = [result.value for result in threads.map(job, range(4))]

    assert max(starts) - min(starts) < 1


def test_big_jobs_wait_for_each_other_and_one_always_runs(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    futures = [
        pool.submit(
            "worker_jobs:sleep",
            {"seconds": 0.5},
            expected_memory_bytes=2**60,
            log=tmp_path / "log",
        )
        for _ in range(2)
    ]

    first, second = (future.result(60).value for future in futures)
    assert second - first >= 0.5


def test_shutdown_is_quick_and_cancels_what_waits_and_what_runs(mode: str, tmp_path: Path) -> None:
    pool = TensorFlowPool(
        preload="worker_jobs", fork=mode == "fork", max_workers=1, require=no_wall
    )
    started, log = tmp_path / "pids", tmp_path / "log"
    running = pool.submit(
        "worker_jobs:sleep_with_children", {"started": started}, expected_memory_bytes=MIB, log=log
    )
    waiting = pool.submit("worker_jobs:describe", {}, expected_memory_bytes=MIB, log=log)
    pids = list(map(int, wait_for(started).split()))
    if mode == "once":
        del pids[1]  # the server's parent: this process
    begin = time.monotonic()
    pool.shutdown()
    pool.shutdown()

    assert time.monotonic() - begin < 2
    assert gone_within(2, pids)
    for future in (running, waiting):
        with pytest.raises(CancelledError):
            future.result(5)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit("worker_jobs:describe", {}, expected_memory_bytes=MIB, log=log)


def test_shutdown_while_the_server_starts_does_not_wait_for_it(tmp_path: Path) -> None:
    pool = TensorFlowPool(preload="worker_slow_preload", fork=True)
    future = pool.submit("worker_jobs:describe", {}, log=tmp_path / "log")
    time.sleep(0.3)
    begin = time.monotonic()
    pool.shutdown()

    assert time.monotonic() - begin < 3
    with pytest.raises(CancelledError):
        future.result(5)


def test_nothing_starts_before_the_first_job() -> None:
    before = psutil.Process().children()
    with TensorFlowPool(preload="worker_jobs"):
        assert psutil.Process().children() == before


def test_kill_all_fails_what_runs_and_the_pool_goes_on(
    pool: TensorFlowPool, run: Run, tmp_path: Path
) -> None:
    started = tmp_path / "pid"
    arguments = {"seconds": 300, "started": started}
    future = pool.submit("worker_jobs:sleep", arguments, log=tmp_path / "log")
    wait_for(started)
    pool.kill_all()
    pool.kill_all()

    with pytest.raises(WorkerError, match="sleep died"):
        future.result(5)
    assert run("sleep", seconds=0).value > 0


@pytest.mark.parametrize("mode", ["fork"], indirect=True)
def test_a_killed_server_fails_its_jobs_and_the_next_one_gets_a_new_server(
    pool: TensorFlowPool, run: Run, tmp_path: Path
) -> None:
    started = tmp_path / "pids"
    future = pool.submit(
        "worker_jobs:sleep_with_children",
        {"started": started},
        expected_memory_bytes=MIB,
        log=tmp_path / "log",
    )
    own, server, *children = map(int, wait_for(started).split())
    os.kill(server, signal.SIGKILL)

    with pytest.raises(WorkerError, match="sleep_with_children died: killed"):
        future.result(10)
    assert gone_within(2, [own, *children])
    assert run("sleep", seconds=0).value > 0


def test_a_missing_package_is_one_sentence(tmp_path: Path) -> None:
    with TensorFlowPool(preload="no_such_package") as pool:
        future = pool.submit("worker_jobs:describe", {}, log=tmp_path / "log")
        with pytest.raises(WorkerError, match="cannot be started: ModuleNotFoundError") as caught:
            future.result(30)

    assert "pip install" in str(caught.value.hint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["fork", "once"])
def test_kill_9_of_the_parent_leaves_nothing_behind(mode: str, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from pipeline.workers.pool import TensorFlowPool;"
        "folder = pathlib.Path(sys.argv[1]);"
        f"pool = TensorFlowPool(preload='worker_jobs', fork={mode == 'fork'},"
        " require=lambda trusted: None);"
        "pool.submit('worker_jobs:sleep_with_children', {'started': folder / 'pids'},"
        " log=folder / 'log').result()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) as parent:
        own, server, grouped, apart = map(int, wait_for(tmp_path / "pids").split())
        parent.kill()

    died = [own, grouped] if mode == "once" else [own, server, grouped]
    assert gone_within(3, died)
    os.kill(apart, signal.SIGKILL)  # a session of its own is beyond a group's kill


def test_kill_9_of_the_parent_ends_a_server_that_still_starts(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from pipeline.workers.pool import TensorFlowPool;"
        "folder = pathlib.Path(sys.argv[1]);"
        "pool = TensorFlowPool(preload='worker_slow_preload', require=lambda trusted: None);"
        "pool.submit('worker_jobs:describe', {}, log=folder / 'log').result()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) as parent:
        started = time.monotonic()
        while not (servers := psutil.Process(parent.pid).children()):
            assert time.monotonic() - started < 30, "no server was started"
            time.sleep(0.02)
        time.sleep(0.5)
        parent.kill()

    assert gone_within(2, [server.pid for server in servers])
