"""The node tests of the ONNX standard, which lie in the package onnx, through the importer.

Each test is a model of one operator with inputs and the outputs that the standard asks for. The
inputs stay inputs of the graph; where an operator needs one while the graph is built (a shape, an
axis), those of whole numbers become constants, then all but the first, then all. Many tests become
one graph: to trace, to write and to load a graph costs more than to compute it.
"""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper
from run_cases import write_inputs

from pipeline.errors import PipelineError
from pipeline.records.flags import ConversionFlags
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.rewrite.rewrite import rewrite_graph


@dataclass(frozen=True)
class NodeTest:
    """A test: its model, inputs, and the outputs that the standard asks for."""

    name: str
    model: onnx.ModelProto
    inputs: list[Any]
    outputs: list[Any]


def find_folders(pattern: str = "*") -> list[Path]:
    """Return the folders of all node tests."""
    root = Path(onnx.backend.test.__file__).parent / "data" / "node"
    return sorted(path for path in root.glob(f"test_{pattern}") if (path / "model.onnx").exists())


_RANDOM = {"Bernoulli", "RandomUniformLike"}
# Its input of float64 is a threshold exactly; as float32, which TensorFlow.js has, it is above it.
_ON_A_THRESHOLD = "test_ai_onnx_ml_tree_ensemble_single_tree"


def load(folder: Path) -> NodeTest:
    """Read a test.

    Raises:
        ValueError: An input or output is no tensor, there is no data, or numbers are random.
    """
    model = onnx.load(folder / "model.onnx")
    if any(node.op_type in _RANDOM for node in model.graph.node):
        raise ValueError("random numbers")
    if folder.name == _ON_A_THRESHOLD:
        raise ValueError("a number that float32 does not hold")
    data = folder / "test_data_set_0"
    sides = [
        [_load_tensor(data / f"{side}_{number}.pb", info) for number, info in enumerate(infos)]
        for side, infos in (("input", model.graph.input), ("output", model.graph.output))
    ]
    return NodeTest(folder.name, model, *sides)


def _load_tensor(path: Path, info: onnx.ValueInfoProto) -> Any:
    if not path.exists():
        raise ValueError("no data")
    if not info.type.HasField("tensor_type"):
        raise ValueError("no tensor")
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


_APART: dict[str, set[int]] = {
    "texts": {onnx.TensorProto.STRING},
    "numbers of 8 bits and less": {
        int(number)
        for name, number in onnx.TensorProto.DataType.items()
        if name.startswith(("FLOAT8", "FLOAT4", "FLOAT6", "INT4", "UINT4", "INT2", "UINT2"))
    },
}


def kind_of(test: NodeTest) -> str | None:
    """Return the kind of a test that is counted apart; None for inference on ordinary numbers."""
    if any("training" in node.domain for node in test.model.graph.node):
        return "training"
    infos = [*test.model.graph.input, *test.model.graph.output]
    used = {info.type.tensor_type.elem_type for info in infos}
    return next((kind for kind, types in _APART.items() if used & types), None)


def ways(test: NodeTest) -> Iterator[set[int]]:
    """Yield which inputs become constants, fewest first."""
    inputs = test.inputs
    yield set()
    whole = {i for i, a in enumerate(inputs) if a.dtype.kind in "iub" and a.ndim <= 1}
    seen: list[set[int]] = [set()]
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
    is_small = expected.dtype.itemsize < 4
    if expected.dtype.kind not in "fiubc":
        expected = expected.astype(np.float32)
    if expected.dtype.kind in "iub":
        wrong = int(np.sum(made.astype(np.int64) != expected.astype(np.int64)))
        return f"{wrong} of {made.size} differ" if wrong else None
    relative, absolute = (2e-2, 1e-2) if is_small else (1e-3, 1e-5)
    # Sums of large numbers that are small have the errors of the large ones.
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(expected), where=np.isfinite(expected), initial=0.0)
    absolute = max(absolute, 1e-6 * float(largest))
    if np.allclose(made, expected, rtol=relative, atol=absolute, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(made - expected))}"


@dataclass(kw_only=True)
class Built:
    """How a test fares.

    Attributes:
        test: The test.
        status: "right", "wrong" or "error" in TensorFlow, or "refused".
        reason: Why it is refused, or how it is wrong.
        in_graph: Whether it has outputs in the graph; what is constant has none.
    """

    test: NodeTest
    status: str = "right"
    reason: str = ""
    in_graph: bool = False

    def judge(self, made: Iterable[Any]) -> tuple[str, str]:
        """Return status and reason of outputs."""
        faults = (compare(m, wanted) for m, wanted in zip(made, self.test.outputs, strict=True))
        fault = next(filter(None, faults), "")
        return ("wrong" if fault else "right"), fault


@dataclass(frozen=True)
class Together:
    """The graph of several tests: how each fares, the function, and its inputs by unique names."""

    built: list[Built]
    function: Any
    inputs: dict[str, Any]


def build(tests: Sequence[NodeTest]) -> list[Together]:
    """Build the graph of tests and run it in TensorFlow; a graph for each where that fails."""
    try:
        together = _trace(tests)
        made = iter(together.function(*together.inputs.values()))
    except Exception as error:  # noqa: BLE001  # any failure is counted
        if len(tests) > 1:
            return [each for test in tests for each in build([test])]
        return [Together([Built(test=tests[0], status="error", reason=_say(error))], None, {})]
    for each in together.built:
        if each.in_graph:
            each.status, each.reason = each.judge(itertools.islice(made, len(each.test.outputs)))
    return [together]


