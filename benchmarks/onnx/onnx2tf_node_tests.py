"""The node tests of the ONNX standard through onnx2tf, as node_tests.py runs them through ours.

    python -m venv O && O/bin/pip install onnx2tf==1.29.24
    python benchmarks/onnx/onnx2tf_node_tests.py O/bin/python [PATTERN] [--every 7] [--json FILE]

It takes the tests of inference, every 7th of them by name, and judges the Keras model that onnx2tf
returns, by the same tolerance. A test is right if one of these ways is: inputs constant as
node_tests.py makes them, each with `keep_shape_absolutely_input_names` and without. An output may
have its axes in any order, and axes of 1 anywhere. It is wrong if no way is right and one returns
numbers; else it failed. One that took more than a minute is tried in no other way.
"""

import argparse
import collections
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from onnx_node_tests import NodeTest, compare, find_folders, kind_of, load, ways


@dataclass
class Tried:
    """How a test fares: `wrong` and `failed` have the reason of the first way that ended so."""

    test: NodeTest
    right: bool = False
    wrong: str = ""
    failed: str = ""
    ways: list[tuple[set[int], bool]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """Return "right", "wrong" or "failed"."""
        return "right" if self.right else "wrong" if self.wrong else "failed"


def choose_tests(pattern: str, every: int) -> Iterator[Tried]:
    """Yield every so many-th test of inference that has data."""
    tests = []
    for folder in find_folders(pattern):
        try:
            tests.append(load(folder))
        except ValueError:
            continue
    for test in [test for test in tests if kind_of(test) is None][::every]:
        yield Tried(test, ways=[(fixed, kept) for fixed in ways(test) for kept in (True, False)])


def write(tried: Tried, folder: Path) -> None:
    """Write the next way of a test for run_onnx2tf.py."""
    fixed, kept = tried.ways.pop(0)
    model = onnx.ModelProto()
    model.CopyFrom(tried.test.model)
    graph = model.graph
    infos = list(graph.input)
    fed = {}
    for number, (info, array) in enumerate(zip(infos, tried.test.inputs, strict=True)):
        if number in fixed:
            graph.input.remove(info)
            graph.initializer.append(numpy_helper.from_array(array, info.name))
        else:
            fed[info.name] = array
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    np.savez(folder / "inputs.npz", **fed)
    options = {"keep_shape_absolutely_input_names": list(fed)} if kept else {}
    (folder / "options.json").write_text(json.dumps(options))


def judge(tried: Tried, folder: Path) -> None:
    """Read what run_onnx2tf.py left."""
    if error := json.loads((folder / "result.json").read_text()):
        tried.failed = tried.failed or error
        if "more than" in error:
            tried.ways.clear()
        return
    with np.load(folder / "outputs.npz") as arrays:
        made = [arrays[name] for name in arrays.files]
    expected = tried.test.outputs
    if len(made) != len(expected):
        tried.failed = tried.failed or f"{len(made)} outputs, expected {len(expected)}"
        return
    faults = [fault for pair in zip(made, expected, strict=True) if (fault := _differs(*pair))]
    tried.right = not faults
    if faults:
        tried.wrong = tried.wrong or faults[0]


def _differs(made: Any, expected: Any) -> str | None:
    """Return how an output differs in whatever order its axes may be."""
    fault = None
    for order in itertools.permutations(range(made.ndim)):
        turned = made.transpose(order)
        if _without_ones(turned) == _without_ones(expected):
            turned = turned.reshape(expected.shape)
        found = compare(turned, expected)
        if found is None:
            return None
        fault = fault or found
    return fault


def _without_ones(array: Any) -> list[int]:
    return [size for size in array.shape if size != 1]


def run(python: Path, folder: Path) -> None:
    """Run all that was written, in a process that is started again when it dies."""
    environment = os.environ | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    program = Path(__file__).with_name("run_onnx2tf.py")
    while any(not (each / "result.json").exists() for each in folder.iterdir()):
        subprocess.run([python, program, folder], env=environment, capture_output=True, check=False)


def main() -> None:
    """Run the tests and print how they fare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("python", type=Path)
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    tests = list(choose_tests(asked.pattern, asked.every))
    while left := [tried for tried in tests if tried.ways and not tried.right]:
        with tempfile.TemporaryDirectory() as folder:
            folders = {tried.test.name: Path(folder) / tried.test.name for tried in left}
            for tried in left:
                write(tried, folders[tried.test.name])
            run(asked.python.absolute(), Path(folder))
            for tried in left:
                judge(tried, folders[tried.test.name])
    print(dict(collections.Counter(tried.status for tried in tests)))
    if asked.json:
        found = {each.test.name: [each.status, each.wrong or each.failed] for each in tests}
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
