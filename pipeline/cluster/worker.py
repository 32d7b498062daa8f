"""Worker: runs the errands of one run inside a worker of Dask.

It brings the inputs from the store, calls the step's function with TensorFlow and Node.js behind
the same walls and limits as on any machine, and puts the result into the store. An errand that
nobody wants any more (Ctrl-C, a lost coordinator) is ended at once, with its processes.
"""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import Reschedule, get_worker

from pipeline.cluster.errand import Answer, Errand, Input
from pipeline.cluster.input_folder import InputFolder, MissingInputsError
from pipeline.disk.canonical import digest_json
from pipeline.disk.layout import cache_folder
from pipeline.disk.machine_faults import machine_error
from pipeline.engine.failures import translate
from pipeline.engine.job import Job, successful
from pipeline.engine.receipt import Failure, Receipt, failure_of
from pipeline.engine.session import Interrupted, Session
from pipeline.engine.shared_results import fetch_result, result_key
from pipeline.engine.step import Work
from pipeline.engine.work import make_receipt, prepare_work, used_tools, write_records
from pipeline.errors import StoreError
from pipeline.store.open_store import open_store
from pipeline.store.shared_store import SharedStore
from pipeline.wall.walls_used import list_walls
from pipeline.workers.limits import Budget
from pipeline.workers.memory import available_memory

_LOG_BYTES = 1024**2
# Results from the store may fill so much of the disk that is free.
_SHARE_OF_DISK = 4
# After so long without an errand, the processes that wait with TensorFlow are ended, and inputs
# are removed: the next errand has them from the store.
_IDLE_SECONDS = 300.0


class RunOnWorker:
    """One run on this worker.

    Args:
        name: Name of the worker, for people.
        folder: Folder for temporary files, on a disk of this machine.
        store: The store.

    Attributes:
        memory_bytes: The memory that is free on its machine.
    """

    def __init__(self, name: str, folder: Path, store: SharedStore) -> None:
        self._name = f"{name} on {socket.gethostname()}"
        self._folder = folder
        self._store = store
        self.memory_bytes = available_memory()
        folder.mkdir(parents=True)
        free = shutil.disk_usage(folder).free
        self._inputs = InputFolder(folder / "inputs", limit_bytes=free // _SHARE_OF_DISK)
        self._session = Session(cache=cache_folder(os.environ))
        self._lock = threading.Lock()
        self._budgets: dict[object, Budget | None] = {}
        self._ended: set[object] = set()
        self._last = time.monotonic()

    def run(self, errand: Errand, key: object) -> Answer:
        """Run an errand, which Dask calls `key`, to its end."""
        with self._lock:
            self._budgets[key] = None
            session = self._session
        try:
            with self._inputs.hold(errand.inputs, self._store) as inputs:
                answer = self._work(errand, key, inputs, session)
        except MissingInputsError as missing:
            notices = tuple(self._store.take_notices())
            return Answer(worker=self._name, missing=missing.keys, remarks=notices)
        except (OSError, MemoryError) as error:
            fault = machine_error(error, root=self._folder)
            return Answer(worker=self._name, failure=failure_of(fault))
        except Interrupted:
            raise Reschedule from None
        else:
            # Whoever closed this worker, or ended the errand, killed its processes.
            if session.closed or key in self._ended:
                raise Reschedule
            return answer
        finally:
            with self._lock:
                del self._budgets[key]
                self._ended.discard(key)
                self._last = time.monotonic()

    def end(self, key: object) -> None:
        """End an errand that runs, because nobody waits for it; its processes are killed."""
        with self._lock:
            if key in self._budgets:
                self._ended.add(key)
                budget = self._budgets[key]
                if budget is not None:
                    budget.end()

    def rest(self) -> None:
        """End the waiting processes and remove the inputs if there was no errand for a while.

        A run that was killed never says that it has ended.
        """
        with self._lock:
            if self._budgets or time.monotonic() - self._last < _IDLE_SECONDS:
                return
            session, self._session = self._session, Session(cache=self._session.cache)
        session.close()
        self._inputs.empty()

    def close(self) -> None:
        """End all errands and processes, and remove all files."""
        with self._lock:
            budgets, session = list(self._budgets.values()), self._session
        for budget in budgets:
            if budget is not None:
                budget.end()
        session.close()
        self._store.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(
        self, errand: Errand, key: object, inputs: Mapping[str, Path], session: Session
    ) -> Answer:
        place = self._folder / "temporary"
        place.mkdir(exist_ok=True)
        with contextlib.ExitStack() as ends:
            name = ends.enter_context(
                tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True)
            )
            # Processes that steps share, as Node.js, keep files beside the folders of the steps.
            job = _make_job(errand, inputs, Path(name), temporary=place)
            work = prepare_work(job, session, errand.outcomes)
            ends.callback(shutil.rmtree, work.folder, ignore_errors=True)
            with self._lock:
                self._budgets[key] = work.budget
                if key in self._ended:
                    work.budget.end()
            found = None
            if not errand.force:
                found = fetch_result(self._store, work, errand.ingredients)
            if found is not None:
                work.tools.update(found.tools)
                return self._answer(work, failure=found.failure, stored=True)
            return self._make(job, work, errand, session)

    def _make(self, job: Job, work: Work[Any], errand: Errand, session: Session) -> Answer:
        bugs, started = len(session.bugs), time.monotonic()
        made = _attempt(job, work, errand, session)
        seconds = time.monotonic() - started
        if isinstance(made, Failure):
            bug = job.task in session.bugs[bugs:]
            log = _read_end(work.log)
            return self._answer(work, failure=made, bug=bug, seconds=seconds, log=log)
        if made.kept_here:
            return self._answer(work, kept_here="; ".join(work.kept_here))
        key = result_key(errand.ingredients)
        stored = self._store.put(key, work.folder, tools=made.tools)
        work.remarks.extend(self._store.take_notices())
        answer = self._answer(work, stored=stored, seconds=seconds)
        size = sum(file.bytes for file in made.outputs)
        kept = Input(task=job.task, key=key, tools=made.tools, outcome=successful(made), bytes=size)
        self._inputs.add(kept, work.folder)
        return answer

    def _answer(self, work: Work[Any], **facts: Any) -> Answer:
        return Answer(
            worker=self._name,
            tools=used_tools(work),
            measured=work.measured,
            peak_rss_bytes=tuple(work.peak_rss_bytes),
            remarks=tuple(work.remarks),
            walls=list_walls(),
            **facts,
        )