def _trace(tests: Sequence[NodeTest]) -> Together:
    import tensorflow as tf

    drafts = [_Draft(test, number) for number, test in enumerate(tests)]
    starts = {name: start for draft in drafts for name, start in draft.starts.items()}

    def run(*tensors: Any) -> list[Any]:
        given = dict(zip(starts, tensors, strict=True))
        return [made for draft in drafts for made in draft.build(given)]

    traced = tf.function(
        run, input_signature=[spec for spec, _ in starts.values()], autograph=False
    )
    function = traced.get_concrete_function()
    inputs = {name: array for name, (_, array) in starts.items()}
    return Together([draft.built for draft in drafts], function, inputs)


class _Draft:
    """A test on its way into a graph.

    Attributes:
        built: How it fares.
        starts: Types and arrays of what may be inputs of the graph, by unique names.
    """

    def __init__(self, test: NodeTest, number: int) -> None:
        from pipeline.tf.onnx.onnx_model import make_model
        from pipeline.tf.onnx.operators import check_operators

        self.built = Built(test=test)
        self.starts: dict[str, Any] = {}
        self._number = number
        self._refused: dict[str, PipelineError] = {}
        try:
            self._model = make_model(_copy(test.model), test.name)
            check_operators(self._model)
            self._start()
        except Exception as error:  # noqa: BLE001  # any failure is counted
            self._fail(error)

    def _start(self) -> None:
        """Describe the inputs; note which can be constants alone."""
        import tensorflow as tf

        from pipeline.tf.onnx.trace import describe_input

        arrays = self._arrays()
        for end in self._model.graph.inputs:
            array = arrays[end.name]
            try:
                spec = describe_input(end, self._number, {}, {end.name: array.shape})
            except PipelineError as error:
                self._refused[end.name] = error
                continue
            name = self._name(end.name)
            held = array.astype(object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype)
            self.starts[name] = (tf.TensorSpec(array.shape, spec.dtype, name), held)

    def build(self, given: Mapping[str, Any]) -> list[Any]:
        """Build it in the first way that is not refused; return its outputs in the graph."""
        reason: Exception | None = None
        for fixed in () if self.built.reason else ways(self.built.test):
            try:
                return self._build(fixed, given)
            except PipelineError as error:
                reason = reason or error
            except Exception as error:  # noqa: BLE001  # any failure is counted
                reason = error
                break
        if reason:
            self._fail(reason)
        return []

    def _build(self, fixed: set[int], given: Mapping[str, Any]) -> list[Any]:
        import tensorflow as tf

        from pipeline.tf.layout.value import constant
        from pipeline.tf.onnx.build_graph import GraphBuilder
        from pipeline.tf.onnx.trace import build_outputs, enter_input

        names = [info.name for info in self.built.test.model.graph.input]
        values = {names[number]: constant(self.built.test.inputs[number]) for number in fixed}
        ends = [end for end in self._model.graph.inputs if end.name not in values]
        builder = GraphBuilder(model=self._model)
        if not ends:
            with tf.init_scope():
                made = build_outputs(builder, values)
            self.built.status, self.built.reason = self.built.judge(made)
            return []
        for end in ends:
            if end.name in self._refused:
                raise self._refused[end.name]
            values[end.name] = enter_input(end, given[self._name(end.name)], None)
        made = build_outputs(builder, values)
        self.built.in_graph = True
        return made

    def _arrays(self) -> dict[str, Any]:
        names = [info.name for info in self.built.test.model.graph.input]
        return dict(zip(names, self.built.test.inputs, strict=True))

    def _name(self, name: str) -> str:
        return f"test_{self._number}_{name}"

    def _fail(self, error: Exception) -> None:
        self.built.status = "refused" if isinstance(error, PipelineError) else "error"
        self.built.reason = str(error) if isinstance(error, PipelineError) else _say(error)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy: reading a model takes its constants out of it."""
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


def write(together: Together, folder: Path) -> None:
    """Write a graph for TensorFlow.js into an empty folder, with its inputs."""
    from pipeline.tf.freeze_function import write_function

    outputs = range(len(together.function.outputs))
    folder.mkdir()
    written = write_function(
        together.function,
        inputs=list(together.inputs),
        outputs=[f"output_{number}" for number in outputs],
        source=Path("tests"),
        folder=folder,
        flags=ConversionFlags(),
    )
    converted = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(converted.content)
    (folder / "model.json").write_bytes(
        format_model_json(dataclasses.replace(converted, content=content))
    )
    kept = {tie.name for tie in written.inputs or ()}
    write_inputs(folder, {n: array for n, array in together.inputs.items() if n in kept})


def describe(
    results: Mapping[str, Mapping[str, tuple[str, str]]], apart: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each test that is wrong, and the counts of each runtime.

    Args:
        results: Status and reason of each test, by runtime and name.
        apart: The kind of each test that is counted apart.
    """
    for runtime, outcomes in results.items():
        for name, (status, reason) in outcomes.items():
            if status in ("wrong", "error"):
                yield f"{runtime} {status} {name} {reason[:300]}"
        for kind in (None, *sorted(set(apart.values()))):
            statuses = [each[0] for name, each in outcomes.items() if apart.get(name) == kind]
            yield f"{runtime}, {kind or 'inference'}: {dict(collections.Counter(statuses))}"
