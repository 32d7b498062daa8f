"""Runs models in TensorFlow.js, on the backends requested.

One process runs all variants of a model. If it dies in the run of a variant, that variant runs once
more, alone, and another process runs the rest. A death says nothing of a model or a backend:
another program may have taken the memory, or somebody killed the process.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import WorkerError
from pipeline.runtime.node_process import Ending
from pipeline.runtime.node_results import ModelRun, load_run
from pipeline.runtime.node_session import NodeSession, use_session
from pipeline.runtime.tfjs_packages import Packages
from pipeline.workers.child_process import last_lines
from pipeline.workers.limits import Budget

Runs = dict[str, dict[str, ModelRun]]


def run_models(  # noqa: PLR0913  # the only entry: a step's parameters, by name
    *,
    models: Mapping[str, Path],
    vectors: Path,
    backends: Mapping[str, Sequence[str]],
    folder: Path,
    packages: Packages,
    log: Path,
    budget: Budget,
    trusted: bool,
    progress: Callable[[int, int | None], None],
    check_predict: bool = True,
    node: NodeSession | None = None,
) -> Runs:
    """Run models on test vectors in TensorFlow.js.

    Args:
        models: Folder with a model.json by the name of the variant.
        vectors: Folder with vectors.json and its files.
        backends: Names of the variants to run on each backend ("wasm", "cpu"), in this order.
        folder: Empty folder for results; outputs are read from it on demand.
        packages: The release of TensorFlow.js.
        log: File to which the output of the process is appended.
        budget: Time for all runs; memory and disk of a process.
        trusted: Whether the models may run on a machine without a wall.
        progress: Called often, with runs done and runs in all; an exception of it ends the run.
        check_predict: Whether the first vector runs again, through predict().
        node: The process of the model whose variants these are; None for one that ends here.

    Returns:
        The result of each variant, by backend and by variant. A variant that needed more memory or
        disk than the budget has is `died`.

    Raises:
        NoWallError: This machine has no wall, and the model is not trusted.
        UntrustedSourceError: Node.js left something else than files.
        WorkerError: Node.js or TensorFlow.js does not start, died of a variant twice, or took
            too long.
    """
    names = [(backend, name) for backend, variants in backends.items() for name in variants]
    places = {name: f"models/{i}" for i, name in enumerate(dict.fromkeys(n for _, n in names))}
    given = {"vectors": vectors, **{place: models[name] for name, place in places.items()}}
    runs = [
        {"id": i, "backend": backend, "model": places[name], "predict": check_predict}
        for i, (backend, name) in enumerate(names)
    ]

    def run_some(left: Sequence[Mapping[str, Any]]) -> Ending:
        return session.run(
            {"vectors": "vectors", "runs": left},
            given=given,
            packages=packages,
            folder=folder,
            log=log,
            budget=budget,
            trusted=trusted,
            tick=lambda run: progress(left[0]["id"] if run is None else run, len(runs)),
        )

    with use_session(node, folder) as session:
        died = _run_all(runs, run_some, log)
    results: Runs = {backend: {} for backend in backends}
    for i, (backend, name) in enumerate(names):
        if i in died:
            results[backend][name] = ModelRun(status="failed", error=died[i], died=True)
        else:
            results[backend][name] = load_run(folder / str(i), backend=backend)
    return results


def _run_all(
    runs: Sequence[Mapping[str, Any]],
    run_some: Callable[[Sequence[Mapping[str, Any]]], Ending],
    log: Path,
) -> dict[int, str]:
    """Run until all have run; return the runs that a limit ended, and the limit, by their ids."""
    limited: dict[int, str] = {}
    left = list(runs)
    while left:
        ending = run_some(left)
        if ending.fault is None:
            return limited
        if ending.run is None:
            raise _dead(f"TensorFlow.js does not start: {ending.fault}", log)
        dead = [run for run in left if run["id"] == ending.run]
        if ending.limited:
            limited[ending.run] = ending.fault
        elif (again := run_some(dead)).fault is not None:
            raise _dead(f"TensorFlow.js died twice on {dead[0]['backend']}: {again.fault}", log)
        left = [run for run in left if run["id"] > ending.run]
    return limited


def _dead(message: str, log: Path) -> WorkerError:
    return WorkerError(message, hint=f"its log ends with:\n{last_lines(log.read_bytes())}")
