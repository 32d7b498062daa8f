"""The Node.js process of a model: kept for its next request, and for no other model."""

import shutil
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
from layers_models import write_layers_model
from tfjs_runtime import packages

from pipeline.errors import WorkerError
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.runtime.describe_model import describe_layers_model
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession, NodeSessions
from pipeline.runtime.run_models import run_models
from pipeline.workers.limits import GIB, Budget, ResourceLimits

X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)
LIMITS = ResourceLimits(timeout_seconds=60, memory_bytes=2 * GIB)


def run(
    folder: Path,
    node: NodeSession,
    backend: str = "wasm",
    *,
    limits: ResourceLimits = LIMITS,
) -> ModelRun:
    """Run a layers model of the folder in a session; the folder gets it at the first call."""
    results = folder / f"results-{len(list(folder.glob('results-*')))}"
    results.mkdir(parents=True)
    if not (folder / "m").exists():
        write_layers_model(folder / "m")
        (folder / "vectors").mkdir()
        vectors = Vectors(vectors=[Vector(inputs={"image": X}, outputs={})], seed="", runtime="")
        write_vectors(folder / "vectors", vectors)
    found = run_models(
        models={"base": folder / "m"},
        vectors=folder / "vectors",
        backends={backend: ["base"]},
        folder=results,
        packages=packages(),
        log=folder / "log.txt",
        budget=Budget(limits),
        trusted=False,
        progress=lambda _done, _total: None,
        node=node,
    )
    return found[backend]["base"]


def pids() -> set[int]:
    """Return the ids of the Node.js processes that this one has started."""
    children = psutil.Process().children()
    return {child.pid for child in children if child.name().startswith("node")}


def test_one_process_serves_all_steps_of_a_model(tmp_path: Path) -> None:
    sessions = NodeSessions()
    seen = []

    with sessions.take("m", tmp_path, keep=True) as node:
        assert run(tmp_path, node, "cpu").status == "ok"
        seen.append(pids())
        (tmp_path / "convert").mkdir()
        described = describe_layers_model(
            tmp_path / "m",
            packages=packages(),
            log=tmp_path / "convert/log.txt",
            budget=Budget(LIMITS),
            trusted=False,
            hint="",
            node=node,
        )
        seen.append(pids())
    with sessions.take("m", tmp_path, keep=False) as node:
        outputs = run(tmp_path, node).outputs[0]
        seen.append(pids())

    assert [len(one) for one in seen] == [1, 1, 1]
    assert seen[0] == seen[1] == seen[2]
    assert described.outputs[0].name == "score"
    assert outputs["score"].shape == (2, 4)
    assert not pids()
    assert not list(tmp_path.glob("node-*"))


def test_no_process_serves_two_models_or_a_step_that_runs_beside(tmp_path: Path) -> None:
    sessions = NodeSessions()

    with sessions.take("a", tmp_path, keep=True) as first:
        run(tmp_path / "a", first)
        before = pids()
        with sessions.take("a", tmp_path, keep=True) as beside:
            assert beside is not first
    with sessions.take("b", tmp_path, keep=True) as other:
        run(tmp_path / "b", other)
        both = pids()
    sessions.close()

    assert len(both) == 2
    assert before < both
    assert not pids()


def test_a_process_is_renewed_after_a_fault_and_for_other_limits(tmp_path: Path) -> None:
    with NodeSession(tmp_path) as node:
        run(tmp_path, node)
        (first,) = pids()
        psutil.Process(first).send_signal(signal.SIGSEGV)
        psutil.wait_procs([psutil.Process(first)] if psutil.pid_exists(first) else [], timeout=5)
        assert run(tmp_path, node).status == "ok"
        (second,) = pids()
        assert run(tmp_path, node, limits=ResourceLimits(memory_bytes=GIB)).status == "ok"
        (third,) = pids()

    assert len({first, second, third}) == 3


def test_a_process_is_renewed_if_the_folder_of_its_step_is_gone(tmp_path: Path) -> None:
    sessions = NodeSessions()
    for step in ("reference", "verify"):
        (tmp_path / step).mkdir()
        with sessions.take("m", tmp_path / step, keep=True) as node:
            assert run(tmp_path, node).status == "ok"
        shutil.rmtree(tmp_path / step)
    sessions.close()

    assert not pids()


def test_a_session_that_ends_meanwhile_starts_nothing_more(tmp_path: Path) -> None:
    sessions = NodeSessions()

    with sessions.take("m", tmp_path, keep=True) as node:
        sessions.close()
        with pytest.raises(WorkerError, match="was ended"):
            run(tmp_path, node)

    assert not pids()
