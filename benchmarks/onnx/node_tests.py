"""The node tests of the ONNX standard, through the importer: in TensorFlow and in TensorFlow.js.

    python benchmarks/onnx/node_tests.py [PATTERN] [--js cpu,wasm] [--jobs 2] [--json FILE]

PATTERN selects tests by name: 'resize*'.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# As the workers of the pipeline: its fused ops are none of TensorFlow.js.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from onnx_node_tests import Built, NodeTest, build, describe, find_folders, kind_of, load, write
from run_cases import read_outputs, run_folders

from pipeline.errors import PipelineError

_TOGETHER = 40

Outcome = tuple[str, str]


@dataclass
class Part:
    """Tests that have one graph: its folder, if TensorFlow.js can run it, or why it has none."""

    built: list[Built]
    folder: Path | None = None
    failure: str = ""

    def judge(self, backend: str) -> list[Outcome]:
        """Return how the tests in the graph fare in TensorFlow.js."""
        tests = [each for each in self.built if each.in_graph]
        try:
            made = iter(() if self.failure else self._read(backend))
        except (AssertionError, PipelineError) as error:
            self.failure = str(error)
        if self.failure:
            return [("error", self.failure)] * len(tests)
        return [
            each.judge(itertools.islice(made, len(each.test.outputs)))
            if each.status == "right"
            else (each.status, each.reason)
            for each in tests
        ]

    def _read(self, backend: str) -> list[Any]:
        return list(read_outputs(self.folder, backend).values()) if self.folder else []


def build_parts(tests: list[NodeTest], folder: Path | None) -> list[Part]:
    """Build tests; with a folder, write them into folders in it for TensorFlow.js."""
    parts = []
    for number, together in enumerate(build(tests)):
        part = Part(together.built)
        if folder and any(each.in_graph for each in part.built):
            part.folder = folder / str(number)
            try:
                write(together, part.folder)
            except Exception as error:  # noqa: BLE001  # any failure is counted
                part.folder, part.failure = None, f"{type(error).__name__}: {error}"
        parts.append(part)
    return parts


@dataclass(frozen=True)
class Trial:
    """Runs tests: in so many processes, with TensorFlow.js on backends."""

    jobs: int
    backends: list[str]

    def run(self, tests: list[NodeTest]) -> dict[str, dict[str, Outcome]]:
        """Return how tests fare, by runtime and name; those of a graph that fails run alone."""
        runtimes = ["tensorflow", *self.backends]
        results: dict[str, dict[str, Outcome]] = {runtime: {} for runtime in runtimes}
        for size in (_TOGETHER, 1):
            left: list[NodeTest] = []
            for part, found in self._run(tests, size):
                if part.failure and len(part.built) > 1:
                    left += [each.test for each in part.built]
                    continue
                for each in part.built:
                    results["tensorflow"][each.test.name] = (each.status, each.reason)
                names = [each.test.name for each in part.built if each.in_graph]
                for backend, outcomes in found.items():
                    results[backend] |= zip(names, outcomes, strict=True)
            tests = left
        return results

    def _run(self, tests: list[NodeTest], size: int) -> list[tuple[Part, dict[str, list[Outcome]]]]:
        groups = [tests[first : first + size] for first in range(0, len(tests), size)]
        with tempfile.TemporaryDirectory() as root:
            folders = [Path(root) / str(number) for number in range(len(groups))]
            for folder in folders:
                folder.mkdir()
            given = folders if self.backends else [None for _ in groups]
            parts = [part for some in self._map(groups, given) for part in some]
            run_folders([part.folder for part in parts if part.folder], self.backends)
            return [(part, {b: part.judge(b) for b in self.backends}) for part in parts]

    def _map(self, groups: list[list[NodeTest]], folders: Any) -> list[list[Part]]:
        if not groups:
            return []
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.jobs, mp_context=context) as pool:
            return list(pool.map(build_parts, groups, folders))


def load_all(pattern: str) -> tuple[list[NodeTest], dict[str, Outcome]]:
    """Return the tests of a pattern, and why others are not run."""
    tests, left_out = [], {}
    for folder in find_folders(pattern):
        try:
            tests.append(load(folder))
        except ValueError as error:
            left_out[folder.name] = ("not run", str(error))
    return tests, left_out


def main() -> None:
    """Run the tests and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--js", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    tests, left_out = load_all(asked.pattern)
    apart = {test.name: kind for test in tests if (kind := kind_of(test))}
    backends = asked.js.split(",") if asked.js else []
    results = Trial(jobs=asked.jobs, backends=backends).run(tests)
    results["tensorflow"] |= left_out
    print("\n".join(describe(results, apart)))
    if asked.json:
        asked.json.write_text(json.dumps({"apart": apart, "results": results}, indent=1))


if __name__ == "__main__":
    main()
