"""Node: models run in TensorFlow.js, on the backends asked for.

One process runs all variants of a model. When it dies of one, that one is said to have
failed, and another process runs the rest.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import WorkerError
from pipeline.runtime.process import Bounds, Ending, run_node
from pipeline.runtime.results import ModelRun, load_run
from pipeline.runtime.tfjs_packages import Packages
from pipeline.workers.process import last_lines

Runs = dict[str, dict[str, ModelRun]]


def run_models(  # noqa: PLR0913  # the one door: a step's parameters, by name
    *,
    models: Mapping[str, Path],
    vectors: Path,
    backends: Mapping[str, Sequence[str]],
    folder: Path,
    packages: Packages,
    log: Path,
    timeout_seconds: float,
    memory_limit_bytes: int,
    progress: Callable[[int, int | None], None],
) -> Runs:
    """Run models on test vectors in TensorFlow.js.

    Args:
        models: Folder with a model.json by the name of the variant.
        vectors: Folder with vectors.json and what it names.
        backends: Names of the variants to run on each backend ("wasm", "cpu"), in this order.
        folder: Empty folder for results; outputs are read from it when they are asked for.
        packages: The release of TensorFlow.js.
        log: File that gets, appended, what TensorFlow.js prints.
        timeout_seconds: Wall time for all of it.
        memory_limit_bytes: Resident memory of the process.
        progress: Called often, with runs done and runs in all; what it raises ends it all.

    Returns:
        What became of each variant, by backend and by variant.

    Raises:
        WorkerError: Node.js or TensorFlow.js does not start.
    """
    folder = folder.resolve()
    names = [(backend, name) for backend, variants in backends.items() for name in variants]
    runs = [
        {"id": i, "backend": backend, "model": str(models[name].resolve())}
        for i, (backend, name) in enumerate(names)
    ]
    places = {"packages": str(packages.folder.resolve()), "vectors": str(vectors.resolve())}
    reads = [*places.values(), *(str(run["model"]) for run in runs)]

    def run_some(left: Sequence[Mapping[str, Any]], seconds: float) -> Ending:
        return run_node(
            {**places, "folder": str(folder), "runs": left},
            reads=[Path(path) for path in dict.fromkeys(reads)],
            folder=folder,
            log=log,
            bounds=Bounds(seconds=seconds, memory_bytes=memory_limit_bytes),
            tick=lambda run: progress(left[0]["id"] if run is None else run, len(runs)),
        )

    died = _run_all(runs, run_some, timeout_seconds, log)
    results: Runs = {backend: {} for backend in backends}
    for i, (backend, name) in enumerate(names):
        if i in died:
            results[backend][name] = ModelRun(status="failed", error=died[i], died=True)
        else:
            results[backend][name] = load_run(folder / str(i), backend=backend)
    return results


def _run_all(
    runs: Sequence[Mapping[str, Any]],
    run_some: Callable[[Sequence[Mapping[str, Any]], float], Ending],
    timeout_seconds: float,
    log: Path,
) -> dict[int, str]:
    """Run until all have run; return why a process ended in one of them, by its id."""
    died: dict[int, str] = {}
    deadline = time.monotonic() + timeout_seconds
    left = list(runs)
    while left:
        ending = run_some(left, deadline - time.monotonic())
        if ending.fault is None:
            return died
        if ending.run is None:
            hint = f"its log ends with:\n{last_lines(log.read_bytes())}"
            raise WorkerError(f"TensorFlow.js does not start: {ending.fault}", hint=hint)
        died[ending.run] = ending.fault
        left = [run for run in left if run["id"] > ending.run]
        if ending.timed_out:
            died |= {run["id"]: "not run: the time was over before" for run in left}
            return died
    return died
