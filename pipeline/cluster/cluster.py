"""The cluster, as the machine of the run sees it: sends steps to workers and brings results back.

Files travel through the store. A step runs on this machine if it is quick, if its files beside the
manifest cannot travel, if no worker has the browser that it wants, or if the store fails.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pipeline.cluster.dispatcher import Dispatcher
from pipeline.cluster.errand import Answer, Errand, Input
from pipeline.engine.job import Job, Result
from pipeline.engine.local_files import ListedFiles
from pipeline.engine.receipt import Failure, Ingredients, Receipt, load_receipt
from pipeline.engine.session import Session
from pipeline.engine.shared_results import ResultStore, fetch_result, result_key
from pipeline.engine.step import Work
from pipeline.wall.walls_used import record_wall

_ATTEMPTS = 3
# Files beside the manifest go with the errand, through the scheduler.
_FILES_BYTES = 16 * 1024**2
_NO_RESULT = "the store does not have its result"


class Cluster:
    """A cluster that runs the steps of one run; an `Elsewhere` of its session.

    Args:
        run: Id of the run, which the workers have admitted.
        dispatcher: Its workers.
        store: The store, which the workers reach.
        session: The run.
    """

    def __init__(
        self, run: str, *, dispatcher: Dispatcher, store: ResultStore, session: Session
    ) -> None:
        self._run = run
        self._dispatcher = dispatcher
        self._store = store
        self._session = session
        self._here = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._stored: set[str] = set()
        self._put_there: set[str] = set()

    @property
    def num_slots(self) -> int:
        """Number of steps that its workers run at a time."""
        return self._dispatcher.num_slots

    def run(self, job: Job, work: Work[Any], ingredients: Ingredients) -> Failure | None:
        """Run a step on a worker, and bring its results; see `Elsewhere`.

        Raises:
            CrashError: Several workers died of it.
            MachineError: The cluster has no scheduler, or no worker.
        """
        began = time.monotonic()
        files = None if job.step.stays else _read_files(job)
        if files is None or ("browser" in job.step.tools and not self._dispatcher.has_browser):
            self._run_here(job, work, began)
            return None
        answer = self._send(self._make_errand(job, work, ingredients, files), job)
        if answer is None:
            self._run_here(job, work, began, "the store does not have what the step reads")
        elif answer.failure is not None:
            return self._take_failure(job, work, answer)
        elif answer.stored and fetch_result(self._store, work, ingredients) is not None:
            _take_figures(work, answer)
            with self._lock:
                self._put_there.add(job.task)
        else:
            reason = f"{answer.worker}: {answer.kept_here}" if answer.kept_here else _NO_RESULT
            self._run_here(job, work, began, reason)
        return None

    def has_put(self, job: Result) -> bool:
        """Return whether a worker has put the result of a job into the store in this run."""
        with self._lock:
            return job.task in self._put_there

    def close(self) -> None:
        """End all errands, on all workers."""
        self._dispatcher.close()
        self._store.close()

    def _run_here(self, job: Job, work: Work[Any], began: float, reason: str | None = None) -> None:
        """Run a step on this machine, as many at a time as it has processors."""
        with self._here:
            work.budget.extend(time.monotonic() - began)
            job.step.run(work)
        if reason is not None:
            work.remark(f"ran on this machine: {reason}")

    def _take_failure(self, job: Job, work: Work[Any], answer: Answer) -> Failure | None:
        """Take over why a step failed; a fault of a machine names the worker."""
        _take_figures(work, answer)
        if answer.bug:
            self._session.bugs.append(job.task)
        if answer.log:
            work.log.write_text(answer.log, encoding="utf-8")
        failure = answer.failure
        if failure is None or failure.fault is None:
            return failure
        return failure.model_copy(update={"reason": f"{answer.worker}: {failure.reason}"})

    def _make_errand(
        self, job: Job, work: Work[Any], ingredients: Ingredients, files: Mapping[str, bytes]
    ) -> Errand:
        inputs = {}
        for key, outcome in work.outcomes.items():
            receipt = load_receipt(job.reads[key].folder) if outcome.status == "ok" else None
            if receipt is not None:
                inputs[key] = Input(
                    task=job.reads[key].task,
                    key=_key_of(receipt),
                    tools=receipt.tools,
                    outcome=outcome,
                    bytes=sum(file.bytes for file in receipt.outputs),
                )
        return Errand(
            run=self._run,
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
            answer = self._dispatcher.ask(errand)
            if not answer.missing:
                return answer
            if not self._put(errand, job, answer.missing, again=True):
                return None
        return None

    def _is_stored(self, read: Result) -> bool:
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


def _key_of(receipt: Receipt) -> str:
    """Return the key of a result in a store."""
    named = {name: getattr(receipt, name) for name in Ingredients.model_fields}
    return result_key(Ingredients(**named))


def _read_files(job: Job) -> Mapping[str, bytes] | None:
    """Return the files beside the manifest that a step reads; None if they cannot travel."""
    if job.local is None:
        return {}
    if not isinstance(job.local, ListedFiles):
        return None
    files: dict[str, bytes] = {}
    for path in job.local.paths.values():
        whole, parts = job.root / path, PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or not whole.is_file():
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
