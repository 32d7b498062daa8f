"""Steps that wait as long as real ones take, and write as much; the workers import them, too.

A zoo of them has, for each model, a chain of the steps that a cluster runs: convert, then reference
and two variants, then verify.
"""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.engine.job import Job
from pipeline.engine.outcome import Outcome
from pipeline.engine.run_job import run_job
from pipeline.engine.session import Session
from pipeline.engine.step import Step, Work
from pipeline.records.record import Part

# Medians of the models of models.yaml, a few seconds of TensorFlow's start left out.
SECONDS = {"convert": 0.1, "reference": 2.2, "variant": 0.13, "uint": 0.13, "verify": 1.6}
READS = {
    "convert": (),
    "reference": ("convert",),
    "variant": ("convert",),
    "uint": ("convert",),
    "verify": ("reference", "variant", "uint"),
}
_BYTES = 64 * 1024


class Wait(Part):
    """The parameters of such a step."""

    model: str
    seconds: float
    calls: str
    """A folder that gets a file for each call."""


def wait(work: Work[Wait]) -> None:
    """Wait, and write a file that depends on the inputs alone."""
    called = f"{work.task.replace(':', '-')}-{time.time_ns()}-{os.getpid()}"
    (Path(work.parameters.calls) / called).touch()
    end = time.monotonic() + work.parameters.seconds
    while time.monotonic() < end:
        work.heartbeat(0, None)
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    digest = hashlib.sha256(work.task.encode())
    for folder in work.inputs.values():
        digest.update((folder / "weights.bin").read_bytes())
    (work.folder / "weights.bin").write_bytes(digest.digest() * (_BYTES // 32))


STEPS = {name: Step(name=name, version=1, parameters=Wait, run=wait) for name in SECONDS}


class SleepingZoo:
    """A zoo of such steps.

    Args:
        root: Its folder.
        num_models: Number of models.
        speed: How many times faster than real steps they are.
        calls: Folder that gets a file for each call of a step.

    Attributes:
        calls: The folder.
    """

    def __init__(self, root: Path, *, num_models: int, speed: float, calls: Path) -> None:
        self.root = root
        self.session = Session(cache=root / "cache")
        self._speed = speed
        self.calls = calls
        calls.mkdir(parents=True, exist_ok=True)
        self.models = [list(self._jobs(f"m{number:03}")) for number in range(num_models)]

    def build(self, *, parallel: int) -> dict[str, Outcome]:
        """Run all steps, so many at a time, each after those that it reads."""
        outcomes: dict[str, Outcome] = {}
        done = {job.task: threading.Event() for jobs in self.models for job in jobs}

        def run(job: Job) -> None:
            for read in job.reads.values():
                done[read.task].wait()
            outcomes[job.task] = run_job(job, self.session)
            done[job.task].set()

        # First steps first: a thread never waits for a step that has no thread.
        order = [job for jobs in zip(*self.models, strict=True) for job in jobs]
        with ThreadPoolExecutor(parallel) as threads:
            list(threads.map(run, order))
        return outcomes

    def _jobs(self, model: str) -> Iterator[Job]:
        made: dict[str, Job] = {}
        for name, step in STEPS.items():
            seconds = SECONDS[name] / self._speed
            made[name] = Job(
                task=f"{name}:{model}",
                step=step,
                model=model,
                parameters=Wait(model=model, seconds=seconds, calls=str(self.calls)),
                folder=self.root / "build" / model / name,
                reads={key: made[key] for key in READS[name]},
                needs=frozenset(READS[name]),
                root=self.root,
                temporary=self.root / "temporary",
                shared=True,
            )
            yield made[name]


def connect_to(zoo: SleepingZoo, address: str, store: Path) -> None:
    """Let the steps of a zoo run on a cluster."""
    from pipeline.cluster.connect import connect  # noqa: PLC0415  # a zoo alone needs no Dask
    from pipeline.store.open_store import open_store  # noqa: PLC0415

    zoo.session.store = open_store(str(store), root=zoo.root)
    zoo.session.elsewhere = connect(
        address,
        root=zoo.root,
        tools=["numpy"],
        store_options={"address": str(store)},
        session=zoo.session,
        tell=print,
    )
