"""The node tests of the ONNX standard, through the importer.

Each test is a model of one operator with inputs and the outputs that the standard asks for. The
inputs stay inputs of the graph; where an operator needs one while the graph is built (a shape, an
axis), those of whole numbers become constants, then all but the first, then all.

    python benchmarks/onnx/node_tests.py [PATTERN]
"""

import argparse
import collections
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class NodeTest:
    """A test: its model, and pairs of inputs and expected outputs."""

    name: str
    model: onnx.ModelProto
    data: list[tuple[list[Any], list[Any]]]


def find_folders(pattern: str = "*") -> list[Path]:
    """Return the folders of all node tests."""
    root = Path(onnx.backend.test.__file__).parent / "data" / "node"
    return sorted(path for path in root.glob(f"test_{pattern}") if (path / "model.onnx").exists())


def load(folder: Path) -> NodeTest:
    """Read a test.

    Raises:
        ValueError: An input or output is no tensor, or there is no data.
    """
    model = onnx.load(folder / "model.onnx")
    data = []
    for each in sorted(folder.glob("test_data_set_*")):
        sides = []
        for side, infos in (("input", model.graph.input), ("output", model.graph.output)):
            arrays = []
            for number, info in enumerate(infos):
                path = each / f"{side}_{number}.pb"
                if not path.exists():
                    raise ValueError("no data")
                if not info.type.HasField("tensor_type"):
                    raise ValueError("no tensor")
                arrays.append(numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())))
            sides.append(arrays)
        data.append((sides[0], sides[1]))
    if not data:
        raise ValueError("no data")
    return NodeTest(folder.name, model, data)


def ways(test: NodeTest) -> Iterator[set[int]]:
    """Yield which inputs become constants, fewest first."""
    inputs = test.data[0][0]
    yield set()
    whole = {i for i, a in enumerate(inputs) if a.dtype.kind in "iub" and a.ndim <= 1}
    seen = [set()]
    for found in (whole, whole - {0}, set(range(1, len(inputs))), set(range(len(inputs)))):
        if found not in seen:
            seen.append(found)
            yield found


def compare(made: Any, expected: Any) -> str | None:
    """Return how an output differs from the expected one; None where it does not."""
    made = np.asarray(made)
    if made.shape != expected.shape:
        return f"shape {made.shape}, expected {expected.shape}"
    if expected.dtype.kind in "OUS":
        decode = np.frompyfunc(lambda t: t.decode() if isinstance(t, bytes) else str(t), 1, 1)
        return None if np.array_equal(decode(made), decode(expected)) else "texts differ"
    if expected.dtype.kind not in "fiubc":
        expected = expected.astype(np.float32)
    if expected.dtype.kind in "iub":
        wrong = int(np.sum(made.astype(np.int64) != expected.astype(np.int64)))
        return f"{wrong} of {made.size} differ" if wrong else None
    relative, absolute = (2e-2, 1e-2) if expected.dtype.itemsize < 4 else (1e-3, 1e-5)
    if np.allclose(made, expected, rtol=relative, atol=absolute, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(made - expected))}"


def run_test(test: NodeTest) -> tuple[str, str]:
    """Return "right", "wrong" or "refused", and why."""
    import tensorflow as tf

    from pipeline.tf.layout.value import held_dtype
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.onnx_model import make_model
    from pipeline.tf.onnx.operators import check_operators
    from pipeline.tf.onnx.trace import trace_graph

    reason = ""
    for fixed in ways(test):
        try:
            model = make_model(test.model, test.name)
            check_operators(model)
            names = [info.name for info in test.model.graph.input]
            dtypes = {end.name: end.dtype for end in model.graph.inputs}
            for inputs, expected in test.data:
                constants = {names[i]: inputs[i] for i in fixed}
                shapes = {n: tuple(a.shape) for n, a in zip(names, inputs, strict=True)}
                function = trace_graph(
                    GraphBuilder(model=model), constants=constants, shapes=shapes
                )
                fed = [
                    tf.constant(a.astype(held_dtype(dtypes[names[i]]).as_numpy_dtype))
                    if a.dtype.kind not in "OUS" else tf.constant(a.astype(object))
                    for i, a in enumerate(inputs) if i not in fixed and names[i] in dtypes
                ]
                for made, wanted in itertools.zip_longest(function(*fed), expected):
                    fault = compare(made, wanted)
                    if fault:
                        return "wrong", fault
            return "right", "" if not fixed else f"with constants {sorted(fixed)}"
        except PipelineError as error:
            reason = reason or str(error)
        except Exception as error:  # noqa: BLE001  # any failure is counted
            reason = reason or f"{type(error).__name__}: {error}"
            if not isinstance(error, PipelineError) and fixed == set(range(len(test.data[0][0]))):
                return "error", reason
    return "refused", reason


def main() -> None:
    """Run the tests and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    results = {}
    for folder in find_folders(asked.pattern):
        try:
            test = load(folder)
        except ValueError as error:
            outcome, reason = "not run", str(error)
        else:
            outcome, reason = run_test(test)
        counts[outcome] += 1
        results[folder.name] = [outcome, reason]
        if outcome in ("wrong", "error"):
            print(outcome, folder.name, reason[:300], flush=True)
    print(dict(counts))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.exit(main())
