"""Admission: makes each worker of a Dask cluster ready for a run, or says why it cannot be used.

Dask sends this module to the workers by value, because a worker may lack our package. So it imports
nothing of ours at its top. An admitted worker offers resources, and errands ask for them; thus a
worker that does not fit, or joins later and does not fit, gets none.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from distributed import Status, Worker, WorkerPlugin

_NUDGE_SECONDS = 0.2
_REST_SECONDS = 60.0


class Admission(WorkerPlugin):  # type: ignore[misc]  # its types are not read
    """The plugin of one run; each worker has a copy.

    Args:
        run: Id of the run.
        versions: Versions of the machine of the run, by name.
        tools: Names of the tools of all steps.
        browser: Browser of the machine of the run; None if it has none.
        store: Options of the store, for `pipeline.cluster.worker.admit`.

    Attributes:
        browser: The browser, as given.
        faults: Why this worker cannot be used; empty if it can.
        admitted: The run on this worker, a `RunOnWorker`; None before, and if there are faults.
    """

    def __init__(
        self,
        run: str,
        *,
        versions: Mapping[str, str | None],
        tools: frozenset[str],
        browser: str | None,
        store: Mapping[str, Any],
    ) -> None:
        self.name = run
        self.browser = browser
        self.faults: list[str] = []
        self.admitted: Any = None
        self._versions = versions
        self._tools = tools
        self._store = store

    async def setup(self, worker: Worker) -> None:
        """Compare versions, try the store, and offer the resources of this worker."""
        resources: dict[str, float] = {}
        try:
            resources = await asyncio.to_thread(self._admit, worker)
        except Exception as error:  # noqa: BLE001  # whatever it is, this worker cannot be used
            self.faults = [getattr(error, "message", None) or f"{type(error).__name__}: {error}"]
        worker.log_event(self.name, {"name": str(worker.name), "faults": self.faults})
        if resources:
            await worker.set_resources(**resources)
            # The scheduler looks at waiting steps when a worker joins; it joined without resources.
            worker.loop.call_later(_NUDGE_SECONDS, _nudge, worker)
            worker.loop.call_later(_REST_SECONDS, self._rest, worker)

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002  # Dask gives it
        """End the errands of the run on this worker, with their processes and files."""
        admitted, self.admitted = self.admitted, None
        if admitted is not None:
            admitted.close()

    def transition(self, key: object, start: str, finish: str, **_facts: Any) -> None:
        """End an errand that nobody waits for any more."""
        unwanted = start in {"executing", "long-running"} and finish in {"cancelled", "released"}
        if unwanted and self.admitted is not None:
            self.admitted.end(key)

    def _admit(self, worker: Worker) -> dict[str, float]:
        """Return the resources to offer; none if there are faults."""
        try:
            from pipeline.cluster.worker import admit  # noqa: PLC0415
            from pipeline.cluster.worker_versions import describe_differences, own_versions  # noqa: PLC0415
            from pipeline.disk.versions import installed_version  # noqa: PLC0415
            from pipeline.wall.wall import find_wall  # noqa: PLC0415
        except ImportError as error:
            self.faults = [f"tfjs-zoo, as this run has it, is not installed ({error})"]
            return {}
        self.faults = describe_differences(self._versions, own_versions(self._tools))
        if self.faults:
            return {}
        self.admitted = admit(
            str(worker.name), str(worker.local_directory), self._store, run=self.name
        )
        threads = worker.state.nthreads
        known = worker.state.total_resources
        offers: dict[str, float] = {
            "tensorflow": threads,
            "node": threads,
            "memory": worker.memory_manager.memory_limit or self.admitted.memory_bytes,
        }
        resources = {name: value for name, value in offers.items() if name not in known}
        resources[self.name] = threads
        ours = self.browser is not None and installed_version("browser") == self.browser
        # Without a wall around the browser, a worker would find that nothing can be tried.
        if ours and find_wall(children=True) is not None:
            resources[f"{self.name} browser"] = threads
        return resources

    def _rest(self, worker: Worker) -> None:
        if self.admitted is not None:
            self.admitted.rest()
            worker.loop.call_later(_REST_SECONDS, self._rest, worker)


def find_faults(run: str, dask_worker: Worker) -> list[str]:
    """Return why a worker cannot be used for a run; empty if it can."""
    end = time.monotonic() + 1
    while run not in dask_worker.plugins and time.monotonic() < end:
        time.sleep(0.05)
    plugin = dask_worker.plugins.get(run)
    return ["it has not answered yet"] if plugin is None else list(plugin.faults)


def _nudge(worker: Worker) -> None:
    """Let the scheduler look at waiting steps again, once the worker has joined."""
    if worker.status == Status.init:
        worker.loop.call_later(_NUDGE_SECONDS, _nudge, worker)
    elif worker.status == Status.running:
        worker.status = Status.paused
        worker.status = Status.running
