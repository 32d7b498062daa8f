"""What becomes of variants by their runs in a browser."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pipeline.disk.browser_program import BrowserProgram
from pipeline.errors import FidelityError, WorkerError
from pipeline.proof.browser_checks import _choose_vector, _Trial
from pipeline.proof.judge.check import Candidate
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.vector_files import Vector, VectorKind, Vectors
from pipeline.records.browser_verdicts import BrowserVerdicts
from pipeline.records.verdicts import VariantVerdict
from pipeline.runtime.node_results import ModelRun, Outputs
from pipeline.runtime.tfjs_packages import Packages

Y = np.linspace(0, 1, 8, dtype=np.float32)


def vector(kind: VectorKind = "made") -> Vector:
    """Return a vector of one input and one output."""
    return Vector(inputs={"x": Y}, outputs={"y": Y}, kind=kind)


def model(*vectors: Vector) -> ModelUnderTest:
    """Return a model of one output."""
    content = Vectors(vectors=vectors or [vector()], seed="test", runtime="none")
    return ModelUnderTest(outputs=["y"], roles={}, selection={}, vectors=content)


def ran(values: np.ndarray[Any, np.dtype[np.float32]]) -> ModelRun:
    """Return a run with these values of the output."""
    return ModelRun(status="ok", outputs={0: cast("Outputs", {"y": values})}, tfjs="4.22.0")


def judge(
    runs: dict[str, dict[str, ModelRun]], required: tuple[str, ...]
) -> dict[str, VariantVerdict]:
    """Judge the base, and uint8 where it ran."""
    names = list(next(iter(runs.values())))
    trial = _Trial(
        work=cast("Any", SimpleNamespace(measured={}, note=lambda _line: None)),
        program=BrowserProgram(path=Path("/browser"), version="Chromium 1.0"),
        packages=Packages(version="4.22.0", folder=Path("/packages")),
        model=model(),
        candidates=[
            Candidate(name=name, dtype="float32" if name == "base" else name) for name in names
        ],
        required=required,
        folder=Path("/nowhere"),
    )
    return trial.judge(runs).variants


def test_a_wrong_base_is_shown_and_not_refused_unless_the_backend_is_required() -> None:
    runs = {"webgl": {"base": ran(Y + np.float32(0.5))}}

    (found,) = judge(runs, ()).values()
    assert (found.status, found.checks["webgl"].status) == ("ok", "failed")
    with pytest.raises(FidelityError, match="webgl: y: 8 of 8 values differ"):
        judge(runs, ("webgl",))


def test_a_variant_that_a_required_backend_gets_wrong_is_withheld() -> None:
    runs = {"webgl": {"base": ran(Y), "uint8": ran(Y + np.float32(0.5))}}

    found = judge(runs, ("webgl",))["uint8"]

    assert (found.status, found.checks["webgl"].status) == ("withheld", "failed")
    assert str(found.reason).startswith("webgl: y: 8 of 8 values differ")


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param(
            ModelRun(status="failed", error="twice, its page died", died=True),
            "the browser ended: twice, its page died",
            id="died",
        ),
        pytest.param(
            ModelRun(status="unsupported", error="this browser has no WebGPU"),
            "this browser has no WebGPU",
            id="no such backend",
        ),
    ],
)
def test_a_run_that_says_nothing_of_the_model_is_untried(run: ModelRun, reason: str) -> None:
    (found,) = judge({"webgpu": {"base": run}}, ()).values()

    assert (found.status, found.checks["webgpu"].status) == ("ok", "untried")
    assert found.checks["webgpu"].reason == reason
    with pytest.raises(WorkerError, match=f"base on webgpu: {reason}"):
        judge({"webgpu": {"base": run}}, ("webgpu",))


@pytest.mark.parametrize("required", [(), ("webgl",)])
def test_what_another_backend_lacks_is_known_without_a_run(required: tuple[str, ...]) -> None:
    run = replace(ran(Y), lacking={"webgpu": ["StringSplit"]})

    (found,) = judge({"webgl": {"base": run}}, required).values()

    assert (found.status, found.checks["webgl"].status) == ("ok", "ok")
    webgpu = found.checks["webgpu"]
    assert (webgpu.status, webgpu.reason) == ("unsupported", "webgpu lacks StringSplit")
    assert webgpu.missing_ops == ["StringSplit"]


def test_an_op_that_a_backend_lacks_is_no_fault_of_the_trial() -> None:
    run = ModelRun(status="unsupported", error="webgpu lacks FFT", missing_ops={"FFT": ["FFT"]})

    (found,) = judge({"webgpu": {"base": run}}, ()).values()

    assert found.checks["webgpu"].status == "unsupported"
    assert found.checks["webgpu"].missing_ops == ["FFT"]


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        pytest.param(["made", "edge", "sample"], 2, id="a real sample"),
        pytest.param(["made", "given"], 1, id="given in the manifest"),
        pytest.param(["edge", "made", "made"], 1, id="the first made one"),
    ],
)
def test_the_vector_that_says_most_is_chosen(kinds: list[VectorKind], chosen: int) -> None:
    vectors = [vector(kind) for kind in kinds]

    found = _choose_vector(model(*vectors)).vectors.vectors

    assert len(found) == 1
    assert found[0] is vectors[chosen]


def test_checks_stand_beside_those_of_node() -> None:
    (webgl,) = judge({"webgl": {"base": ran(Y)}}, ()).values()
    withheld = webgl.model_copy(update={"status": "withheld", "reason": "webgl: wrong"})
    node = VariantVerdict(status="ok", reason=None, checks={"wasm": webgl.checks["webgl"]})
    verdicts = BrowserVerdicts(variants={"base": webgl, "uint8": withheld}).add_to(
        {"base": node, "uint8": node, "uint16": node}
    )

    assert list(verdicts["base"].checks) == ["wasm", "webgl"]
    assert verdicts["base"].status == "ok"
    assert (verdicts["uint8"].status, verdicts["uint8"].reason) == ("withheld", "webgl: wrong")
    assert verdicts["uint16"] == node
