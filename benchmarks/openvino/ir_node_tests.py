"""The node tests of the ONNX standard, read and saved as IR by OpenVINO, through the importer.

    python benchmarks/openvino/ir_node_tests.py [PATTERN] [--js cpu,wasm] [--json FILE]

PATTERN selects tests by name: 'resize*'.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

# As the workers of the pipeline: its fused ops are none of TensorFlow.js.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from onnx_node_tests import compare, describe, find_folders, kind_of, load
from openvino_node_tests import Built, build
from run_cases import read_outputs, run_folders

from pipeline.errors import PipelineError

Outcome = tuple[str, str]


def run_in_js(built: dict[str, Built], backends: list[str]) -> dict[str, dict[str, Outcome]]:
    """Run the written models; return status and reason of each by backend."""
    written = {name: each for name, each in built.items() if each.folder is not None}
    run_folders([each.folder for each in written.values() if each.folder], backends)
    return {
        backend: {name: _judge(each, backend) for name, each in written.items()}
        for backend in backends
    }


def _judge(built: Built, backend: str) -> Outcome:
    assert built.folder is not None
    try:
        made = list(read_outputs(built.folder, backend).values())
    except (AssertionError, PipelineError) as error:
        return "error", str(error)
    faults = [compare(m, e) for m, e in zip(made, built.expected, strict=True)]
    return ("wrong", next(filter(None, faults))) if any(faults) else ("right", "")


def build_all(pattern: str, folder: Path | None) -> tuple[dict[str, Built], dict[str, str]]:
    """Build the tests of a pattern; return how each fares, and the kind of those counted apart."""
    built: dict[str, Built] = {}
    apart: dict[str, str] = {}
    for path in find_folders(pattern):
        try:
            test = load(path)
        except ValueError as error:
            built[path.name] = Built(status="not run", reason=str(error))
            continue
        if kind := kind_of(test):
            apart[path.name] = kind
        try:
            built[path.name] = build(test, folder and folder / path.name)
        except Exception as error:  # noqa: BLE001  # any failure is counted
            built[path.name] = Built(status="error", reason=f"{type(error).__name__}: {error}")
    return built, apart


def main() -> None:
    """Run the tests and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--js", default="")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        built, apart = build_all(asked.pattern, Path(folder) if asked.js else None)
        results = {"tensorflow": {name: (each.status, each.reason) for name, each in built.items()}}
        if asked.js:
            results |= run_in_js(built, asked.js.split(","))
    print("\n".join(describe(results, apart)))
    if asked.json:
        asked.json.write_text(json.dumps({"apart": apart, "results": results}, indent=1))


if __name__ == "__main__":
    main()
