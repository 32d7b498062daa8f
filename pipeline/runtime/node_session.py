"""Session: the Node.js process of one model, kept for its next request.

A start takes longer than most runs of a small model. A process never runs two models: what one does
to it must not change what another returns. It starts anew after a fault.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from pipeline.engine.step import Work
from pipeline.errors import WorkerError
from pipeline.runtime.node_process import Ending, NodeProcess
from pipeline.runtime.tfjs_packages import Packages
from pipeline.wall.wall import require_wall
from pipeline.workers.limits import Budget

_MOST_IDLE = 4
_IDLE_BYTES = 384 * 1024**2
"""A process that needs more is ended rather than kept idle."""


class NodeSession:
    """The process of one model, started at its first request; one request at a time.

    Attributes:
        temporary: Folder for files of the next process, best on the file system of models and
            results.
    """

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self._process: NodeProcess | None = None
        self._closed = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process."""
        self.close()

    def run(  # noqa: PLR0913  # as NodeProcess.run, with what the process must be
        self,
        request: Mapping[str, Any],
        *,
        given: Mapping[str, Path],
        packages: Packages,
        folder: Path,
        log: Path,
        budget: Budget,
        trusted: bool,
        tick: Callable[[int | None], None],
    ) -> Ending:
        """Run a request; see `NodeProcess.run`.

        Args:
            request: Its work.
            given: Folders whose files it may read, by the names in the request.
            packages: The release of TensorFlow.js.
            folder: Folder that gets its results.
            log: File to which the output of the process is appended.
            budget: Time, memory and disk.
            trusted: Whether it may run on a machine without a wall.
            tick: Called often, with the id of the current run; an exception of it ends the process.

        Raises:
            NoWallError: This machine has no wall, and the model is not trusted.
            OSError: Node.js could not write its folder.
            UntrustedSourceError: It left something else than files.
            WorkerError: The time is over, or the session is closed.
        """
        root, waited = packages.folder.resolve(), self._process
        process = self._open(root, budget, trusted=trusted)
        ask: dict[str, Any] = {
            "given": given,
            "folder": folder,
            "log": log,
            "budget": budget,
            "tick": tick,
        }
        ending = process.run(request, **ask)
        if process is waited and ending.fault and ending.run is None and not ending.limited:
            # It has died since its last request, perhaps without a trace until now.
            ending = self._open(root, budget, trusted=trusted).run(request, **ask)
        return ending

    def close(self) -> None:
        """End the process at once, also while it runs."""
        self._closed = True
        if self._process is not None:
            self._process.close()

    @property
    def is_worth_keeping(self) -> bool:
        """Whether a process waits that needs little memory."""
        return self._process is not None and 0 < self._process.memory() <= _IDLE_BYTES

    def _open(self, packages: Path, budget: Budget, *, trusted: bool) -> NodeProcess:
        """Return the process if it lives and serves the request, else a new one."""
        limits, process = budget.limits, self._process
        serves = (packages, limits.memory_limit(), limits.disk_bytes)
        if process is not None and process.stands and process.serves == serves:
            return process
        if process is not None:
            process.close()
        wall = require_wall(trusted=trusted)
        self._process = NodeProcess(packages, limits=limits, wall=wall, temporary=self.temporary)
        if self._closed:  # in the meantime, and nobody else will end it
            self._process.close()
            raise WorkerError("TensorFlow.js was ended")
        return self._process


def use_session(node: NodeSession | None, temporary: Path) -> AbstractContextManager[NodeSession]:
    """Return a session for a block, or a new one that ends with the block."""
    return NodeSession(temporary) if node is None else contextlib.nullcontext(node)


class NodeSessions:
    """The sessions of a run, each kept from one step of a model to its next."""

    def __init__(self) -> None:
        self._idle: dict[str, NodeSession] = {}
        self._busy: list[NodeSession] = []
        self._closed = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def take(self, model: str, temporary: Path, *, keep: bool) -> Iterator[NodeSession]:
        """Lend the session of a model.

        Args:
            model: Name of the model.
            temporary: Folder for files of its process.
            keep: Whether a later step of the model needs the process.
        """
        with self._lock:
            session = self._idle.pop(model, None) or NodeSession(temporary)
            self._busy.append(session)
        session.temporary = temporary
        try:
            yield session
            idle = keep and session.is_worth_keeping
        except BaseException:
            idle = False
            raise
        finally:
            self._give_back(model, session, idle=idle)

    def close(self) -> None:
        """End all processes at once."""
        with self._lock:
            self._closed = True
            sessions = [*self._idle.values(), *self._busy]
        for session in sessions:
            session.close()

    def _give_back(self, model: str, session: NodeSession, *, idle: bool) -> None:
        ended = [] if idle else [session]
        with self._lock:
            self._busy.remove(session)
            if idle and not self._closed:
                if model in self._idle:
                    ended.append(self._idle.pop(model))
                self._idle[model] = session
            while len(self._idle) > min(os.cpu_count() or 1, _MOST_IDLE):
                ended.append(self._idle.pop(next(iter(self._idle))))
        for one in ended:
            one.close()


def take_node(work: Work[Any], *, keep: bool) -> AbstractContextManager[NodeSession]:
    """Lend a step the session of its model; see `NodeSessions.take`."""
    sessions = work.share(NodeSessions)
    return sessions.take(work.model or work.task, work.temporary, keep=keep)
