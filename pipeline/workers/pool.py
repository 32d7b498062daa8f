"""Pool: jobs for child processes that have TensorFlow imported, as futures.

The shape is that of `concurrent.futures.Executor`. It may be used from several threads, and
does not touch the caller's standard streams. Nothing starts before the first job.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import WorkerError
from pipeline.workers.job import JobResult, Limits, Request
from pipeline.workers.memory import available_memory
from pipeline.workers.process import Launched, Server
from pipeline.workers.supervise import supervise
from pipeline.workers.support import check_platform

_LOOK_AGAIN_SECONDS = 0.5


class _Job:
    """A job of the pool, waiting or running."""

    def __init__(self, name: str, request: Request, limits: Limits) -> None:
        self.name = name
        self.request = request
        self.limits = limits
        self.future: Future[JobResult] = Future()
        self.used_bytes = 0
        self.launched: Launched | None = None

    def saw(self, used_bytes: int) -> None:
        self.used_bytes = used_bytes

    @property
    def reserved_bytes(self) -> int:
        """What it may still take of the memory that is free now."""
        return max(0, self.limits.expected_memory_bytes - self.used_bytes)


class TensorFlowPool:
    """Runs functions of `pipeline.tf` in child processes, one fresh process per job.

    Args:
        max_workers: Jobs at once; None for one per processor.
        preload: Module that a server imports before it serves.
        fork: Whether jobs are forked from one server. None for what the system can: on
            macOS a process is spawned and kept for several jobs.
        max_jobs: Jobs of a kept process before a new one takes its place.
    """

    def __init__(
        self,
        *,
        max_workers: int | None = None,
        preload: str = "pipeline.tf.preload",
        fork: bool | None = None,
        max_jobs: int = 16,
    ) -> None:
        self._max_workers = max_workers or os.cpu_count() or 1
        self._preload = preload
        self._fork = sys.platform == "linux" if fork is None else fork
        self._max_jobs = max_jobs
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._start_error: WorkerError | None = None
        self._waiting: deque[_Job] = deque()
        self._running: set[_Job] = set()
        self._servers: list[Server] = []
        self._idle: list[Server] = []
        self._dispatcher: threading.Thread | None = None
        self._closed = False

    def submit(
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        limits: Limits,
        log: Path,
        name: str | None = None,
    ) -> Future[JobResult]:
        """Schedule a call and return its future.

        Args:
            function: "package.module:name", inside `pipeline.tf`.
            arguments: Its keyword arguments, plain picklable values.
            limits: Time and memory.
            log: Absolute path of the file that its output is appended to.
            name: What the user calls it, for messages; the function's name by default.

        Returns:
            A future of a JobResult. Its exception is the PipelineError that the function
            raised, a WorkerError (limits, crash), an UnexpectedJobError (a bug), or
            CancelledError after a shutdown.

        Raises:
            RuntimeError: After a shutdown.
        """
        request = Request(function=function, arguments=dict(arguments), log=log)
        job = _Job(name or function.rpartition(":")[2], request, limits)
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool has been shut down")
            self._waiting.append(job)
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(
                    target=self._dispatch, name="tensorflow-pool", daemon=True
                )
                self._dispatcher.start()
            self._changed.notify_all()
        return job.future

    def shutdown(self) -> None:
        """Cancel what waits, kill what runs, and the server; from any thread, any time."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()
            job.future.set_running_or_notify_cancel()
        self.kill_all()

    def kill_all(self) -> None:
        """Kill every process of the pool; what runs fails. Again is harmless."""
        with self._changed:
            servers, self._servers, self._idle = self._servers, [], []
            launched = [job.launched for job in self._running if job.launched]
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
        """Start jobs in order, each when there is a place and memory for it."""
        while True:
            with self._changed:
                while not self._closed and not self._fits():
                    self._changed.wait(_LOOK_AGAIN_SECONDS if self._waiting else None)
                if self._closed:
                    return
                job = self._waiting.popleft()
                if not job.future.set_running_or_notify_cancel():
                    continue
                self._running.add(job)
            threading.Thread(target=self._run, args=(job,), name=job.name, daemon=True).start()

    def _fits(self) -> bool:
        """Whether the first job that waits can start beside those that run."""
        if not self._waiting or len(self._running) >= self._max_workers:
            return False
        if not self._running:
            return True
        reserved = sum(job.reserved_bytes for job in self._running)
        return reserved + self._waiting[0].limits.expected_memory_bytes <= available_memory()

    def _run(self, job: _Job) -> None:
        result: JobResult | None = None
        error: BaseException | None = None
        try:
            result = self._supervise(job)
        except BaseException as caught:  # noqa: BLE001  # the future carries it
            error = CancelledError() if self._closed else caught
        with self._changed:
            self._running.discard(job)
            self._changed.notify_all()
        if result is not None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)

    def _supervise(self, job: _Job) -> JobResult:
        server = self._take_server()
        launched = server.launch()
        try:
            with self._changed:
                job.launched = launched
            if self._closed:
                launched.kill()
            return supervise(launched, job.request, job.limits, name=job.name, seen=job.saw)
        finally:
            with self._changed:
                job.launched = None
            launched.close()
            self._give_back(server, usable=not launched.killed)

    def _take_server(self) -> Server:
        with self._starting:
            if self._start_error:
                raise self._start_error
            with self._changed:
                if self._fork and self._servers and self._servers[0].alive:
                    return self._servers[0]
                while self._idle:
                    server = self._idle.pop()
                    if server.alive:
                        return server
            return self._start_server()

    def _start_server(self) -> Server:
        check_platform()
        with self._changed:
            if self._closed:
                raise CancelledError
            dead = [server for server in self._servers if not server.alive]
            server = Server(self._preload, fork=self._fork)
            self._servers = [other for other in self._servers if other not in dead] + [server]
        for other in dead:
            other.kill()
        try:
            server.wait_ready()
        except WorkerError as error:
            self._start_error = error
            raise
        return server

    def _give_back(self, server: Server, *, usable: bool) -> None:
        """Keep a server for the next job, unless it has served its time."""
        if self._fork:
            return
        with self._changed:
            usable = usable and server.alive and server.jobs < self._max_jobs
            keep = usable and server in self._servers
            if keep:
                self._idle.append(server)
            elif server in self._servers:
                self._servers.remove(server)
        if not keep:
            server.kill()
