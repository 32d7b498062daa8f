"""The node tests of the ONNX standard: in TensorFlow, and in TensorFlow.js on wasm."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.network, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, list[str]]]]:
    file = tmp_path_factory.mktemp("node_tests") / "outcome.json"
    program = ROOT / "benchmarks" / "onnx" / "node_tests.py"
    command = [sys.executable, str(program), "--js", "wasm", "--json", str(file)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, dict[str, dict[str, list[str]]]] = json.loads(file.read_text())
    return found


Outcome = dict[str, dict[str, dict[str, list[str]]]]


@pytest.mark.parametrize("runtime", ["tensorflow", "wasm"])
def test_no_operator_is_wrong(outcome: Outcome, runtime: str) -> None:
    faults = {
        name: each
        for name, each in outcome["results"][runtime].items()
        if each[0] in ("wrong", "error")
    }

    # TensorFlow.js compares texts on cpu alone; the proof of a model finds that.
    compared = {name for name in faults if runtime == "wasm" and name.startswith("test_equal_str")}
    assert faults.keys() == compared


@pytest.mark.parametrize(("runtime", "share"), [("tensorflow", 0.95), ("wasm", 0.93)])
def test_nearly_all_of_inference_is_right(outcome: Outcome, runtime: str, share: float) -> None:
    counted = {
        name
        for name, (status, _) in outcome["results"]["tensorflow"].items()
        if status != "not run" and name not in outcome["apart"]
    }
    folded = {
        name
        for name, (status, _) in outcome["results"]["tensorflow"].items()
        if status == "right" and name not in outcome["results"]["wasm"]
    }
    if runtime == "wasm":
        # What depends on constants alone has nothing to run.
        counted -= folded
    right = {
        name
        for name, (status, _) in outcome["results"][runtime].items()
        if status == "right" and name in counted
    }

    assert len(right) / len(counted) >= share, sorted(counted - right)


def test_every_refusal_names_its_operator(outcome: Outcome) -> None:
    reasons = {
        name: reason
        for name, (status, reason) in outcome["results"]["tensorflow"].items()
        if status == "refused"
    }

    assert all("node " in reason or "opset" in reason for reason in reasons.values()), reasons
