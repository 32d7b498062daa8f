"""Models in TensorFlow.js in a real browser: what comes back, and what if the browser dies."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from browsers import needs_browser
from graph_models import dense_weights, node, write_graph_model
from tfjs_runtime import endless_model, load, packages, store, typed, write_model

from pipeline.disk.browser_program import BrowserProgram, find_browser
from pipeline.errors import WorkerError
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.runtime.browser.browser import Browser, BrowserJob, Browsers
from pipeline.runtime.node_results import ModelRun
from pipeline.workers.limits import Budget, ResourceLimits

pytestmark = [pytest.mark.network, needs_browser]

X = np.linspace(-2, 2, 16, dtype=np.float32).reshape(2, 8)
Run = Callable[..., ModelRun]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for the tests that leave it whole."""
    browser = Browser()
    yield browser
    browser.close()


def run_model(  # noqa: PLR0913  # each can be replaced
    browser: Browser | Browsers,
    folder: Path,
    model: Path,
    *,
    backend: str = "webgl",
    program: BrowserProgram | None = None,
    timeout_seconds: float = 120,
    tick: Callable[[], None] = lambda: None,
    **inputs: Any,
) -> ModelRun:
    """Run a model on one vector."""
    vectors, results = folder / "vectors", folder / f"results-{time.monotonic_ns()}"
    vectors.mkdir(exist_ok=True)
    results.mkdir()
    vector = Vector(inputs=inputs, outputs={})
    write_vectors(vectors, Vectors(vectors=[vector], seed="test", runtime="none"))
    found = program or find_browser()
    assert isinstance(found, BrowserProgram)
    job = BrowserJob(
        program=found,
        backend=backend,
        model=model,
        vectors=vectors,
        packages=packages(),
        trusted=False,
    )
    budget = Budget(ResourceLimits(timeout_seconds=timeout_seconds))
    return browser.run(job, folder=results, budget=budget, tick=tick, note=lambda _text: None)


def dense(folder: Path) -> Path:
    """Write a dense layer under published names; return its folder."""
    write_graph_model(folder)
    content = load(folder)
    outputs = content["signature"]["outputs"]
    content["signature"]["outputs"] = {"logit": outputs["Identity:0"]}
    store(folder, content)
    return folder


@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_outputs_come_back_by_their_published_names(
    browser: Browser, tmp_path: Path, backend: str
) -> None:
    weights = dense_weights()

    found = run_model(browser, tmp_path, dense(tmp_path / "m"), backend=backend, x=X)

    assert (found.status, found.error, found.tfjs) == ("ok", None, "4.22.0")
    assert list(found.outputs[0]) == ["logit"]
    logit = X @ weights["kernel"] + weights["bias"]
    np.testing.assert_allclose(found.outputs[0]["logit"], logit, rtol=1e-5, atol=1e-6)
    assert found.first_ms is not None
    assert (found.rss_bytes, found.lacking) == (None, {})


def test_every_dtype_goes_in_and_comes_out(browser: Browser, tmp_path: Path) -> None:
    strings = np.empty((2,), object)
    strings[:] = [b"a", "ü".encode()]
    given: dict[str, Any] = {
        "float32": np.array([0.5, -1], np.float32),
        "int32": np.array([[2, -3]], np.int32),
        "bool": np.array([True, False]),
        "string": strings,
    }
    model = write_model(
        tmp_path / "m",
        [node(f"{name}_out", "Identity", [name]) for name in given],
        inputs={name: (name, values.shape) for name, values in given.items()},
        outputs={name: f"{name}_out:0" for name in given},
    )

    found = run_model(browser, tmp_path, model, **given)

    assert found.error is None
    for name, values in given.items():
        assert found.outputs[0][name].dtype == values.dtype
        np.testing.assert_array_equal(found.outputs[0][name], values)


def test_an_op_that_webgpu_lacks_is_named(browser: Browser, tmp_path: Path) -> None:
    values = np.array([1, 2, 1, 3], np.float32)
    model = write_model(
        tmp_path / "m",
        [typed("y", "Unique", ["x"], T="float32", out_idx="int32")],
        inputs={"x": ("float32", (4,))},
        outputs={"y": "y:0"},
    )

    found = run_model(browser, tmp_path, model, backend="webgpu", x=values)

    assert (found.status, found.outputs) == ("unsupported", {})
    assert list(found.missing_ops) == ["Unique"]
    # webgl has the op, and its run knows that webgpu does not.
    other = run_model(browser, tmp_path, model, backend="webgl", x=values)
    assert (other.status, other.lacking) == ("ok", {"webgpu": ["Unique"]})


def test_sizes_that_webgpu_computes_are_read_at_once(browser: Browser, tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "m",
        [
            typed("sizes", "FloorMod", ["left", "right"], T="int32"),
            typed("y", "Reshape", ["x", "sizes"]),
        ],
        inputs={"x": ("float32", (8,)), "left": ("int32", (2,)), "right": ("int32", (2,))},
        outputs={"y": "y:0"},
    )
    given: dict[str, Any] = {
        "left": np.array([29, 22], np.int32),
        "right": np.array([9, 9], np.int32),
    }

    found = run_model(browser, tmp_path, model, backend="webgpu", x=X[0], **given)

    assert found.error is None
    np.testing.assert_array_equal(found.outputs[0]["y"], X[0].reshape(2, 4))


def test_a_fault_of_a_model_says_where(browser: Browser, tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "m",
        [typed("y", "MatMul", ["x", "x"])],
        inputs={"x": ("float32", (2, 8))},
        outputs={"y": "y:0"},
    )

    found = run_model(browser, tmp_path, model, x=X)

    assert (found.status, found.died) == ("failed", False)
    assert str(found.error).endswith("(at MatMul 'y')")
    assert run_model(browser, tmp_path, dense(tmp_path / "n"), x=X).status == "ok"


