"""Pool: runs jobs in child processes that have TensorFlow imported, and returns futures.

Its interface is like that of `concurrent.futures.Executor`. Several threads may use it. It does
not touch the caller's standard streams, and starts no process before the first job.
"""

import os
import shutil
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import WorkerError
from pipeline.wall.rights import Rights
from pipeline.wall.wall import Wall, require_wall
from pipeline.workers.child_process import Launched, Server, job_rights
from pipeline.workers.limits import GIB, Budget
from pipeline.workers.memory import available_memory
from pipeline.workers.pool_job import JobResult, PoolJob, Request
from pipeline.workers.supervise import supervise
from pipeline.workers.support import check_platform

_LOOK_AGAIN_SECONDS = 0.5


class _Entry:
    """A job of the pool, waiting or running."""

    def __init__(self, job: PoolJob) -> None:
        self.job = job
        self.submitted = time.monotonic()
        self.future: Future[JobResult] = Future()
        self.used_bytes = 0
        self.launched: Launched | None = None

    def saw(self, used_bytes: int) -> None:
        self.used_bytes = used_bytes

    @property
    def reserved_bytes(self) -> int:
        """How much of the memory that is free now the job may still take."""
        return max(0, self.job.expected_memory_bytes - self.used_bytes)


class TensorFlowPool:
    """Runs functions of `pipeline.tf` in child processes, one fresh process per job.

    Args:
        max_workers: Most jobs at a time; None for one per processor.
        preload: Module that a server imports before it serves.
        fork: Whether jobs are forked from one server; otherwise a process is started for each
            job. None to fork on Linux only.
        require: Returns the wall for a job that is `trusted` or not; None for no wall.
    """

    def __init__(
        self,
        *,
        max_workers: int | None = None,
        preload: str = "pipeline.tf.preload",
        fork: bool | None = None,
        require: Callable[..., Wall | None] = require_wall,
    ) -> None:
        self._max_workers = max_workers or os.cpu_count() or 1
        self._preload = preload
        self._fork = sys.platform == "linux" if fork is None else fork
        self._require = require
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._start_error: WorkerError | None = None
        self._waiting: deque[_Entry] = deque()
        self._running: set[_Entry] = set()
        self._servers: list[Server] = []
        self._dispatcher: threading.Thread | None = None
        self._closed = False

    def submit(  # noqa: PLR0913  # a job: what it is, what it may, how it is called
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        log: Path,
        budget: Budget | None = None,
        expected_memory_bytes: int = GIB,
        name: str | None = None,
        reads: Sequence[Path] = (),
        trusted: bool = False,
        alone: bool = False,
    ) -> Future[JobResult]:
        """Schedule a call and return its future.

        Args:
            function: "package.module:name", inside `pipeline.tf`.
            arguments: Its keyword arguments, plain picklable values. The job may read the
                paths among them. It returns a JSON value.
            log: Absolute path of the file to append the job's output to. The job may write
                the folder of that file, and nothing else.
            budget: Time, memory and disk; None for the usual limits. Until the job's process
                runs, the budget gets back the time that passes.
            expected_memory_bytes: Memory that the job will probably need; jobs run side by side
                as long as the sum of their expectations fits into the machine.
            name: The user's name for the job, for messages; by default the function's name.
            reads: More files and folders that the job may read.
            trusted: Whether the job may run where nothing can confine it.
            alone: Whether no other job may run beside it.

        Returns:
            A future of a JobResult. Its exception is the PipelineError that the function
            raised, a WorkerError (limits, crash), an UnexpectedJobError (a bug), or
            CancelledError after a shutdown.

        Raises:
            RuntimeError: After a shutdown.
        """
        scratch = log.parent / f".scratch-{uuid.uuid4().hex}"
        request = Request(function=function, arguments=dict(arguments), log=log, scratch=scratch)
        job = PoolJob(
            name=name or function.rpartition(":")[2],
            request=request,
            budget=budget or Budget(),
            expected_memory_bytes=expected_memory_bytes,
            reads=tuple(reads),
            trusted=trusted,
            alone=alone,
        )
        entry = _Entry(job)
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool has been shut down")
            self._waiting.append(entry)
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(
                    target=self._dispatch, name="tensorflow-pool", daemon=True
                )
                self._dispatcher.start()
            self._changed.notify_all()
        return entry.future

    def shutdown(self) -> None:
        """Cancel waiting jobs, kill running jobs and the server; from any thread, at any time."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for entry in waiting:
            entry.future.cancel()
            entry.future.set_running_or_notify_cancel()
        self.kill_all()

    def kill_all(self) -> None:
        """Kill every process of the pool, so that running jobs fail; a second call is harmless."""
        with self._changed:
            servers, self._servers = self._servers, []
            launched = [entry.launched for entry in self._running if entry.launched]
        for process in launched:
            process.kill()
        for server in servers:
            server.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _dispatch(self) -> None:
        """Start jobs in order, each as soon as a worker and enough memory are free."""
        while True:
            with self._changed:
                while not self._closed and not self._fits():
                    self._changed.wait(_LOOK_AGAIN_SECONDS if self._waiting else None)
                if self._closed:
                    return
                entry = self._waiting.popleft()
                if not entry.future.set_running_or_notify_cancel():
                    continue
                self._running.add(entry)
            threading.Thread(
                target=self._run, args=(entry,), name=entry.job.name, daemon=True
            ).start()

    def _fits(self) -> bool:
        """Whether the first waiting job can start beside the running jobs."""
        if not self._waiting or len(self._running) >= self._max_workers:
            return False
        if not self._running:
            return True
        first = self._waiting[0].job
        if first.alone or any(entry.job.alone for entry in self._running):
            return False
        reserved = sum(entry.reserved_bytes for entry in self._running)
        return reserved + first.expected_memory_bytes <= available_memory()

    def _run(self, entry: _Entry) -> None:
        result: JobResult | None = None
        error: BaseException | None = None
        try:
            result = self._supervise(entry)
        except BaseException as caught:  # noqa: BLE001  # the future carries it
            error = CancelledError() if self._closed else caught
        with self._changed:
            self._running.discard(entry)
            self._changed.notify_all()
        if result is not None:
            entry.future.set_result(result)
        else:
            entry.future.set_exception(error)

    def _supervise(self, entry: _Entry) -> JobResult:
        job = entry.job
        wall = self._require(trusted=job.trusted)
        rights = None
        if wall is not None:
            rights = job_rights(
                job.request.function,
                job.request.arguments,
                reads=job.reads,
                folder=job.request.log.parent,
                file_bytes=job.budget.limits.disk_bytes,
            )
        job.request.scratch.mkdir(parents=True)
        try:
            return self._run_walled(entry, wall, rights)
        finally:
            shutil.rmtree(job.request.scratch, ignore_errors=True)

    def _run_walled(self, entry: _Entry, wall: Wall | None, rights: Rights | None) -> JobResult:
        on_itself = wall is None or wall.on_itself
        fork = self._fork and on_itself
        server = self._find_server() if fork else None
        if server is None:
            # A server that cannot confine itself is started behind the wall.
            server = self._start_server(fork=fork, wall=None if on_itself else wall, rights=rights)
        launched = server.launch()
        try:
            with self._changed:
                entry.launched = launched
            if self._closed:
                launched.kill()
            entry.job.budget.extend(time.monotonic() - entry.submitted)
            return supervise(
                launched, entry.job, rights=rights if on_itself else None, seen=entry.saw
            )
        finally:
            with self._changed:
                entry.launched = None
            launched.close()
            if not fork:
                self._end_server(server)

    def _find_server(self) -> Server | None:
        """Return the forking server, or None; wait if another thread is starting it."""
        with self._starting, self._changed:
            if self._servers and self._servers[0].alive:
                return self._servers[0]
        return None

    def _start_server(
        self, *, fork: bool, wall: Wall | None = None, rights: Rights | None = None
    ) -> Server:
        with self._starting:
            if self._start_error:
                raise self._start_error
            check_platform()
            with self._changed:
                if self._closed:
                    raise CancelledError
                if fork and self._servers and self._servers[0].alive:
                    return self._servers[0]  # another thread started it meanwhile
                dead = [server for server in self._servers if not server.alive]
                server = Server(self._preload, fork=fork, wall=wall, rights=rights)
                self._servers = [other for other in self._servers if other not in dead] + [server]
            for other in dead:
                other.kill()
            if fork:
                self._wait_ready(server)
        if not fork:
            self._wait_ready(server)
        return server

    def _wait_ready(self, server: Server) -> None:
        try:
            server.wait_ready()
        except WorkerError as error:
            self._start_error = error
            raise

    def _end_server(self, server: Server) -> None:
        with self._changed:
            if server in self._servers:
                self._servers.remove(server)
        server.kill()
