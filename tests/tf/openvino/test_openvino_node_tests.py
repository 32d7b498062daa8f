"""Node tests of the ONNX standard, saved as IR by OpenVINO: in TensorFlow, and on wasm.

The suite runs a part of them; `benchmarks/openvino/ir_node_tests.py` runs them all.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.network, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
_PART = "r*"


def test_no_operation_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "outcome.json"
    program = ROOT / "benchmarks" / "openvino" / "ir_node_tests.py"
    command = [
        sys.executable, str(program), _PART, "--js", "wasm", "--json", str(file),
    ]  # fmt: skip
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(file.read_text())["results"]

    for runtime, found in results.items():
        faults = {name: each for name, each in found.items() if each[0] in ("wrong", "error")}
        assert not faults, runtime
    statuses = [status for status, _ in results["tensorflow"].values()]
    assert statuses.count("right") >= 0.95 * (len(statuses) - statuses.count("not run"))
    assert len(results["wasm"]) > 150
