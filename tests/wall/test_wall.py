"""The wall, from inside of each kind of process: what gets through, and that work still goes on."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import wall_attempts
from paths import HELPERS, ROOT

from pipeline.errors import NoWallError
from pipeline.wall.landlock import landlock_version
from pipeline.wall.probe import try_wall
from pipeline.wall.rights import Rights, python_paths
from pipeline.wall.wall import WALLS, Wall, look_for_walls, require_wall
from pipeline.workers.limits import Budget, ResourceLimits
from pipeline.workers.pool import TensorFlowPool

needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")
needs_bubblewrap = pytest.mark.skipif(
    look_for_walls("bubblewrap").wall is None, reason="bubblewrap does not work here"
)
MIB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What lies outside of the wall."""

    folder: Path
    canary: Path
    port: int


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """Set up what a process behind the wall is to leave alone."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    folder, out = tmp_path / "own", tmp_path / "outside"
    folder.mkdir()
    out.mkdir()
    canary = out / "canary"
    canary.write_text("canary")
    (folder / "link").symlink_to(canary)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        contextlib.closing(socket.socket(socket.AF_UNIX)) as unix,
    ):
        unix.bind(str(out / "unix"))
        unix.listen()
        yield Outside(folder=folder, canary=canary, port=server.getsockname()[1])


@pytest.fixture
def outside(place: Outside) -> Iterator[Outside]:
    """See afterwards that nothing outside was touched."""
    before = place.canary.stat()
    yield place
    after = place.canary.stat()
    assert place.canary.read_text() == "canary"
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert after.st_mtime == before.st_mtime
    assert sorted(path.name for path in place.canary.parent.iterdir()) == ["canary", "unix"]


def run_attempts(command: Sequence[str], outside: Outside) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=outside.folder, env={}, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    could: list[str] = json.loads(done.stdout)
    return could


def attempts_command(outside: Outside) -> list[str]:
    program = str(Path(wall_attempts.__file__))
    known = (outside.folder, outside.canary, outside.port, os.getpid())
    return [os.path.realpath(sys.executable), "-I", "-S", program, *map(str, known)]


def rights_of(outside: Outside) -> Rights:
    code = Path(wall_attempts.__file__)
    return Rights(reads=(*python_paths(), code), writes=(outside.folder,), file_bytes=MIB)


def test_without_a_wall_the_attempts_come_off(place: Outside) -> None:
    """An attempt that fails by itself would prove nothing."""
    could = run_attempts(attempts_command(place), place)

    # In this order the canary is gone before a link to it is made; the environment is empty; and
    # what needs root, or a program of the kernel's that is turned off, may fail by itself.
    missing = set(wall_attempts.names()) - set(could)
    assert missing <= {
        "read its environment",
        "read the environment of another process",
        "link a file in",
        "change the mode of a file",
        "change the owner of a file",
        "change the time of a file",
        "open the memory of another process",
        "trace another process",
        "leave the namespace",
        "make an io_uring",
        "leave a core file",
    }


@needs_landlock
def test_a_program_behind_landlock_can_do_nothing_but_its_work(outside: Outside) -> None:
    command = WALLS["landlock"].command(rights_of(outside), attempts_command(outside))

    assert run_attempts(command, outside) == [
        *wall_attempts.OWN,
        "become another program",  # with the same rights: a launched program has to start once
    ]


@needs_landlock
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_the_first_versions_of_landlock_leave_no_gap(version: int, outside: Outside) -> None:
    code = (
        "import sys; sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)]\n"
        "import json, pathlib, wall_attempts\n"
        "from pipeline.wall.confine import confine\n"
        "from pipeline.wall.rights import parse_rights\n"
        "confine(parse_rights(json.loads(sys.argv[1])), version=int(sys.argv[2]))\n"
        "own, canary, port, parent = sys.argv[3:]\n"
        "tried = wall_attempts.attempt(\n"
        "    pathlib.Path(own), pathlib.Path(canary), int(port), int(parent)\n"
        ")\n"
        "print(json.dumps(tried))"
    )
    if version > landlock_version():
        pytest.skip("not in this kernel")
    rights = json.dumps(rights_of(outside).to_json())
    known = (outside.folder, outside.canary, outside.port, os.getpid())
    command = [sys.executable, "-S", "-c", code, str(HELPERS), str(ROOT), rights]

    could = run_attempts([*command, str(version), *map(str, known)], outside)

    assert could == wall_attempts.OWN


@needs_bubblewrap
def test_a_program_behind_bubblewrap_reaches_nothing_outside(outside: Outside) -> None:
    command = WALLS["bubblewrap"].command(rights_of(outside), attempts_command(outside))

    could = set(run_attempts(command, outside))

    # It has a world of its own, in which it may do what it likes.
    assert could <= {
        *wall_attempts.OWN,
        "make a link in the own folder",
        "make a pipe in the own folder",
        "make a folder",
        "listen",
        "signal its group",
        "fork",
        "start a program",
        "become another program",
        "make an io_uring",
        "leave a core file",
        "leave the namespace",
        "make a file",
        "list a folder",
        "send a datagram",
    }


@needs_landlock
@pytest.mark.parametrize("mode", ["fork", "once"])
def test_a_job_of_the_pool_can_do_nothing_but_its_work(mode: str, outside: Outside) -> None:
    arguments = {
        "folder": outside.folder,
        "canary": str(outside.canary),
        "port": outside.port,
        "parent": os.getpid(),
    }
    with TensorFlowPool(preload="worker_jobs", fork=mode == "fork") as pool:
        done = pool.submit(
            "worker_jobs:attempt_all",
            arguments,
            budget=Budget(ResourceLimits(timeout_seconds=60)),
            log=outside.folder / "log.txt",
        ).result(60)

    assert done.value == wall_attempts.OWN


@needs_bubblewrap
def test_a_job_runs_behind_bubblewrap(outside: Outside) -> None:
    def bubblewrap(*, trusted: bool) -> Wall:
        assert not trusted
        return WALLS["bubblewrap"]

    with TensorFlowPool(preload="worker_jobs", require=bubblewrap) as pool:
        done = pool.submit(
            "worker_jobs:read_text",
            {"path": str(outside.canary)},
            budget=Budget(ResourceLimits(timeout_seconds=60)),
            log=outside.folder / "log.txt",
        ).result(60)

    assert done.value is None


@pytest.mark.tensorflow
@needs_landlock
def test_tensorflow_itself_is_held(outside: Outside) -> None:
    arguments = {"canary": str(outside.canary), "folder": outside.folder}
    with TensorFlowPool() as pool:
        done = pool.submit(
            "worker_jobs:attempt_in_tensorflow",
            arguments,
            budget=Budget(ResourceLimits(timeout_seconds=120)),
            log=outside.folder / "log.txt",
        ).result(120)

    assert done.value == ["own"]


@needs_landlock
def test_a_job_writes_no_more_than_it_may(outside: Outside) -> None:
    budget = Budget(ResourceLimits(timeout_seconds=60, disk_bytes=4 * MIB))
    with TensorFlowPool(preload="worker_jobs") as pool:
        arguments = {"folder": outside.folder, "bytes_each": 3 * MIB}
        future = pool.submit(
            "worker_jobs:fill", arguments, budget=budget, log=outside.folder / "log.txt"
        )
        with pytest.raises(Exception, match="wrote more than 4 MiB"):
            future.result(60)


def test_a_wall_that_lets_through_is_not_used() -> None:
    why = try_wall(lambda _rights, command: list(command))

    assert why == (
        "behind it a process can read a file, write a file, reach the network, signal another "
        "process, read the environment of another process"
    )


def test_a_wall_that_does_not_start_is_not_used() -> None:
    assert "does not start" in str(try_wall(lambda _rights, _command: ["/no/such/program"]))


def test_where_there_is_no_wall_only_trusted_models_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFJS_ZOO_WALL", "none")

    assert require_wall(trusted=True) is None
    with pytest.raises(NoWallError, match="nothing on this machine can confine") as caught:
        require_wall(trusted=False)
    assert "trust: true" in str(caught.value.hint)
    assert caught.value.retry


def test_every_kind_of_wall_says_where_it_is_absent() -> None:
    here: list[Wall] = [wall for wall in WALLS.values() if wall.absent() is None]

    assert len(here) < len(WALLS)


def test_what_a_dead_probe_leaves_is_ended(tmp_path: Path) -> None:
    number = tmp_path / "number"
    script = f"sleep 60 & echo $! > {number}; kill -9 $$"

    started = time.monotonic()
    why = try_wall(lambda _rights, _command: ["/bin/sh", "-c", script])

    assert why == "it does not start: -9"
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int(number.read_text()))


def _wait_for_end(pid: int) -> None:
    """Return after some seconds; raise as soon as a process is gone or waits for its parent."""
    for _ in range(100):
        os.kill(pid, 0)
        if "(sleep) Z" in Path(f"/proc/{pid}/stat").read_text():
            raise ProcessLookupError
        time.sleep(0.05)