def test_a_shard_that_is_missing_is_a_fault(browser: Browser, tmp_path: Path) -> None:
    model = dense(tmp_path / "m")
    for shard in model.glob("*.bin"):
        shard.unlink()

    found = run_model(browser, tmp_path, model, x=X)

    assert found.status == "failed"
    assert "cannot be read" in str(found.error)


def browsers_of(browser: Browser) -> list[psutil.Process]:
    """Return the processes behind the wall."""
    process = browser._processes["webgl"]
    return psutil.Process(process._process.pid).children(recursive=True)


def test_it_has_a_network_of_its_own_and_its_own_sandbox(browser: Browser, tmp_path: Path) -> None:
    run_model(browser, tmp_path, dense(tmp_path / "m"), x=X)
    ours = Path("/proc/self/ns/net").readlink()
    inside = [one for one in browsers_of(browser) if "--type=renderer" in words_of(one)]

    assert inside
    for one in inside:
        assert Path(f"/proc/{one.pid}/ns/net").readlink() != ours
        assert "--no-sandbox" not in one.cmdline()
        status = Path(f"/proc/{one.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "CapEff:\t0000000000000000" in status


def test_each_run_has_a_process_of_its_own(browser: Browser, tmp_path: Path) -> None:
    def renderers() -> set[int]:
        found = set()
        for one in browsers_of(browser):
            # One that has just ended is still there.
            with contextlib.suppress(psutil.NoSuchProcess):
                if "--type=renderer" in one.cmdline():
                    found.add(one.pid)
        return found

    seen: list[set[int]] = []
    for _ in range(2):
        before = renderers()
        run_model(browser, tmp_path, dense(tmp_path / f"m{len(seen)}"), x=X)
        seen.append(renderers() - before)

    assert all(seen)


def words_of(process: psutil.Process) -> list[str]:
    """Return the command line of a process; nothing for one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def kill_one(browser: Browser, word: str) -> bool:
    """Kill a process of the browser whose command line has a word; return whether one was there."""
    with contextlib.suppress(psutil.Error):  # the browser, or one of its processes, has just ended
        for one in browsers_of(browser):
            if word in " ".join(words_of(one)):
                one.kill()
                return True
    return False


@pytest.mark.parametrize("victim", ["--type=renderer", "--type=gpu-process", "serve.py"])
def test_a_model_whose_browser_dies_runs_once_more(tmp_path: Path, victim: str) -> None:
    browser = Browser()
    killed: list[bool] = []

    def kill_first() -> None:
        if not any(killed) and browser._processes:
            killed.append(kill_one(browser, victim))

    found = run_model(browser, tmp_path, dense(tmp_path / "m"), tick=kill_first, x=X)
    browser.close()

    assert any(killed)
    assert found.status == "ok"


def test_a_browser_that_dies_twice_says_nothing_of_the_model(tmp_path: Path) -> None:
    browser = Browser()

    def kill_always() -> None:
        if browser._processes:
            kill_one(browser, "serve.py")

    endless = endless_model(tmp_path / "endless")
    found = run_model(browser, tmp_path, endless, tick=kill_always, go=np.array(True))

    assert (found.status, found.died, found.error) == ("failed", True, "twice, the browser died")
    assert run_model(browser, tmp_path, dense(tmp_path / "n"), x=X).status == "ok"
    browser.close()


def test_a_model_without_an_end_is_ended_with_the_browser(tmp_path: Path) -> None:
    browser = Browser()
    model = endless_model(tmp_path / "m")
    inside: list[psutil.Process] = []

    def look() -> None:
        inside[:] = browsers_of(browser)

    with pytest.raises(WorkerError, match=r"TensorFlow\.js in a browser took more than 5 s"):
        run_model(browser, tmp_path, model, timeout_seconds=5, tick=look, go=np.array(True))

    assert inside
    _, alive = psutil.wait_procs(inside, timeout=5)
    assert not [one for one in alive if one.status() != "zombie"]
    assert run_model(browser, tmp_path, dense(tmp_path / "n"), x=X).status == "ok"
    browser.close()


def test_a_program_that_is_no_browser_does_not_start(tmp_path: Path) -> None:
    found = find_browser()
    assert isinstance(found, BrowserProgram)
    program = dataclasses.replace(found, path=Path("/usr/bin/false"))
    browser = Browser()

    with pytest.raises(WorkerError, match=r"Chrom\w+ [\d.]+ does not start"):
        run_model(browser, tmp_path, dense(tmp_path / "m"), program=program, x=X)


def test_models_share_the_browsers_and_take_turns(tmp_path: Path) -> None:
    browsers = Browsers(most=2)
    model = dense(tmp_path / "m")
    folders = [tmp_path / str(i) for i in range(4)]
    for folder in folders:
        folder.mkdir()

    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda folder: run_model(browsers, folder, model, x=X), folders))
    started = [browser for browser in browsers._all if browser._processes]
    browsers.close()

    assert [one.status for one in found] == ["ok"] * 4
    assert len(started) == 2
    assert not any(one.is_open for browser in started for one in browser._processes.values())


def test_a_single_model_starts_a_single_browser(tmp_path: Path) -> None:
    browsers = Browsers(most=2)
    for name in ("a", "b"):
        run_model(browsers, tmp_path, dense(tmp_path / name), x=X)
    started = [browser for browser in browsers._all if browser._processes]
    browsers.close()

    assert len(started) == 1