def run_errand(errand: Errand) -> Answer:
    """Run an errand on the worker of Dask that calls this."""
    worker = get_worker()
    run: RunOnWorker = worker.plugins[errand.run].admitted
    # If this worker dies, the run counts those of its steps that ran.
    worker.log_event(errand.run, {"begins": errand.task})
    return run.run(errand, worker.get_current_task())


def probe_key(run: str) -> str:
    """Return the key of what a run puts into the store, for workers to find it: "cluster-3f2a…"."""
    return f"cluster-{digest_json(run)}"


def admit(name: str, folder: str, store: Mapping[str, Any], *, run: str) -> RunOnWorker:
    """Make this worker ready for a run.

    Args:
        name: Name of the worker.
        folder: The worker's folder for temporary files.
        store: Address and options of the store, as `open_store` takes them.
        run: Id of the run; the store has a result of its name.

    Raises:
        PipelineError: The store is not reached from here.
    """
    where = Path(folder, run).absolute()
    shared = open_store(root=where, **store)
    probe = where.with_name(f"{run}-probe")
    probe.mkdir(parents=True)
    try:
        if not shared.fetch(probe_key(run), probe):
            notices = "; ".join(shared.take_notices()) or "it does not have what the run put there"
            raise StoreError(f"the store {shared.shown} is not the one of the run: {notices}")
    finally:
        shutil.rmtree(probe, ignore_errors=True)
    return RunOnWorker(name, where, shared)


def _make_job(errand: Errand, inputs: Mapping[str, Path], place: Path, *, temporary: Path) -> Job:
    """Return an errand as a job whose folders lie on this machine."""
    root = place / "zoo"
    root.mkdir()
    for path, content in errand.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    job = Job(
        task=errand.task,
        step=errand.step,
        model=errand.model,
        parameters=errand.parameters,
        folder=place / "result",
        reads={},
        needs=errand.needs,
        root=root,
        temporary=temporary,
        limits=errand.limits,
        trusted=errand.trusted,
    )
    reads = {
        key: replace(job, task=given.task, folder=inputs[key])
        for key, given in errand.inputs.items()
    }
    return replace(job, reads=reads)


def _attempt(job: Job, work: Work[Any], errand: Errand, session: Session) -> Receipt | Failure:
    """Call the step's function; translate its exceptions."""
    started = time.monotonic()
    try:
        job.step.run(work)
        receipt = make_receipt(work, errand.ingredients)
        write_records(work, receipt, time.monotonic() - started)
    except Exception as error:  # noqa: BLE001  # one model's bug must not stop the others
        return translate(job, session, error, work)
    return receipt


def _read_end(log: Path) -> str:
    """Return the text of a log; of a long one the end."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_BYTES))
        return file.read().decode(errors="replace")
