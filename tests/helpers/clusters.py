"""Dask clusters of real processes on loopback, started with Dask's own commands."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from paths import ROOT

_START_SECONDS = 60.0
_ENVIRONMENT = {
    "CHROME": "none",
    # A step is given up after it has killed its second worker.
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
}


class DaskCluster:
    """A scheduler and workers.

    Args:
        folder: Folder for their files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """Address of the scheduler: "tcp://127.0.0.1:40001"."""
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self, port: int = 0) -> None:
        """Start the scheduler and wait until it listens."""
        self.file.unlink(missing_ok=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard",
            "--scheduler-file", str(self.file),
        )  # fmt: skip
        end = time.monotonic() + _START_SECONDS
        while not (self.file.exists() and self.file.read_text()):
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.05)

    def start_worker(
        self, *options: str, environ: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a worker of one thread that restarts after a kill."""
        worker = self._start(
            "worker", self.address, "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(self.folder), *options, environ=environ,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        """End all processes."""
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"{arguments[0]}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                env={**_ENVIRONMENT, **os.environ, "PYTHONPATH": _path(), **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )


@contextlib.contextmanager
def dask_cluster(
    folder: Path, *, workers: int, environ: Mapping[str, str] | None = None
) -> Iterator[DaskCluster]:
    """Run a cluster while the block runs."""
    cluster = DaskCluster(folder)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker(environ=environ)
        yield cluster
    finally:
        cluster.close()


def _path() -> str:
    """Return the PYTHONPATH of workers: this checkout, the steps of tests, and what we have."""
    ours = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(ROOT), str(ROOT / "tests/helpers"), *filter(None, ours)])
