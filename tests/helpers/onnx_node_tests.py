"""The node tests of the ONNX standard, which lie in the package onnx, through the importer.

Each test is a model of one operator with inputs and the outputs that the standard asks for. The
inputs stay inputs of the graph; where an operator needs one while the graph is built (a shape, an
axis), those of whole numbers become constants, then all but the first, then all.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    """A test: its model, and pairs of inputs and expected outputs."""

    name: str
    model: onnx.ModelProto
    data: list[tuple[list[Any], list[Any]]]


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
    inputs = test.data[0][0]
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
    if np.allclose(made, expected, rtol=relative, atol=absolute, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(made - expected))}"


@dataclass(kw_only=True)
class Built:
    """How a test fares.

    Attributes:
        status: "right", "wrong" or "error" in TensorFlow, or "refused".
        reason: Why it is refused, or how it is wrong.
        constants: Which inputs became constants.
        folder: The model of TensorFlow.js with the inputs of the first data; None for none.
        expected: The outputs that the standard asks for.
    """

    status: str
    reason: str = ""
    constants: list[int] = field(default_factory=list)
    folder: Path | None = None
    expected: list[Any] = field(default_factory=list)


def build(test: NodeTest, folder: Path | None = None) -> Built:
    """Build a test, run it in TensorFlow, and write it for TensorFlow.js into an empty folder."""
    reason = ""
    for fixed in ways(test):
        try:
            return _build(test, fixed, folder)
        except PipelineError as error:
            reason = reason or str(error)
    return Built(status="refused", reason=reason)


def _build(test: NodeTest, fixed: set[int], folder: Path | None) -> Built:
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.fixed_inputs import Fixed
    from pipeline.tf.onnx.onnx_model import make_model
    from pipeline.tf.onnx.operators import check_operators
    from pipeline.tf.onnx.trace import trace_graph

    model = make_model(_copy(test.model), test.name)
    check_operators(model)
    names = [info.name for info in test.model.graph.input]
    fed: dict[str, Any] = {}
    made = Built(status="right", constants=sorted(fixed))
    for inputs, expected in reversed(test.data):
        asked = Fixed(
            constants={names[i]: inputs[i] for i in fixed},
            shapes={n: tuple(a.shape) for n, a in zip(names, inputs, strict=True)},
        )
        function = trace_graph(
            GraphBuilder(model=model), constants=asked.constants, shapes=asked.shapes
        )
        ends = [end for end in model.graph.inputs if end.name not in asked.constants]
        fed = {end.name: _held(inputs[names.index(end.name)], end.dtype) for end in ends}
        for output, wanted in itertools.zip_longest(function(*fed.values()), expected):
            fault = compare(output, wanted)
            if fault:
                return Built(status="wrong", reason=fault, constants=sorted(fixed))
        made.expected = expected
    if folder is not None and fed:
        _write(test, asked, fed, folder)
        made.folder = folder
    return made


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy: reading a model takes its constants out of it."""
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


def _held(array: Any, dtype: str | None) -> Any:
    """Return an input in the dtype that TensorFlow.js has for it."""
    import tensorflow as tf

    from pipeline.tf.layout.value import held_dtype

    assert dtype is not None
    if dtype == "str":
        return tf.constant(array.astype(object))
    return tf.constant(array.astype(held_dtype(dtype).as_numpy_dtype))


def _write(test: NodeTest, asked: Any, fed: dict[str, Any], folder: Path) -> None:
    from pipeline.tf.onnx.convert_onnx import write_onnx
    from pipeline.tf.onnx.onnx_model import make_model

    folder.mkdir(parents=True, exist_ok=True)
    model = make_model(_copy(test.model), test.name)
    written = write_onnx(
        model, asked, source=Path(test.name), folder=folder, flags=ConversionFlags()
    )
    converted = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(converted.content)
    (folder / "model.json").write_bytes(
        format_model_json(dataclasses.replace(converted, content=content))
    )
    kept = {tie.name for tie in written.inputs or ()}
    write_inputs(folder, {name: value.numpy() for name, value in fed.items() if name in kept})
